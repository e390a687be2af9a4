"""From the series that Prometheus answers with to the rows of one batch. Pure: no network, no clock.

A step [t, t + step) is stamped with its start t, so a UTC day holds exactly the steps that begin in it.
"""

from __future__ import annotations

import json
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from assets.connectors.base import BrokenRow

TIMESTAMP = pa.timestamp("ms", tz="UTC")
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Series:
    """One series of a matrix: labels, step starts in ms since 1970, and values as the server wrote them."""

    labels: Mapping[str, str]
    times: Sequence[int]
    values: Sequence[str]

    @property
    def shown(self) -> str:
        """The labels as PromQL writes them, in a stable order."""
        rest = ", ".join(f'{k}="{v}"' for k, v in sorted(self.labels.items()) if k != "__name__")
        return f"{self.labels.get('__name__', '')}{{{rest}}}"


@dataclass(frozen=True)
class Rows:
    """Rows of one batch: those that can be read, their numbers from 1, and those that cannot."""

    frame: pa.Table
    source_rows: pa.Array
    broken: tuple[BrokenRow, ...]


def ci_of(labels: Mapping[str, str], ci_label: str, ci_map: Mapping[str, str]) -> str | None:
    """The configuration item that a series measures; None when it lacks the label."""
    value = labels.get(ci_label)
    return ci_map.get(value, value) if value else None


def sample_rows(
    series: Iterable[Series], ci_label: str, ci_map: Mapping[str, str], several_fix: str | None = None
) -> Rows:
    """Rows (ci_id, observed_at, value) of gauges and counters, one a series and step.

    Samples of a series without `ci_label`, and those of several series that claim the same item at the same
    moment, are broken rows: to land one of them would be a guess. `several_fix` is the advice for the latter
    where it is not PromQL's.
    """
    ordered = sorted(series, key=lambda one: one.shown)
    owners = [ci_of(one.labels, ci_label, ci_map) for one in ordered]
    claims = _contested(ordered, owners)
    contested = {owner for owner, _ in claims}
    good = _Good()
    broken: list[BrokenRow] = []
    number = 0
    for one, owner in zip(ordered, owners, strict=True):
        if owner is not None and owner not in contested:
            good.add(owner, one.times, one.values, range(number + 1, number + len(one.times) + 1))
            number += len(one.times)
            continue
        for moment, value in zip(one.times, one.values, strict=True):
            number += 1
            if owner is None:
                broken.append(_without_label(number, one, moment, value, ci_label))
            elif (owner, moment) in claims:
                broken.append(_several_series(number, one, moment, value, ci_label, several_fix))
            else:
                good.add(owner, [moment], [value], range(number, number + 1))
    return good.rows(broken)


@dataclass
class _Good:
    """Rows that can be read, column by column: a batch holds millions."""

    owners: list[str] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)
    times: list[int] = field(default_factory=list)
    values: list[str] = field(default_factory=list)
    numbers: list[range] = field(default_factory=list)

    def add(self, owner: str, times: Sequence[int], values: Sequence[str], numbers: range) -> None:
        self.owners.append(owner)
        self.counts.append(len(numbers))
        self.times += times
        self.values += values
        self.numbers.append(numbers)

    def rows(self, broken: list[BrokenRow]) -> Rows:
        which = np.repeat(np.arange(len(self.owners)), self.counts)
        numbers = [np.arange(part.start, part.stop, dtype=np.int64) for part in self.numbers]
        frame = pa.table(
            {
                "ci_id": pa.array(self.owners, pa.string()).take(pa.array(which)),
                "observed_at": pa.array(np.array(self.times, dtype=np.int64)).cast(TIMESTAMP),
                "value": pa.array(self.values, pa.string()),
            }
        )
        source_rows = np.concatenate(numbers) if numbers else np.empty(0, dtype=np.int64)
        return Rows(frame, pa.array(source_rows), tuple(broken))


def _contested(series: list[Series], owners: list[str | None]) -> frozenset[tuple[str, int]]:
    """The (item, moment) pairs that more than one series has a value for."""
    of_owner: dict[str, list[Series]] = defaultdict(list)
    for one, owner in zip(series, owners, strict=True):
        if owner is not None:
            of_owner[owner].append(one)
    contested: set[tuple[str, int]] = set()
    for owner, several in of_owner.items():
        if len(several) > 1:
            counts = Counter(moment for one in several for moment in one.times)
            contested.update((owner, moment) for moment, count in counts.items() if count > 1)
    return frozenset(contested)


def histogram_rows(
    series: Iterable[Series], ci_label: str, ci_map: Mapping[str, str], first_moment: int
) -> Rows:
    """Rows (ci_id, observed_at, upper_bound, count) from cumulative `le` series: growth since the one before.

    Growth is taken a series, with resets (a bucket that shrank restarts the whole histogram from zero), and
    summed over the series of one item. Steps before `first_moment` are only that sample before. Items whose
    series differ in their buckets at a moment give broken rows: their sum would not be cumulative.
    """
    groups: dict[str, list[Series]] = defaultdict(list)
    broken: list[BrokenRow] = []
    for one in sorted(series, key=lambda one: one.shown):
        missing = ci_label if not one.labels.get(ci_label) else "le" if _bound(one) is None else None
        if missing is None:
            groups[_without_le(one.labels)].append(one)
            continue
        broken += [
            _without_label(0, one, moment, value, missing)
            for moment, value in zip(one.times, one.values, strict=True)
            if moment >= first_moment
        ]
    sums: dict[tuple[str, int, float], float] = defaultdict(float)
    parts: Counter[tuple[str, int, float]] = Counter()
    whole: Counter[tuple[str, int]] = Counter()
    for buckets in groups.values():
        owner = ci_of(buckets[0].labels, ci_label, ci_map) or ""
        seen: set[int] = set()
        for moment, bound, growth in _growth(buckets):
            if moment >= first_moment:
                sums[owner, moment, bound] += growth
                parts[owner, moment, bound] += 1
                seen.add(moment)
        whole.update((owner, moment) for moment in seen)
    uneven = {key[:2] for key, count in parts.items() if count != whole[key[:2]]}
    good = [key for key in sorted(sums) if key[:2] not in uneven]
    broken += [_uneven(key, sums[key]) for key in sorted(sums) if key[:2] in uneven]
    frame = pa.table(
        {
            "ci_id": pa.array([key[0] for key in good], pa.string()),
            "observed_at": pa.array([key[1] for key in good], TIMESTAMP),
            "upper_bound": pa.array([key[2] for key in good], pa.float64()),
            "count": pa.array([sums[key] for key in good], pa.float64()),
        }
    )
    numbered = [
        BrokenRow(len(good) + position, row.text, row.reason, row.fix, row.field)
        for position, row in enumerate(broken, start=1)
    ]
    return Rows(frame, pa.array(range(1, len(good) + 1), pa.int64()), tuple(numbered))


def _growth(buckets: list[Series]) -> Iterable[tuple[int, float, float]]:
    """(moment, upper bound, growth) of one histogram; nothing for its first sample: it has none before it."""
    moments = sorted({moment for one in buckets for moment in one.times})
    at = {moment: position for position, moment in enumerate(moments)}
    totals: Floats = np.full((len(buckets), len(moments)), np.nan)
    present = np.zeros(totals.shape, dtype=bool)
    for row, one in enumerate(buckets):
        where = [at[moment] for moment in one.times]
        totals[row, where] = [_number(value) for value in one.values]
        present[row, where] = True
    with np.errstate(invalid="ignore"):
        growth = np.diff(totals, axis=1)
    has_reset = (growth < 0).any(axis=0)
    growth[:, has_reset] = totals[:, 1:][:, has_reset]
    for row, column in zip(*np.nonzero(present[:, 1:]), strict=True):
        yield moments[column + 1], float(buckets[row].labels["le"]), float(growth[row, column])


def _number(text: str) -> float:
    """NaN for what is no number: landing refuses the row."""
    try:
        return float(text)
    except ValueError:
        return math.nan


def _bound(one: Series) -> float | None:
    bound = _number(one.labels.get("le", ""))
    return None if math.isnan(bound) else bound


def _without_le(labels: Mapping[str, str]) -> str:
    return json.dumps({k: v for k, v in labels.items() if k != "le"}, sort_keys=True)


def _text(one: Series, moment: int, value: str) -> str:
    content: dict[str, Any] = {"labels": dict(one.labels), "at_ms": moment, "value": value}
    return json.dumps(content, sort_keys=True, ensure_ascii=False)


def _without_label(number: int, one: Series, moment: int, value: str, label: str) -> BrokenRow:
    field = "upper_bound" if label == "le" else "ci_id"
    reason = f"series {one.shown} has no usable label {label!r}"
    fix = f"make the query keep the label, e.g. `by ({label})`, or select only series that have it"
    return BrokenRow(number, _text(one, moment, value), reason, fix, field)


def _several_series(
    number: int, one: Series, moment: int, value: str, label: str, several_fix: str | None
) -> BrokenRow:
    reason = f"series {one.shown} and another one both have {label}={one.labels[label]!r} at this moment"
    fix = several_fix or f"aggregate in the query, e.g. `sum by ({label}) (…)`, or select one of the series"
    return BrokenRow(number, _text(one, moment, value), reason, fix, "ci_id")


def _uneven(key: tuple[str, int, float], growth: float) -> BrokenRow:
    content = {"ci_id": key[0], "at_ms": key[1], "upper_bound": str(key[2]), "count": growth}
    reason = f"the series of {key[0]!r} do not have the same buckets, so their sum is no histogram"
    fix = "give each bucket layout an item of its own through ci_label or ci_map"
    return BrokenRow(0, json.dumps(content, sort_keys=True), reason, fix, "upper_bound")
