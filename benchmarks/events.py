"""How well unusual hours are found on labelled series, beside a plain threshold and a seasonal z-score: `make bench`.

Prints the table of docs/capacity.md. Everyone sees the same hourly means, and everyone's unusual hours become events by
the same rule (open at a score, close at half of it, a day of quiet between two). Events are compared with the labels of
the second half of each series. The other two learn mean and standard deviation from the whole first half, and their
score from its labels; ours looks back as it does in production and opens at the product's own score.

A label run that some event touches (one hour of tolerance) is found; an event that touches a label run is right.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from assets.capacity.anomalies import OPEN_SCORE, QUIET_HOURS
from assets.capacity.baselines import HOURS, Floats, baseline
from orchestration.code_version import ROOT

Span = tuple[int, int]
Method = Callable[["Series"], Floats]
TEXTBOOK = 3.0
#: Hours between label runs of one anomaly, hours by which an event may miss one, days that nobody is judged on.
LABEL_GAP, TOLERANCE, WARM_UP_DAYS = 3, 1, 3
SCORES = (1, 1.5, 2, 2.5, 3, 3.5, 4, 5, 6, 7, 8, 10, 12, 15, 20, 30, 50)


@dataclass(frozen=True)
class Series:
    """Hourly means from a midnight on (NaN: no data) and whether an hour holds a labelled moment."""

    collection: str
    values: Floats
    is_labelled: npt.NDArray[np.bool_]
    first_weekday: int

    @property
    def half(self) -> int:
        """First hour of the second half."""
        return len(self.values) // 2


def collections(data: Path) -> Iterator[Series]:
    """The labelled series: points of Microsoft's cloud monitoring, windows of NAB."""
    for path in sorted((data / "cloud_monitoring").rglob("*.csv.gz")):
        raw = pd.read_csv(path)
        raw.columns = pd.Index(["at", "value", "label"])
        yield hourly("Microsoft cloud monitoring", raw)
    windows = json.loads((data / "nab_aws" / "combined_windows.json").read_text(encoding="utf-8"))
    for path in sorted((data / "nab_aws").glob("*.csv")):
        raw = pd.read_csv(path).set_axis(["at", "value"], axis=1)
        at = pd.to_datetime(raw["at"])
        spans = [pd.to_datetime(span) for span in windows[f"realAWSCloudwatch/{path.name}"]]
        label = np.any([at.between(*span) for span in spans] or [np.zeros(len(at), dtype=bool)], axis=0)
        yield hourly("AWS CloudWatch (NAB)", raw.assign(label=label))


def hourly(collection: str, raw: pd.DataFrame) -> Series:
    """Hourly means from whatever there is: several samples a moment, gaps, any distance."""
    at = pd.to_datetime(raw["at"], utc=True, format="mixed").dt.tz_localize(None).dt.floor("h")
    hours = raw.groupby(at).agg(value=("value", "mean"), label=("label", "max"))
    days = pd.date_range(at.min().normalize(), at.max().normalize() + pd.Timedelta(hours=23), freq="h")
    hours = hours.reindex(days)
    is_labelled = hours["label"].fillna(0).to_numpy(dtype=np.bool_)
    return Series(collection, hours["value"].to_numpy(np.float64), is_labelled, days[0].weekday())


def plain_threshold(series: Series) -> Floats:
    """Distance from the mean of the first half, in its standard deviations."""
    known = series.values[: series.half]
    return np.abs(series.values - np.nanmean(known)) / max(float(np.nanstd(known)), 1e-12)


def seasonal_z(series: Series) -> Floats:
    """The same by hour of the day."""
    of_day = np.arange(len(series.values)) % HOURS
    spread = 0.05 * float(np.nanstd(series.values[: series.half])) + 1e-12
    score = np.full(len(series.values), np.nan)
    for hour in range(HOURS):
        known = series.values[: series.half][of_day[: series.half] == hour]
        here = of_day == hour
        if np.isfinite(known).sum() > 1:
            deviation = np.abs(series.values[here] - np.nanmean(known))
            score[here] = deviation / max(float(np.nanstd(known)), spread)
    return score


def ours(series: Series) -> Floats:
    """Robust z beside the baseline of the product, from the hours before each day."""
    values = series.values.reshape(1, -1, HOURS)
    weekdays = (series.first_weekday + np.arange(values.shape[1])) % 7
    return np.abs(baseline(values, weekdays).score(values)).ravel()


def events(score: Floats, opens: float) -> list[Span]:
    """First and last hour of each event."""
    found: list[Span] = []
    for hour in np.flatnonzero(score >= opens / 2):
        if found and hour - found[-1][1] <= QUIET_HOURS + 1:
            found[-1] = (found[-1][0], int(hour))
        elif score[hour] >= opens:
            found.append((int(hour), int(hour)))
    return found


def label_runs(series: Series) -> list[Span]:
    """First and last hour of each labelled anomaly."""
    runs: list[Span] = []
    for hour in np.flatnonzero(series.is_labelled):
        if runs and hour - runs[-1][1] <= LABEL_GAP + 1:
            runs[-1] = (runs[-1][0], int(hour))
        else:
            runs.append((int(hour), int(hour)))
    return runs


def counts(series: Series, found: Sequence[Span], part: slice) -> npt.NDArray[np.int64]:
    """Events, right ones, label runs, found ones: of those that begin in `part`."""
    inside = [span for span in found if part.start <= span[0] < part.stop]
    labels = [span for span in label_runs(series) if part.start <= span[0] < part.stop]

    def touches(one: Span, other: Span) -> bool:
        return one[0] <= other[1] + TOLERANCE and other[0] <= one[1] + TOLERANCE

    right = sum(any(touches(event, label) for label in labels) for event in inside)
    hit = sum(any(touches(event, label) for event in inside) for label in labels)
    return np.array([len(inside), right, len(labels), hit])


def measures(total: npt.NDArray[np.int64]) -> tuple[float, float, float]:
    """Precision, recall, F1."""
    precision = total[1] / total[0] if total[0] else 0.0
    recall = total[3] / total[2] if total[2] else 0.0
    return precision, recall, 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def evaluate(
    all_series: Sequence[Series], method: Method, opens: float, *, second_half: bool
) -> dict[str, tuple[float, float, float]]:
    """Precision, recall and F1 of each collection, in one half of its series."""
    totals: dict[str, npt.NDArray[np.int64]] = {}
    for series in all_series:
        part = (
            slice(series.half, len(series.values))
            if second_half
            else slice(WARM_UP_DAYS * HOURS, series.half)
        )
        counted = counts(series, events(method(series), opens), part)
        totals[series.collection] = totals.get(series.collection, np.zeros(4, dtype=np.int64)) + counted
    return {collection: measures(total) for collection, total in totals.items()}


def learnt(all_series: Sequence[Series], method: Method, *, second_half: bool = False) -> float:
    """The score with the highest sum of F1 over the collections."""

    def quality(opens: float) -> float:
        return sum(f1 for _, _, f1 in evaluate(all_series, method, opens, second_half=second_half).values())

    return max(SCORES, key=quality)


def table(all_series: Sequence[Series]) -> Iterator[tuple[str, str, float, tuple[float, float, float]]]:
    """Method, collection, score that opens, and (precision, recall, F1) on the second halves."""
    for name, method in (
        ("plain threshold", plain_threshold),
        ("seasonal z-score", seasonal_z),
        ("Ullage", ours),
    ):
        opens = OPEN_SCORE if method is ours else learnt(all_series, method)
        for collection, result in evaluate(all_series, method, opens, second_half=True).items():
            yield name if method is ours else f"{name}, learnt", collection, opens, result
        if method is not ours:
            for collection, result in evaluate(all_series, method, TEXTBOOK, second_half=True).items():
                yield f"{name}, 3", collection, TEXTBOOK, result
            best = learnt(all_series, method, second_half=True)
            for collection, result in evaluate(all_series, method, best, second_half=True).items():
                yield f"{name}, hindsight", collection, best, result


def main() -> None:
    """Print one row a method and collection."""
    data = Path(os.environ.get("ULLAGE_SAMPLE_DATA", ROOT.parent / "shared" / "data"))
    if not data.is_dir():
        print("No labelled series: set ULLAGE_SAMPLE_DATA to their folder.")
        return
    all_series = list(collections(data))
    print("| method | series | opens at | precision | recall | F1 |\n|---|---|---|---|---|---|")
    for name, collection, opens, (precision, recall, f1) in table(all_series):
        print(f"| {name} | {collection} | {opens:g} | {precision:.2f} | {recall:.2f} | {f1:.2f} |")


if __name__ == "__main__":
    main()
