"""Cheap forecasts of a whole panel at once: levels, trends and seasons that need no fitting worth the name.

The learned model takes them as features, so each may be wrong in its own way. Seasons are counted backwards
from the end of a panel; the calendar is needed only to tell weekends from working days.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from assets.forecasting.frames import BoolArray, FloatArray, IntArray
from assets.forecasting.seasonal_naive import last_season, nan_mean, nan_median, repeat

EXPERTS = (
    "last_week",
    "fast_level",
    "level",
    "slow_level",
    "line",
    "damped",
    "season_mean",
    "season_median",
    "naive",
    "season_level",
    "long_level",
    "fading",
    "moved_week",
    "phase_median",
    "recent_phase_median",
)
#: Further ones of daily series, which grow while they are forecast; an hour resembles the last one instead.
DAILY_EXPERTS = ("year_ago", "growth", "recent_line", "curve")
HOURLY_EXPERTS = ("last_level", "same_kind_of_day")
#: Half-life, in days, of what days of one kind have shown.
KIND_HALF_LIFE = 14
#: A year in whole weeks, so that weekdays meet; told from this many days around each.
YEAR_DAYS, YEAR_HALF_WINDOW = 364, 10
#: Growth is told up to this exponent over the horizon (a factor of twenty): beyond it is a short history misread.
MOST_GROWTH = 3.0
#: Half-life of that line, as a part of the history.
RECENT_PART = 6
#: Bends of the curve that are tried: over the history its slope changes by e to this power. Then how large one is
#: expected to be before anything is known, and up to which exponent, and for which part of the history's length, the
#: curve goes on bending before it goes on straight.
BENDS = tuple(number / 2 for number in range(-8, 9))
USUAL_BEND, MOST_BEND, BENT_PART = 1.0, 1.5, 0.5
#: A season that is proportional to the level goes down to this part of it.
LEAST_PART = 0.01
#: Weeks that count for there being no season.
SEASON_DOUBT = 0.2
#: No curve leaves less than this part unexplained; a smaller bend is none.
EXACT = 1e-12
DAILY = (7,)
#: Days of the week from Monday, 0.
SATURDAY = 5
ROUNDS = 3
OUTLIER = 6.0
#: A step needs half a season of points on either side, of days a week.
MIN_SIDE = 7
#: A step is sharp when the weeks around it show this part of it.
SHARP = 0.75
_TINY = 1e-300


def expert_names(periods: tuple[int, ...]) -> tuple[str, ...]:
    """Names of the cheap forecasts of series with these seasons, in order."""
    return (*EXPERTS, *(DAILY_EXPERTS if periods == DAILY else HOURLY_EXPERTS))


@dataclass(frozen=True)
class Decomposition:
    """A panel [series, time] taken apart.

    `base` is what is left without season, with earlier history moved to the level after the last detected
    step; `season` the fitted season, `ahead` the season over the horizon, `weight` 0 to 1 (0: missing, small:
    outlier), `noise` the median absolute remainder, `slope` that of a robust line through `base`, `outliers`
    and `steps` counts, `spikes` that of outliers above and `spike_size` how far above they are in the mean.
    `aligned` is the panel itself with earlier history moved like `base`, NaN where missing.
    """

    base: FloatArray
    season: FloatArray
    ahead: FloatArray
    weight: FloatArray
    noise: FloatArray
    slope: FloatArray
    outliers: FloatArray
    spikes: FloatArray
    spike_size: FloatArray
    steps: FloatArray
    aligned: FloatArray


def cheap_forecasts(
    values: FloatArray, periods: tuple[int, ...], horizon: int, week_phase: IntArray | None = None
) -> tuple[FloatArray, Decomposition]:
    """Forecasts [expert, series, horizon] in the order of `expert_names`, and the decomposition behind them.

    `values` is [series, time], NaN where missing, with at least one value a series; `week_phase` as in `Panel`.
    """
    width = values.shape[1]
    short = periods[0]
    usable = tuple(period for period in periods if width >= 2 * period) or (short,)
    long = usable[-1]
    parts = decompose(values, usable, horizon)
    known = parts.aligned
    ahead = np.arange(1, horizon + 1.0)
    back = np.arange(width) - (width - 1.0)
    flat = parts.base - parts.slope[:, None] * back
    recent_slope = weighted_line(parts.base, parts.weight * _decay(width, 4 * short))[1]
    recent_flat = parts.base - recent_slope[:, None] * back
    keep = 0.5 ** (1 / (4 * short))
    damped = keep * (1 - keep**ahead) / (1 - keep)

    def level(base: FloatArray, half_life: float) -> FloatArray:
        return _recent_mean(base, parts.weight, half_life)[:, None]

    median_season = _season_of(known, long, 4 if long > 7 or width < 8 * long else 8)
    forecasts: tuple[FloatArray, ...] = (
        repeat(last_season(known, long), horizon),
        level(parts.base, max(short / 4, 2)) + parts.ahead,
        level(parts.base, 2 * short) + parts.ahead,
        level(parts.base, 8 * short) + parts.ahead,
        level(flat, 2 * short) + parts.slope[:, None] * ahead + parts.ahead,
        level(recent_flat, short) + recent_slope[:, None] * damped + parts.ahead,
        repeat(_season_mean(known, short, 4), horizon),
        repeat(median_season, horizon),
        repeat(last_season(known, short), horizon),
        _flat(known[:, -short:], known, horizon),
        _flat(known[:, -long:], known, horizon),
        level(parts.base, 2 * short) + parts.ahead + _fading(known, parts, short, ahead),
        repeat(last_season(known, long), horizon) + _weekly_move(known, short, long),
        repeat(_season_of(known, short, 7), horizon),
        repeat(_season_of(known, short, 3), horizon),
    )
    further: tuple[FloatArray, ...]
    if periods == DAILY:
        year_ago = forecasts[EXPERTS.index("level")] + _yearly_move(values, parts, horizon)
        further = (
            year_ago,
            _growth(parts, 2 * short, ahead),
            _recent_line(parts, 2 * short, ahead),
            _curve(parts, short, ahead),
        )
    else:
        season = repeat(_season_mean(known, short, 4), horizon)
        # Not moved like the others: after a few days a weekend may have been taken for a step.
        kinds = kinds_of_days(values, parts.weight, periods, horizon, week_phase)
        further = (
            level(parts.base, 1.0) + parts.ahead,
            np.where(np.isnan(kinds.ahead), season, kinds.ahead),
        )
    # A row of nothing but NaN has no median; what is not ready is never read.
    return np.nan_to_num(np.stack((*forecasts, *further))), parts


@dataclass(frozen=True)
class KindsOfDays:
    """What working days and weekends of a panel have been like, all NaN without a calendar.

    `ahead` [series, horizon] is the mean of the same hour on days of the same kind (NaN: none was seen), `difference`
    [series] weekends less working days over the hours that both have shown.
    """

    ahead: FloatArray
    difference: FloatArray


def kinds_of_days(
    values: FloatArray,
    weight: FloatArray,
    periods: tuple[int, ...],
    horizon: int,
    week_phase: IntArray | None,
) -> KindsOfDays:
    """Means by hour of working days and of weekends, weighted by `weight` [series, time], later days more."""
    (count, width), day = values.shape, periods[0]
    if week_phase is None:
        return KindsOfDays(np.full((count, horizon), np.nan), np.full(count, np.nan))
    days = (week_phase[:, None] + np.arange(width + horizon)) // day % 7
    is_weekend = days >= SATURDAY
    lead = -width % day
    seen = np.where(np.isnan(values), 0.0, weight * _decay(width, KIND_HALF_LIFE * day))
    profiles = []
    for kind in (~is_weekend, is_weekend):
        mass = np.pad(seen * kind[:, :width], ((0, 0), (lead, 0))).reshape(count, -1, day)
        filled = np.pad(np.nan_to_num(values), ((0, 0), (lead, 0))).reshape(count, -1, day)
        total = mass.sum(axis=1)
        mean = (mass * filled).sum(axis=1) / np.where(total > 0, total, 1.0)
        profiles.append(np.where(total > 0, mean, np.nan))
    working, weekend = (repeat(profile, horizon) for profile in profiles)
    return KindsOfDays(
        ahead=np.where(is_weekend[:, width:], weekend, working),
        difference=nan_mean(profiles[1] - profiles[0]),
    )


def _recent_line(parts: Decomposition, half_life: float, ahead: FloatArray) -> FloatArray:
    """The line of the last part of the base going on [series, horizon]: for growth that gets steeper or flatter."""
    width = parts.base.shape[1]
    fading = _decay(width, max(width / RECENT_PART, 2 * half_life))
    slope = weighted_line(parts.base, parts.weight * fading)[1]
    back = np.arange(width) - (width - 1.0)
    now = _recent_mean(parts.base - slope[:, None] * back, parts.weight, half_life)
    return np.asarray(now[:, None] + slope[:, None] * ahead + parts.ahead, dtype=float)


def _curve(parts: Decomposition, period: int, ahead: FloatArray) -> FloatArray:
    """Growth that gets steeper or levels off, times a season that grows with it [series, horizon].

    p(t)·(a + b·e^(k·t)): the modified exponential curve, of which a straight line is the case k = 0, with a season p.
    The bend k is the mean of `BENDS` by how well each explains the history: one that does not tell its bend gets none.
    """
    width = parts.base.shape[1]
    back = np.arange(width) - (width - 1.0)
    profile, rest, carried = _proportional_season(parts, period, len(ahead))
    recent = parts.weight * profile**2
    weight = recent * _decay(width, width)
    total = np.maximum(weight.sum(axis=1, keepdims=True), _TINY)
    off = rest - (weight * rest).sum(axis=1, keepdims=True) / total
    bend = _expected_bend(off, weight, total)[:, None] / width
    time = _bent(back, bend)
    apart = time - (weight * time).sum(axis=1, keepdims=True) / total
    free = np.maximum((weight * apart**2).sum(axis=1, keepdims=True), _TINY)
    slope = (weight * apart * off).sum(axis=1, keepdims=True) / free
    now = _recent_mean(rest - slope * time, recent, period)[:, None]
    farthest = np.minimum(MOST_BEND / np.maximum(np.abs(bend), EXACT), BENT_PART * width)
    straight = np.exp(bend * farthest) * np.maximum(ahead - farthest, 0.0)
    grown = now + slope * (_bent(np.minimum(ahead, farthest), bend) + straight)
    return np.asarray(np.where(np.isnan(carried), grown + parts.ahead, grown * carried), dtype=float)


def _expected_bend(off: FloatArray, weight: FloatArray, total: FloatArray) -> FloatArray:
    """Mean of the `BENDS` [series] by how well a line over time so bent explains `off` [series, time].

    That is the posterior mean of normal misses and a normal prior. `total` is the sum of `weight` of each series. Days
    that resemble their neighbours count for less: for the part that is left in a mean of AR(1), squared, since what
    wanders bends now and then without going on so.
    """
    width = off.shape[1]
    times = np.stack([_bent(np.arange(width) - (width - 1.0), np.array(bend / width)) for bend in BENDS])
    centre = weight @ times.T / total
    product = (weight * off) @ times.T
    slope = product / np.maximum(weight @ (times**2).T - total * centre**2, _TINY)
    squares = (weight * off**2).sum(axis=1, keepdims=True)
    left = np.maximum(squares - slope * product, EXACT * squares + _TINY)
    best = left.argmin(axis=1)[:, None]
    miss = off - np.take_along_axis(slope, best, 1) * (
        times[best[:, 0]] - np.take_along_axis(centre, best, 1)
    )
    both = weight[:, 1:] * weight[:, :-1]
    alike = (both * miss[:, 1:] * miss[:, :-1]).sum(axis=1)
    alike = alike / np.maximum((both * miss[:, 1:] ** 2).sum(axis=1), _TINY)
    alike = np.clip(alike, 0.0, 0.99)[:, None]
    count = total * ((1 - alike) / (1 + alike)) ** 2
    usual = np.exp(-((np.array(BENDS) / USUAL_BEND) ** 2) / 2)
    likely = (left.min(axis=1, keepdims=True) / left) ** (count / 2) * usual
    return np.asarray(likely @ np.array(BENDS) / likely.sum(axis=1), dtype=float)


def _proportional_season(
    parts: Decomposition, period: int, horizon: int
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Season as a part of the level [series, time], what is left without it, and the season ahead [series, horizon].

    Ones, `base` and NaN for a series whose level is not above zero all along: nothing is proportional to that.
    """
    count, width = parts.base.shape
    level = _moving_mean(parts.base, parts.weight, 2 * period)
    is_positive = ((level > 0) | (parts.weight == 0)).all(axis=1, keepdims=True)
    known = np.nan_to_num(parts.aligned)
    has_level = is_positive & (level > 0)
    ratio = np.where(has_level, known / np.where(has_level, level, 1.0), 1.0)
    lead = -width % period
    total = np.pad(parts.weight * ratio, ((0, 0), (lead, 0))).reshape(count, -1, period).sum(axis=1)
    mass = np.pad(parts.weight, ((0, 0), (lead, 0))).reshape(count, -1, period).sum(axis=1)
    profile = np.maximum((total + SEASON_DOUBT) / (mass + SEASON_DOUBT), LEAST_PART)
    profile = profile / profile.mean(axis=1, keepdims=True)
    over = np.tile(profile, (1, -(-width // period)))[:, -width:]
    rest = np.where(is_positive, known / over, parts.base)
    return over, rest, np.where(is_positive, repeat(profile, horizon), np.nan)


def _bent(time: FloatArray, bend: FloatArray) -> FloatArray:
    """Time along a curve whose slope changes by the part `bend` a step, itself where there is none."""
    straight = np.abs(bend) < EXACT
    return np.asarray(
        np.where(straight, time, np.expm1(bend * time) / np.where(straight, 1.0, bend)), dtype=float
    )


def _growth(parts: Decomposition, half_life: float, ahead: FloatArray) -> FloatArray:
    """Level and season growing by the same part each step: a robust line through the logarithm of the base.

    [series, horizon]. What season and noise have taken near zero or below counts as a twentieth of the median.
    """
    width = parts.base.shape[1]
    middle = np.maximum(nan_median(np.where(parts.weight > 0, parts.base, np.nan)), 0.0)[:, None]
    # Divided by a power of two near the median, which costs no digit: then the unit does not matter to the logarithm.
    unit = np.where(middle > 0, 2.0 ** np.frexp(middle)[1], 1.0)
    logarithm = np.log(np.maximum(parts.base / unit, 0.05 * middle / unit + _TINY))
    rate = weighted_line(logarithm, parts.weight * _decay(width, max(width / 2, half_life)))[1]
    rate = np.clip(rate, -MOST_GROWTH / len(ahead), MOST_GROWTH / len(ahead))
    back = np.arange(width) - (width - 1.0)
    now = unit * np.exp(_recent_mean(logarithm - rate[:, None] * back, parts.weight, half_life))[:, None]
    grown = (now + parts.ahead) * np.exp(rate[:, None] * ahead)
    return np.asarray(np.where(middle > 0, grown, parts.ahead), dtype=float)


def _flat(recent: FloatArray, values: FloatArray, horizon: int) -> FloatArray:
    """Median of the recent values at every step: the best guess where neither season nor trend repeats."""
    return np.broadcast_to(_or_all(nan_median(recent), values)[:, None], (len(values), horizon))


def _or_all(recent: FloatArray, values: FloatArray) -> FloatArray:
    return np.where(np.isnan(recent), nan_median(values), recent)


def _fading(values: FloatArray, parts: Decomposition, short: int, ahead: FloatArray) -> FloatArray:
    """How far the last values lie off the level, fading as fast as such distances faded before (AR(1))."""
    seen = ~np.isnan(values)
    level = _recent_mean(parts.base, parts.weight, 2 * short)
    rest = np.where(seen, parts.base - level[:, None], 0.0)
    weight = (parts.weight * _decay(values.shape[1], 8 * short))[:, 1:] * seen[:, :-1]
    product = (weight * rest[:, 1:] * rest[:, :-1]).sum(axis=1)
    square = np.maximum((weight * rest[:, :-1] ** 2).sum(axis=1), _TINY)
    keep = np.clip(product / square, 0.0, 0.98)
    last = _recent_mean(rest, seen.astype(float), 1.0)
    return np.asarray(last[:, None] * keep[:, None] ** ahead, dtype=float)


def _yearly_move(values: FloatArray, parts: Decomposition, horizon: int) -> FloatArray:
    """How far the level went from this day of last year to each step ahead, a year before.

    [series, horizon]; 0 for a history shorter than a year and two windows.
    """
    width = parts.base.shape[1]
    if width < YEAR_DAYS + 2 * YEAR_HALF_WINDOW:
        return np.zeros((len(parts.base), horizon))
    # Not `base`: a year's wave may have been taken for a step there.
    smooth = _moving_mean(np.nan_to_num(values - parts.season), parts.weight, YEAR_HALF_WINDOW)
    # Steps beyond a year ahead repeat the first year's move.
    like = width - YEAR_DAYS + np.arange(horizon) % YEAR_DAYS
    return np.asarray(smooth[:, like] - smooth[:, [width - 1 - YEAR_DAYS]], dtype=float)


def _weekly_move(values: FloatArray, short: int, long: int) -> FloatArray:
    """Median of the last short season less that of the one a long season before [series, 1]."""
    gap = long if long > short else short
    now = _or_all(nan_median(values[:, -short:]), values)
    before = values[:, max(values.shape[1] - short - gap, 0) : max(values.shape[1] - gap, 1)]
    return (now - _or_all(nan_median(before), values))[:, None]


def decompose(values: FloatArray, periods: tuple[int, ...], horizon: int) -> Decomposition:
    """Robust season, steps and line by alternating fits.

    Each round weighs down what the last could not explain.
    """
    count, width = values.shape
    seen = ~np.isnan(values)
    filled = np.where(seen, values, 0.0)
    slow = _decay(width, max(width / 2, periods[0]))
    recent = _decay(width, 4 * periods[-1] if len(periods) > 1 else 6 * periods[0])
    half_window = periods[-1] // 2 if width >= 3 * periods[-1] else periods[0] // 2
    season, weight = np.zeros((count, width)), seen.astype(float)
    profiles: list[FloatArray] = []
    rest, spread = filled, np.zeros(count)
    for _ in range(ROUNDS):
        line = _line_values(filled - season, weight * slow)
        rough = filled - line
        local = _moving_mean(rough - season, weight, half_window)
        season, profiles = _fit_season(rough - local, weight * recent, periods)
        rest = rough - local - season
        spread = nan_median(np.where(seen, np.abs(rest), np.nan)) * 1.4826
        floor = 1e-12 * np.abs(line).max(axis=1) + _TINY
        weight = seen / np.maximum(1.0, np.abs(rest) / (3 * (spread + floor))[:, None])
    base, steps = align_steps(filled - season, weight, spread, periods[0])
    slope = weighted_line(base, weight * slow)[1]
    is_outlier = seen & (np.abs(rest) > (OUTLIER * spread)[:, None]) & (spread > 0)[:, None]
    is_spike = is_outlier & (rest > 0)
    spikes = is_spike.sum(axis=1).astype(float)
    ahead = np.zeros((count, horizon))
    for profile in profiles:
        ahead = ahead + repeat(profile, horizon)
    return Decomposition(
        base=np.where(seen, base, 0.0),
        season=season,
        ahead=ahead,
        weight=weight,
        noise=spread / 1.4826,
        slope=slope,
        outliers=is_outlier.sum(axis=1).astype(float),
        spikes=spikes,
        spike_size=np.where(is_spike, rest, 0.0).sum(axis=1) / np.maximum(spikes, 1.0),
        steps=steps,
        aligned=values + (base - (filled - season)),
    )


def align_steps(
    base: FloatArray, weight: FloatArray, spread: FloatArray, period: int
) -> tuple[FloatArray, FloatArray]:
    """Move history before a level shift to the level after it.

    Returns the moved base and the number of steps found. A step is the split that takes most squared error
    off a weighted line (least squares with one more regressor, all splits at once by cumulative sums). It
    counts when it explains more than half of that error, of days when it is sharp already from a quarter on; when it
    explains more than a bend does, is larger than three standard deviations of the noise, and has half a season of
    points (of days a week) on either side. At most two steps a series.
    """
    steps = np.zeros(len(base))
    moved = base
    for _ in range(2):
        split, size, explained = _best_split(moved, weight, max(period // 2, MIN_SIDE))
        is_clear = explained > 0.5
        if period == DAILY[0]:
            is_clear |= (explained > 0.25) & _is_sharp(moved, weight, split, size)
        found = is_clear & (np.abs(size) > 3 * spread) & (split > 0)
        if not found.any():
            break
        before = np.arange(base.shape[1])[None, :] < split[:, None]
        moved = moved - np.where(before & found[:, None], size[:, None], 0.0)
        steps = steps + found
    return moved, steps


def _is_sharp(base: FloatArray, weight: FloatArray, split: FloatArray, size: FloatArray) -> BoolArray:
    """Whether the week before a split and the week after it are nearly as far apart as the levels: nothing wandered."""
    after = np.arange(base.shape[1])[None, :] - split[:, None]
    slope = weighted_line(base - np.where(after < 0, size[:, None], 0.0), weight)[1]
    level = base - slope[:, None] * after
    apart = _weighted_mean(level, weight * ((after < 0) & (after >= -MIN_SIDE)))
    apart = apart - _weighted_mean(level, weight * ((after >= 0) & (after < MIN_SIDE)))
    return np.asarray(apart * np.sign(size) > SHARP * np.abs(size), dtype=np.bool_)


def _weighted_mean(values: FloatArray, weight: FloatArray) -> FloatArray:
    return np.asarray((values * weight).sum(axis=1) / np.maximum(weight.sum(axis=1), _TINY), dtype=float)


def _best_split(base: FloatArray, weight: FloatArray, side: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    width = base.shape[1]
    time = np.arange(width) - (width - 1.0)
    rest = (base - _line_values(base, weight)) * weight
    before = np.cumsum(weight, axis=1)
    before_time = np.cumsum(weight * time, axis=1)
    score = np.cumsum(rest, axis=1)
    total, first = before[:, -1:], before_time[:, -1:]
    second = (weight * time**2).sum(axis=1, keepdims=True)
    determinant = np.maximum(total * second - first**2, _TINY)
    along_line = (
        second * before**2 - 2 * first * before * before_time + total * before_time**2
    ) / determinant
    free = before - along_line
    points = np.cumsum(weight > 0, axis=1)
    allowed = (points >= side) & (points[:, -1:] - points >= side) & (free > 1e-6 * total)
    gain = np.where(allowed, score**2 / np.where(allowed, free, 1.0), 0.0)
    at = gain.argmax(axis=1)
    rows = np.arange(len(base))
    size = np.where(allowed[rows, at], score[rows, at] / np.where(allowed, free, 1.0)[rows, at], 0.0)
    error = np.where(weight > 0, rest**2 / np.maximum(weight, _TINY), 0.0).sum(axis=1)
    explained = gain[rows, at] / np.maximum(error, _TINY)
    is_step = gain[rows, at] > _gain_of_a_bend(rest, weight, time)
    return np.where(is_step, at + 1, 0).astype(float), size, explained


def _gain_of_a_bend(rest: FloatArray, weight: FloatArray, time: FloatArray) -> FloatArray:
    """Squared error that a parabola takes off a weighted line: growth that gets steeper is no step."""
    curve = np.broadcast_to(time**2, weight.shape)
    curve = curve - _line_values(curve, weight)
    free = (weight * curve**2).sum(axis=1)
    return np.asarray((rest * curve).sum(axis=1) ** 2 / np.maximum(free, _TINY), dtype=float)


def weighted_line(base: FloatArray, weight: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Weighted least-squares line of each row: value at the last column, and slope a step (0 if unknown)."""
    width = base.shape[1]
    time = np.arange(width) - (width - 1.0)
    total, first = weight.sum(axis=1), (weight * time).sum(axis=1)
    second = (weight * time**2).sum(axis=1)
    value, product = (weight * base).sum(axis=1), (weight * base * time).sum(axis=1)
    determinant = total * second - first**2
    solid = determinant > 1e-9 * np.maximum(total, _TINY) ** 2
    slope = np.where(solid, (total * product - first * value) / np.where(solid, determinant, 1.0), 0.0)
    return (value - slope * first) / np.maximum(total, _TINY), slope


def _line_values(base: FloatArray, weight: FloatArray) -> FloatArray:
    width = base.shape[1]
    intercept, slope = weighted_line(base, weight)
    return intercept[:, None] + slope[:, None] * (np.arange(width) - (width - 1.0))


def _decay(width: int, half_life: float) -> FloatArray:
    return np.asarray(0.5 ** ((width - 1.0 - np.arange(width)) / half_life), dtype=float)


def _recent_mean(base: FloatArray, weight: FloatArray, half_life: float) -> FloatArray:
    faded = weight * _decay(base.shape[1], half_life)
    return (faded * base).sum(axis=1) / np.maximum(faded.sum(axis=1), _TINY)


def _moving_mean(values: FloatArray, weight: FloatArray, half: int) -> FloatArray:
    width = values.shape[1]
    total = np.cumsum(np.pad(values * weight, ((0, 0), (1, 0))), axis=1)
    mass = np.cumsum(np.pad(weight, ((0, 0), (1, 0))), axis=1)
    low = np.clip(np.arange(width) - half, 0, width)
    high = np.clip(np.arange(width) + half + 1, 0, width)
    return (total[:, high] - total[:, low]) / np.maximum(mass[:, high] - mass[:, low], 1e-9)


def _fit_season(
    rest: FloatArray, weight: FloatArray, periods: tuple[int, ...]
) -> tuple[FloatArray, list[FloatArray]]:
    """Season of each period in turn, the longer on what the shorter left; shrunk where points are few."""
    season, profiles = np.zeros(rest.shape), []
    width = rest.shape[1]
    for position, period in enumerate(periods):
        if width < 2 * period:
            profiles.append(np.zeros((len(rest), period)))
            continue
        profile = _phase_mean(rest - season, weight, period, shrink=1.0 + position)
        profiles.append(profile)
        season = season + np.tile(profile, (1, -(-width // period)))[:, -width:]
    return season, profiles


def _phase_mean(values: FloatArray, weight: FloatArray, period: int, shrink: float) -> FloatArray:
    count, width = values.shape
    lead = -width % period
    total = np.pad(values * weight, ((0, 0), (lead, 0))).reshape(count, -1, period).sum(axis=1)
    mass = np.pad(weight, ((0, 0), (lead, 0))).reshape(count, -1, period).sum(axis=1)
    mean = total / (mass + shrink)
    return np.asarray(mean - mean.mean(axis=1, keepdims=True), dtype=float)


def _recent_seasons(values: FloatArray, period: int, seasons: int) -> FloatArray:
    count, width = values.shape
    whole = max(1, min(width // period, seasons))
    padded = np.full((count, max(width, period)), np.nan)
    padded[:, -width:] = values
    return padded[:, -whole * period :].reshape(count, whole, period)


def _season_mean(values: FloatArray, period: int, seasons: int) -> FloatArray:
    recent = _recent_seasons(values, period, seasons)
    seen: BoolArray = ~np.isnan(recent)
    count = seen.sum(axis=1)
    mean = np.where(seen, recent, 0.0).sum(axis=1) / np.maximum(count, 1)
    return np.where(count > 0, mean, last_season(values, period))


def _season_of(values: FloatArray, period: int, seasons: int) -> FloatArray:
    recent = _recent_seasons(values, period, seasons)
    count, _, _ = recent.shape
    flat = recent.transpose(0, 2, 1).reshape(count * period, -1)
    median = nan_median(flat).reshape(count, period)
    return np.where(np.isnan(median), last_season(values, period), median)
