"""Demand series as frames and as panels: reading history, and naming whatever is wrong with it.

A *panel* is one array for many series, aligned at their last point, so that every later step is array
arithmetic. No model belongs here.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]

DEFAULT_QUANTILES: tuple[float, ...] = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
MIN_POINTS = 3
MAX_POINTS = 1500
_EPOCH = pd.Timestamp(0)
#: 1970-01-01 was a Thursday: three days after Monday.
_EPOCH_WEEKDAY = 3
_DAY = pd.Timedelta(days=1)


class ForecastInputError(ValueError):
    """The frame as a whole cannot be read; trouble with a single series is a note, never this error."""


@dataclass(frozen=True)
class Panel:
    """Many series on one regular grid, aligned at their end.

    `values` is [series, time], NaN where nothing was observed; `last` is the grid index (steps since
    1970-01-01) of the last column, one a series; `lower` and `upper` are bounds in the unit of the series,
    infinite when there are none; `notes` what reading found, one tuple a series.
    """

    ids: tuple[str, ...]
    values: FloatArray
    last: IntArray
    step: pd.Timedelta
    lower: FloatArray
    upper: FloatArray
    notes: tuple[tuple[str, ...], ...] = field(default=())
    seasons: tuple[int, ...] = ()

    @property
    def periods(self) -> tuple[int, ...]:
        """Season lengths in steps, shortest first: `seasons` if given, else a week of days, or a day and a week."""
        if self.seasons:
            return self.seasons
        per_day = int(_DAY // self.step)
        return (7,) if per_day == 1 else (per_day, 7 * per_day)

    @property
    def week_phase(self) -> IntArray | None:
        """Steps from Monday midnight (UTC) to the first column, one a series; None where weekdays are no matter.

        That is, of daily series, whose season is the week itself, and where `seasons` are given.
        """
        if len(self.periods) < 2 or self.seasons:
            return None
        first = self.last - self.values.shape[1] + 1
        return (first + _EPOCH_WEEKDAY * self.periods[0]) % self.periods[1]

    def until(self, dropped: int) -> Panel:
        """The panel as it stood `dropped` steps earlier."""
        if dropped == 0:
            return self
        return replace(self, values=self.values[:, :-dropped], last=self.last - dropped)

    def dates(self, horizon: int) -> npt.NDArray[np.datetime64]:
        """Target stamps [series, horizon] that follow the last column."""
        steps = self.last[:, None] + np.arange(1, horizon + 1)
        nanoseconds = steps * np.int64(self.step.value)
        return (nanoseconds // 1000).astype("datetime64[us]")


def quantile_columns(quantiles: Sequence[float]) -> list[str]:
    """Column names of quantile levels: 0.1 becomes `q0.1`.

    Raises ForecastInputError when the levels are not strictly increasing within (0, 1).
    """
    levels = [float(level) for level in quantiles]
    inside = all(0 < level < 1 for level in levels)
    if not levels or not inside or any(b <= a for a, b in itertools.pairwise(levels)):
        raise ForecastInputError(f"quantiles {tuple(levels)}: give increasing levels between 0 and 1")
    return [f"q{level:g}" for level in levels]


def parse_freq(freq: str) -> pd.Timedelta:
    """Step of a pandas frequency text such as `D`, `h` or `15min`.

    Raises ForecastInputError unless a whole number of steps makes a day.
    """
    try:
        step = pd.Timedelta(pd.tseries.frequencies.to_offset(freq))  # type: ignore[arg-type]
    except ValueError as error:
        raise ForecastInputError(f"freq {freq!r}: give D, h, or minutes such as 15min") from error
    if step <= pd.Timedelta(0) or _DAY % step != pd.Timedelta(0):
        raise ForecastInputError(f"freq {freq!r}: give D, h, or minutes that divide a day, such as 15min")
    return step


def build_panel(history: pd.DataFrame, freq: str, end: pd.Timestamp | None = None) -> Panel:
    """Put `unique_id, ds, y` (and optional `lower`, `upper`) on a regular grid.

    `end`: last stamp of every series (later points are left out); without it each series ends at its own
    last point. Stamps are floored to the grid and points of one step averaged; values that are not finite
    numbers count as missing. At most `MAX_POINTS` steps are kept (four days of shorter steps, if that is
    more). Each of these leaves a note.

    Raises ForecastInputError for missing columns, null ids or an unusable frequency.
    """
    step = parse_freq(freq)
    points, notes = _read_points(history, step, end)
    names = tuple(notes)
    code = pd.Index(names).get_indexer(pd.Index(points["unique_id"])).astype(np.int64)
    last = np.full(
        len(names), _grid(pd.Series([end]), step)[0] if end is not None else np.iinfo(np.int64).min
    )
    grid = points["grid"].to_numpy(dtype=np.int64)
    if end is None:
        np.maximum.at(last, code, grid)
        last[last == np.iinfo(np.int64).min] = 0
    age = last[code] - grid
    cap = max(MAX_POINTS, 4 * int(_DAY // step))
    width = int(min(cap, age.max() + 1)) if len(age) else 1
    values = np.full((len(names), width), np.nan)
    kept = age < width
    values[code[kept], width - 1 - age[kept]] = points["y"].to_numpy(dtype=float)[kept]
    for position in np.unique(code[~kept]):
        notes[names[position]].append(f"only the last {width} steps of history are used")
    lower, upper = _bounds(history, names, values, notes)
    return Panel(
        ids=names,
        values=values,
        last=last.astype(np.int64),
        step=step,
        lower=lower,
        upper=upper,
        notes=tuple(tuple(notes[name]) for name in names),
    )


def _read_points(
    history: pd.DataFrame, step: pd.Timedelta, end: pd.Timestamp | None
) -> tuple[pd.DataFrame, dict[str, list[str]]]:
    """One row a series and grid step, and the notes a series collected on the way there."""
    missing = [name for name in ("unique_id", "ds", "y") if name not in history.columns]
    if missing:
        raise ForecastInputError(f"history lacks the column {missing[0]}: it needs unique_id, ds and y")
    null_ids = history["unique_id"].isna().to_numpy()
    if null_ids.any():
        raise ForecastInputError(
            f"history row {int(null_ids.argmax()) + 1}: unique_id is null; give each row an id"
        )
    frame = pd.DataFrame({"unique_id": history["unique_id"].astype(str).to_numpy(dtype=object)})
    stamps = pd.to_datetime(pd.Series(history["ds"].to_numpy()), utc=True, errors="coerce", format="mixed")
    frame["ds"] = stamps.dt.tz_localize(None)
    numbers = pd.to_numeric(pd.Series(history["y"].to_numpy()), errors="coerce").to_numpy(
        dtype=float, na_value=np.nan
    )
    frame["y"] = np.where(np.isfinite(numbers), numbers, np.nan)
    notes: dict[str, list[str]] = {str(name): [] for name in sorted(frame["unique_id"].unique())}

    _count(notes, frame[frame["ds"].isna()], "{} points without a readable time are left out")
    frame = frame[frame["ds"].notna()]
    if end is not None:
        late = _grid(frame["ds"], step) > _grid(pd.Series([end]), step)[0]
        _count(notes, frame[late], "{} points after the end of the history are left out")
        frame = frame[~late]
    _count(notes, frame[frame["y"].isna()], "{} values are missing or not finite")
    frame = frame[frame["y"].notna()]
    grid = _grid(frame["ds"], step)
    frame = frame.assign(grid=grid)
    _count(
        notes,
        frame[frame["ds"].to_numpy() != _stamps(grid, step)],
        "{} stamps off the grid are floored to it",
    )
    _count(notes, frame[frame.duplicated(["unique_id", "grid"])], "{} points share a step and are averaged")
    # Sorted before averaging: the mean of a step must not depend on the order of the rows.
    ordered = frame.sort_values(["unique_id", "grid", "y"], kind="stable")
    return ordered.groupby(["unique_id", "grid"], sort=True)["y"].mean().reset_index(), notes


def _count(notes: dict[str, list[str]], rows: pd.DataFrame, text: str) -> None:
    for name, count in rows.groupby("unique_id").size().items():
        notes[str(name)].append(text.format(count))


def _grid(stamps: pd.Series, step: pd.Timedelta) -> IntArray:
    """Whole steps since 1970-01-01."""
    return np.asarray((pd.to_datetime(stamps) - _EPOCH) // step, dtype=np.int64)


def _stamps(grid: IntArray, step: pd.Timedelta) -> npt.NDArray[np.datetime64]:
    return (grid * np.int64(step.value)).astype("datetime64[ns]")


def _bounds(
    history: pd.DataFrame, names: tuple[str, ...], values: FloatArray, notes: dict[str, list[str]]
) -> tuple[FloatArray, FloatArray]:
    """Bounds of each series; notes those that cross, which bound nothing, and values beyond them."""
    lower = _bound(history, names, "lower", -np.inf)
    upper = _bound(history, names, "upper", np.inf)
    crossed = lower > upper
    lower, upper = np.where(crossed, -np.inf, lower), np.where(crossed, np.inf, upper)
    beyond = ((values < lower[:, None]) | (values > upper[:, None])).sum(axis=1)
    for position in np.flatnonzero(crossed):
        notes[names[position]].append("lower bound above the upper one: both left out")
    for position in np.flatnonzero(beyond):
        notes[names[position]].append(
            f"{beyond[position]} values lie beyond the bounds, the forecast does not"
        )
    return lower, upper


def _bound(history: pd.DataFrame, names: tuple[str, ...], column: str, default: float) -> FloatArray:
    """Last known bound of each series."""
    if column not in history.columns:
        return np.full(len(names), default)
    numbers = pd.to_numeric(pd.Series(history[column].to_numpy()), errors="coerce").astype(float)
    known = numbers.groupby(history["unique_id"].astype(str).to_numpy()).last()
    return np.asarray(known.reindex(list(names)).fillna(default), dtype=np.float64)


def quantile_frame(
    panel: Panel, values: FloatArray, quantiles: Sequence[float], models: Sequence[str], notes: Sequence[str]
) -> pd.DataFrame:
    """Wide frame `unique_id, ds, q…, model, notes`, a row a series and step.

    `values` is [series, horizon, quantile]; `models` and `notes` one text a series.
    """
    count, horizon, _ = values.shape
    columns: dict[str, Any] = {
        "unique_id": np.repeat(np.array(panel.ids, dtype=object), horizon),
        "ds": panel.dates(horizon).ravel(),
    }
    for position, name in enumerate(quantile_columns(quantiles)):
        columns[name] = values[:, :, position].reshape(count * horizon)
    columns["model"] = np.repeat(np.array(list(models), dtype=object), horizon)
    columns["notes"] = np.repeat(np.array(list(notes), dtype=object), horizon)
    frame = pd.DataFrame(columns)
    return frame.astype({"unique_id": "str", "model": "str", "notes": "str"})
