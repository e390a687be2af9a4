"""What is usual for an hour, and how unusual an hour was: robust baselines that know only the days before.

The hour-of-week baseline of a day comes from its *reference days*: the days of the same weekday (a public holiday
counts as a Sunday) in the six weeks before. Two simpler ones stand beside it: the hours of the last days of the same
kind (working day or day off), for series that are new or have no week in them, and the level, the median of the last
week. A day of a series is judged by a simpler one where that has fitted its last 14 days better.

Hours of earlier weeks are moved by the difference between the level then and now. So growth is no surprise, and a
level shift is one for about four days.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

BASES = ("hour_of_week", "hour_of_day", "recent_level")
HOURS = 24
SATURDAY, SUNDAY = 5, 6
#: Reference days of a baseline: how many at most, and how far back they may lie.
SAME_WEEKDAY = (6, 42)
SAME_KIND = (7, 28)
MINIMUM_REFERENCES = 3
MINIMUM_HOURS = 6
LEVEL_DAYS = 7
#: How well a basis fits is told by its worse days: one that is wrong on Fridays is wrong one working day in five.
FIT_DAYS, FIT_QUANTILE, MINIMUM_FIT_DAYS = 14, 0.9, 4
#: A deviation that the largest of a day exceeds on three days in ten is usual: heavy tails widen the scale.
TAIL_DAYS, TAIL_QUANTILE = 28, 0.7
#: One hour in fifty of a normal series lies further out than this: brings that deviation to standard deviations.
TAIL_SIGMAS = 2.33
MAD_TO_SIGMA = 1.4826
#: A nearly constant series is judged as if it varied by this share of its level.
FLOOR_RATIO = 0.01
#: For series that were always 0: whatever they do is new.
SMALLEST_SCALE = 1e-12


@dataclass(frozen=True)
class Baseline:
    """Shape (series, days, 24) each, in the unit of the series; NaN where too little is known.

    `expected` is the median of the reference hours, `mad` their median absolute deviation. `scale` is what one standard
    deviation is taken to be: the largest of 1.4826 · MAD, the usual largest deviation of a day / 2.33, and 1 % of the
    level. `basis` indexes `BASES`.
    """

    expected: Floats
    mad: Floats
    scale: Floats
    basis: Ints

    def score(self, values: Floats) -> Floats:
        """Robust z of `values` (same shape); NaN where value or baseline is unknown."""
        return np.asarray((values - self.expected) / self.scale)


def baseline(
    values: Floats, weekdays: Ints, is_holiday: Flags | None = None, known_days: int | None = None
) -> Baseline:
    """The baseline of every day, from the days before it alone.

    `values` has shape (series, days, 24), NaN for hours without data; `weekdays` (days,) is 0 (Monday) to 6 (Sunday).
    Days from `known_days` on lie ahead (their values are NaN): all are seen from the first of them.
    """
    days = values.shape[1]
    is_holiday = np.zeros(days, dtype=np.bool_) if is_holiday is None else is_holiday
    at = np.minimum(np.arange(days), days if known_days is None else known_days)
    ordinary = np.where(is_holiday, np.nan, _median(values, MINIMUM_HOURS))
    level = _trailing(ordinary, LEVEL_DAYS, at, 0.5, minimum=1)
    weekdays = np.where(is_holiday, SUNDAY, weekdays)
    off = weekdays >= SATURDAY
    unknown = np.full(values.shape, np.nan)
    candidates = [
        _of_references(values, level, _references(weekdays, *SAME_WEEKDAY)),
        _of_references(values, np.zeros_like(level), _references(off.astype(np.int64), *SAME_KIND)),
        (np.broadcast_to(level[:, :, None], values.shape), unknown),
    ]
    best = np.full(level.shape, np.inf)
    expected, mad, tail = unknown, unknown, np.full(level.shape, np.nan)
    basis = np.zeros(values.shape, dtype=np.int64)
    for number, (centre, spread) in enumerate(candidates):
        deviation = np.abs(values - centre)
        fit = _trailing(_median(deviation, MINIMUM_HOURS), FIT_DAYS, at, FIT_QUANTILE, MINIMUM_FIT_DAYS)
        is_better = fit < best
        best = np.where(is_better, fit, best)
        largest = np.fmax.reduce(deviation, axis=2)
        usual = _trailing(largest, TAIL_DAYS, at, TAIL_QUANTILE, MINIMUM_FIT_DAYS)
        tail = np.where(is_better, usual, tail)
        whole_day = is_better[:, :, None]
        expected, mad = np.where(whole_day, centre, expected), np.where(whole_day, spread, mad)
        basis = np.where(whole_day, number, basis)
    scale = np.fmax(MAD_TO_SIGMA * mad, np.fmax(tail / TAIL_SIGMAS, FLOOR_RATIO * np.abs(level))[:, :, None])
    scale = np.where(np.isfinite(expected), np.fmax(scale, SMALLEST_SCALE), np.nan)
    return Baseline(expected, mad, scale, basis)


def _references(kinds: Ints, count: int, reach: int) -> Ints:
    """For each day the newest `count` days of its kind in the `reach` days before, shape (days, count); -1 for none."""
    days = kinds.size
    references = np.full((days, count), -1, dtype=np.int64)
    for day in range(days):
        same = np.flatnonzero(kinds[max(0, day - reach) : day] == kinds[day]) + max(0, day - reach)
        newest = same[::-1][:count]
        references[day, : newest.size] = newest
    return references


def _of_references(values: Floats, level: Floats, references: Ints) -> tuple[Floats, Floats]:
    """Median and MAD of the reference hours, moved to the level of the day, shape (series, days, 24)."""
    there = references >= 0
    moved = values[:, references] + (level[:, :, None] - level[:, references])[..., None]
    moved = np.moveaxis(np.where(there[None, :, :, None], moved, np.nan), 2, 3)
    centre = _median(moved, MINIMUM_REFERENCES)
    return centre, _median(np.abs(moved - centre[..., None]), MINIMUM_REFERENCES)


def _median(values: Floats, minimum: int) -> Floats:
    """Median along the last axis without NaN; NaN where fewer than `minimum` are left."""
    return _quantile(values, 0.5, minimum)


def _quantile(values: Floats, fraction: float, minimum: int) -> Floats:
    """Linearly interpolated quantile (Hyndman and Fan type 7) along the last axis without NaN."""
    ordered = np.sort(values, axis=-1)  # NaN last
    count = np.isfinite(ordered).sum(axis=-1)
    position = fraction * np.maximum(count - 1, 0)
    lower = position.astype(np.int64)
    upper = np.minimum(lower + 1, np.maximum(count - 1, 0))
    low = np.take_along_axis(ordered, lower[..., None], axis=-1)[..., 0]
    high = np.take_along_axis(ordered, upper[..., None], axis=-1)[..., 0]
    return np.where(count >= minimum, low + (position - lower) * (high - low), np.nan)


def _trailing(daily: Floats, days: int, at: Ints, fraction: float, minimum: int) -> Floats:
    """Quantile of the `days` days before each day of `at`, shape (series, days)."""
    before = np.concatenate([np.full((daily.shape[0], days), np.nan), daily], axis=1)
    return _quantile(sliding_window_view(before, days, axis=1)[:, at], fraction, minimum)
