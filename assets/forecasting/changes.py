"""What people know and a history does not say: maintenance, outages, changes, events of the business, overrides.

`prepare` takes what will not come again out of the history, before the model sees it; `adjust` puts what is known to
come on its forecast. Both leave a note on each series that they touch; measured data are never edited.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from assets.forecasting.forecast import PanelForecast, natural_bounds
from assets.forecasting.frames import FloatArray

#: Days on each side of a change that say whether it moved the level, and how few may be measured.
SHIFT_DAYS, SHIFT_MIN_DAYS = 14, 7
#: A shift is over this many robust standard deviations of the daily noise, and over this part of the level.
SHIFT_NOISE, SHIFT_RATIO = 3.0, 0.1
_MAD_TO_SIGMA = 1.4826


@dataclass(frozen=True)
class Known:
    """Frames of what is known, one row a series and fact.

    `masked`: `series_id, observed_date, reason`. `changes`: `series_id, change_date, title`, what may have moved the
    level from that day on. `events`: `series_id, first_date, last_date, factor, title`. `overrides`: `series_id,
    first_date, last_date, factor, value, author, reason`, one of factor and value given.
    """

    masked: pd.DataFrame
    changes: pd.DataFrame
    events: pd.DataFrame
    overrides: pd.DataFrame

    def of_the_past(self) -> Known:
        """Without what a replay of an earlier day cannot know: what was planned and overridden."""
        return replace(self, events=self.events.iloc[:0], overrides=self.overrides.iloc[:0])


def prepare(daily: pd.DataFrame, known: Known) -> tuple[pd.DataFrame, dict[str, list[str]]]:
    """History as the model should see it, and notes by series. `daily`: `series_id, observed_date, demand_value, …`."""
    notes: dict[str, list[str]] = {}
    values = daily["demand_value"].to_numpy(dtype=float).copy()
    stamps = pd.to_datetime(daily["observed_date"]).to_numpy().astype("datetime64[D]")
    positions = daily.groupby("series_id", sort=False).indices
    rows_of = {str(series): np.asarray(rows) for series, rows in positions.items()}
    _mask(values, stamps, rows_of, known.masked, notes)
    for event in _rows(known.events):
        rows = rows_of.get(event.series_id, np.empty(0, dtype=np.int64))
        during = rows[(stamps[rows] >= _day(event.first_date)) & (stamps[rows] <= _day(event.last_date))]
        if len(during):
            values[during] /= event.factor
            _add(notes, event.series_id, f"{event.title} (×{event.factor:g}) taken out of {len(during)} days")
    for series, changes in known.changes.groupby("series_id", sort=True):
        if str(series) in rows_of:
            rows = rows_of[str(series)]
            _move(values, stamps, rows[np.argsort(stamps[rows], kind="stable")], changes, notes)
    return daily.assign(demand_value=values), notes


def _mask(
    values: FloatArray,
    stamps: np.ndarray,
    rows_of: Mapping[str, np.ndarray],
    masked: pd.DataFrame,
    notes: dict[str, list[str]],
) -> None:
    for (series, reason), found in masked.groupby(["series_id", "reason"], sort=True):
        rows = rows_of.get(str(series), np.empty(0, dtype=np.int64))
        days = pd.to_datetime(found["observed_date"]).to_numpy().astype("datetime64[D]")
        hit = rows[np.isin(stamps[rows], days)]
        if len(hit):
            values[hit] = np.nan
            _add(notes, str(series), f"{len(hit)} days of {reason} left out")


def _move(
    values: FloatArray,
    stamps: np.ndarray,
    rows: np.ndarray,
    changes: pd.DataFrame,
    notes: dict[str, list[str]],
) -> None:
    """History before each change that moved the level of a series, rescaled to the level after; latest change first."""
    ordered = changes.sort_values(["change_date", "title"], ascending=[False, True], kind="stable")
    for change in _rows(ordered.drop_duplicates("change_date")):
        day = _day(change.change_date)
        before, after = rows[stamps[rows] < day], rows[stamps[rows] > day]
        ratio = _shift(values[before][-SHIFT_DAYS:], values[after][:SHIFT_DAYS])
        if ratio is not None:
            values[rows[stamps[rows] <= day]] *= ratio
            _add(
                notes,
                str(change.series_id),
                f"{change.title} moved the level (×{ratio:.2f}): history rescaled",
            )


def _shift(before: FloatArray, after: FloatArray) -> float | None:
    """Level after ÷ level before, None when the two do not differ clearly or too little is known."""
    before, after = before[np.isfinite(before)], after[np.isfinite(after)]
    if min(len(before), len(after)) < SHIFT_MIN_DAYS:
        return None
    low, high = float(np.median(before)), float(np.median(after))
    noise = _MAD_TO_SIGMA * float(np.median(np.abs(np.r_[before - low, after - high])))
    is_clear = abs(high - low) > max(SHIFT_NOISE * noise, SHIFT_RATIO * abs(low))
    return high / low if is_clear and low > 0 and high > 0 else None


def adjust(made: PanelForecast, known: Known, notes: Mapping[str, list[str]]) -> PanelForecast:
    """`made` with events to come and overrides on it, and with the notes of `prepare`; an override has the last word.

    A factor moves all quantiles; a value becomes the median, and the interval goes with it.
    """
    dates = made.panel.dates(made.values.shape[1]).astype("datetime64[D]")
    position_of = {name: position for position, name in enumerate(made.panel.ids)}
    values = made.values.copy()
    texts = [list(filter(None, [text])) for text in made.notes]
    for name, found in notes.items():
        if name in position_of:
            texts[position_of[name]] += found
    median = made.quantiles.index(0.5)
    for event in _rows(known.events):
        at = _ahead(event, position_of, dates)
        if at is not None and at[1].any():
            values[at[0], at[1]] *= event.factor
            texts[at[0]].append(f"{event.title} expected: ×{event.factor:g} on {int(at[1].sum())} days")
    for order in _rows(known.overrides):
        at = _ahead(order, position_of, dates)
        if at is None or not at[1].any() or not np.isfinite(values[at[0]]).all():
            continue
        rows = values[at[0], at[1]]
        if pd.notna(order.value):
            values[at[0], at[1]] = order.value + rows - rows[:, [median]]
            what = f"set to {order.value:g}"
        else:
            values[at[0], at[1]] = rows * order.factor
            what = f"×{order.factor:g}"
        days = f"{pd.Timestamp(order.first_date):%Y-%m-%d} to {pd.Timestamp(order.last_date):%Y-%m-%d}"
        texts[at[0]].append(f"override by {order.author}: {what} from {days} ({order.reason})")
    lower, upper = natural_bounds(made.panel)
    return replace(
        made,
        values=np.clip(values, lower[:, None, None], upper[:, None, None]),
        notes=tuple("; ".join(found) for found in texts),
    )


def _ahead(fact: Any, position_of: Mapping[str, int], dates: np.ndarray) -> tuple[int, np.ndarray] | None:
    """Position of the fact's series, and which target days it is about."""
    position = position_of.get(fact.series_id)
    if position is None:
        return None
    first, last = _day(fact.first_date), _day(fact.last_date)
    return position, (dates[position] >= first) & (dates[position] <= last)


def _rows(frame: pd.DataFrame) -> Iterator[Any]:
    yield from frame.itertuples()


def _day(value: Any) -> np.datetime64:
    return pd.Timestamp(value).to_datetime64().astype("datetime64[D]")


def _add(notes: dict[str, list[str]], series: str, text: str) -> None:
    notes.setdefault(series, []).append(text)
