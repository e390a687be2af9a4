"""What each series has taught so far: which cheap forecasts to believe, how wide to be, and in which shape.

Looks at a panel from one origin after the other. Each sees only how earlier origins turned out by then, so a
model trained on these views never meets its own future. Everything is arrays of all series at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from assets.forecasting.behaviour import behaviour, week_behaviour
from assets.forecasting.excursions import find_excursions
from assets.forecasting.experts import EXPERTS, cheap_forecasts, expert_names
from assets.forecasting.frames import BoolArray, FloatArray, IntArray
from assets.forecasting.quantiles import LEVELS, pinball
from assets.forecasting.seasonal_naive import nan_mean, nan_median, seasonal_error

#: Half-life of evidence, in weeks of the shortest season (a day or a week).
HALF_LIFE_SEASONS = 42
#: Expert weights are errors to this power: near to choosing the best, yet with company where it is a close run.
EXPERT_POWER = 5.0
SHAPE_POWER = 4.0
#: Evidence of one band of steps ahead counts as much as that of all bands after so many seasons of it.
BAND_PRIOR_SEASONS = 2.0
#: A series' own evidence counts as much as the common prior after one season of it, for its shape after two.
SHAPE_PRIOR_SEASONS = 2
#: Expected loss of each shape beside the first, before anything is known of a series.
SHAPE_PRIOR = np.array([1.0, 1.3, 1.15, 1.15])
#: Quantiles of errors, in units of their mean, before anything is known (Laplace-like).
_PRIOR_QUANTILES = np.array([-1.2, -0.5, 0.0, 0.5, 1.2])
MARGINAL_SEASONS = 28
PHASE_SEASONS = 14


@dataclass(frozen=True)
class View:
    """What is known of a panel at one origin.

    `reference` [series, horizon] is the weighted cheap forecast, `scale` [series] the mean error to expect of it (the
    unit in which the learner sees a series), `mixture` [series, horizon, level] quantiles relative to the
    reference in that unit, `features` [series, horizon, feature] what the learner reads, all scale-free, `behaviour`
    what the prior reads beside (no feature unless asked for). `truth` is what followed, NaN where nothing is known.
    `is_ready`: enough points. `line` and `level` are two of the
    experts, `noise` the median absolute remainder, `outliers`, `spikes` and `steps` counts, `spike_size` how far above
    spikes are. `excursion` [series] is how many
    steps a jump at the end has lasted, `stay` [series, horizon] the chance that it goes on, `stayed` [series, horizon]
    where demand is then, less the reference in units of the scale, and `narrow` [series] how much narrower around it.
    """

    origin: int
    reference: FloatArray
    scale: FloatArray
    mixture: FloatArray
    features: np.ndarray
    behaviour: np.ndarray
    truth: FloatArray
    is_ready: BoolArray
    line: FloatArray
    level: FloatArray
    outliers: FloatArray
    spikes: FloatArray
    spike_size: FloatArray
    steps: FloatArray
    excursion: FloatArray
    noise: FloatArray
    stay: FloatArray
    stayed: FloatArray
    narrow: FloatArray


def feature_names(periods: tuple[int, ...]) -> list[str]:
    """Names of the columns of `View.features` of series with these seasons, in their order."""
    return [
        *(f"{name} less reference" for name in expert_names(periods)),
        "disagreement of cheap forecasts",
        "seasons ahead",
        "reference less median",
        *(f"own q{level:g}" for level in LEVELS),
        "noise",
        "slope a season",
        "share of zeros",
        "strength of the season",
        "errors beside seasonal naive",
        "median less lowest",
        "highest less median",
    ]


def horizon_bands(horizon: int, period: int) -> IntArray:
    """Band of each step ahead: up to one, two, four, eight seasons, and beyond."""
    return np.searchsorted(np.array([1, 2, 4, 8]) * period, np.arange(1, horizon + 1)).astype(np.int64)


def views(
    values: FloatArray,
    origins: list[int],
    periods: tuple[int, ...],
    horizon: int,
    week_phase: IntArray | None = None,
    with_behaviour: bool = False,
) -> list[View]:
    """The panel [series, time] as seen from each origin, in order; the last origin may be the end of history.

    `week_phase` is that of `Panel`: without it weekends are not told from working days.
    `with_behaviour` fills in `View.behaviour`, which costs as much as all other features.
    """
    seen: list[_Past] = []
    result = []
    for origin in origins:
        view, past = _view(values, origin, seen, periods, horizon, week_phase, with_behaviour)
        result.append(view)
        seen.append(past)
    return result


@dataclass(frozen=True)
class _Past:
    """Forecasts of an earlier origin, kept to be compared with what came."""

    origin: int
    experts: FloatArray
    reference: FloatArray
    shapes: tuple[FloatArray, ...]


def _view(
    values: FloatArray,
    origin: int,
    seen: list[_Past],
    periods: tuple[int, ...],
    horizon: int,
    week_phase: IntArray | None,
    with_behaviour: bool,
) -> tuple[View, _Past]:
    known, period = values[:, :origin], periods[0]
    experts, parts = cheap_forecasts(known, periods, horizon, week_phase)
    unit, is_ready = _unit(known, period)
    past = [_outcome(values, then, origin, period) for then in seen]
    bands = horizon_bands(horizon, period)
    error = _expert_errors(past, unit, period, len(experts), bands)
    weight = _shares(error + 1e-3 * unit[:, None] + 1e-300, EXPERT_POWER)
    reference = weighted_centre(experts, weight[:, :, bands])
    scale = _scale(past, unit, period)
    shapes = (
        reference[:, :, None] + _error_quantiles(past, scale, bands, period) * scale[:, None, None],
        *_plain_shapes(parts.aligned, period, horizon),
    )
    mixed = _mix(past, shapes, unit, period)
    mixture = (mixed - reference[:, :, None]) / scale[:, None, None]
    distance = (experts - reference) / scale[:, None]
    middle, low, high = _middle(known)
    state = [
        parts.noise / scale,
        parts.slope * period / scale,
        ((known == 0).sum(axis=1)) / np.maximum((~np.isnan(known)).sum(axis=1), 1),
        parts.season[:, -period:].std(axis=1) / scale,
        np.log(scale / unit),
        (middle - low) / scale,
        (high - middle) / scale,
    ]
    ahead = np.broadcast_to(np.arange(1.0, horizon + 1) / period, reference.shape)
    features = [
        *distance,
        distance.std(axis=0),
        ahead,
        (reference - middle[:, None]) / scale[:, None],
        *np.moveaxis(mixture, 2, 0),
        *(np.broadcast_to(column[:, None], reference.shape) for column in state),
    ]
    jump = find_excursions(parts, ~np.isnan(known), period, horizon)
    further = np.zeros((*reference.shape, 0), dtype=np.float32)
    if with_behaviour:
        behaved = behaviour(known, parts, reference, scale, error[:, :, bands], jump, len(past), periods)
        kinds = week_behaviour(known, parts.weight, scale, periods, horizon, week_phase)
        further = np.concatenate([behaved, kinds], axis=2)
    view = View(
        origin=origin,
        reference=reference,
        scale=scale,
        mixture=mixture,
        features=np.stack([column.astype(np.float32) for column in features], axis=2),
        behaviour=further,
        truth=_truth(values, origin, horizon),
        is_ready=is_ready,
        line=experts[EXPERTS.index("line")],
        level=experts[EXPERTS.index("level")],
        outliers=parts.outliers,
        spikes=parts.spikes,
        spike_size=parts.spike_size,
        steps=parts.steps,
        excursion=jump.age,
        noise=parts.noise,
        stay=jump.stay,
        stayed=(jump.centre - reference) / scale[:, None],
        narrow=jump.narrow,
    )
    return view, _Past(origin, experts, reference, shapes)


_Outcome = tuple[_Past, FloatArray, float]


def _truth(values: FloatArray, origin: int, horizon: int) -> FloatArray:
    truth = np.full((len(values), horizon), np.nan)
    after = values[:, origin : origin + horizon]
    truth[:, : after.shape[1]] = after
    return truth


def _outcome(values: FloatArray, then: _Past, now: int, period: int) -> _Outcome:
    """As much of an earlier forecast as is known `now`, what followed [series, step], and how much it still counts."""
    known = min(now - then.origin, then.reference.shape[1])
    kept = _Past(
        then.origin,
        then.experts[:, :, :known],
        then.reference[:, :known],
        tuple(shape[:, :known] for shape in then.shapes),
    )
    weight = 0.5 ** ((now - then.origin) / (HALF_LIFE_SEASONS * period))
    return kept, values[:, then.origin : then.origin + known], float(weight)


def _unit(known: FloatArray, period: int) -> tuple[FloatArray, BoolArray]:
    """Seasonal-naive error of each series, for want of one its spread, and whether it has enough points."""
    error = np.nan_to_num(seasonal_error(known, period))
    around = np.nan_to_num(nan_mean(np.abs(known - nan_median(known)[:, None])))
    unit = np.where(error > 0, error, around)
    count = (~np.isnan(known)).sum(axis=1)
    return np.where(unit > 0, unit, 1.0), (count >= 2 * period + 1) & (unit > 0)


def _middle(known: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    seen = ~np.isnan(known)
    middle = np.nan_to_num(nan_median(known))
    low = np.where(seen, known, np.inf).min(axis=1)
    high = np.where(seen, known, -np.inf).max(axis=1)
    return middle, np.where(np.isfinite(low), low, middle), np.where(np.isfinite(high), high, middle)


def _expert_errors(
    past: list[_Outcome], unit: FloatArray, period: int, experts: int, bands: IntArray
) -> FloatArray:
    """Mean absolute error of each expert so far [expert, series, band].

    A level that is right tomorrow is wrong in a quarter, a trend the other way round. What a band has not shown yet is
    taken from all of them, and that from the middle expert.
    """
    count = int(bands.max()) + 1
    total, mass = np.zeros((experts, len(unit), count)), np.zeros((len(unit), count))
    for then, truth, weight in past:
        seen = np.isfinite(truth)
        miss = np.where(seen, np.abs(then.experts - np.where(seen, truth, 0.0)), 0.0)
        band = bands[: truth.shape[1]]
        for number in range(int(band.max(initial=-1)) + 1):
            steps = band == number
            total[:, :, number] += weight * miss[:, :, steps].sum(axis=2)
            mass[:, number] += weight * seen[:, steps].sum(axis=1)
    whole, known = total.sum(axis=2), mass.sum(axis=1)
    middle = np.where(known > 0, np.median(whole, axis=0) / np.maximum(known, 1e-9), unit)
    pooled = (whole + period * middle) / (known + period)
    prior = BAND_PRIOR_SEASONS * period
    return np.asarray((total + prior * pooled[:, :, None]) / (mass + prior), dtype=float)


def _shares(loss: FloatArray, power: float) -> FloatArray:
    """Shares of the ways to forecast on the first axis, which sum to one: best loss ÷ loss, to this power.

    Of a ratio, since a power need not be rounded alike on every processor: so the unit does not matter to the last bit.
    """
    share = (loss.min(axis=0) / loss) ** power
    return np.asarray(share / share.sum(axis=0), dtype=float)


def weighted_centre(experts: FloatArray, weight: FloatArray) -> FloatArray:
    """Halfway between weighted mean and weighted median of `experts` [expert, series, horizon]; [series, horizon].

    `weight`, of the same shape, sums to one over the experts. Where cheap forecasts fall into two camps the mean
    lies where nobody is, where they spread evenly it is the better of the two.
    """
    rows = np.ascontiguousarray(np.moveaxis(experts, 0, -1))
    order = np.argsort(rows, axis=-1)
    weights = np.ascontiguousarray(np.moveaxis(weight, 0, -1))
    share = np.take_along_axis(weights, order, -1)
    middle = (np.cumsum(share, axis=-1) >= 0.5).argmax(axis=-1)
    median = np.take_along_axis(rows, np.take_along_axis(order, middle[..., None], -1), -1)[..., 0]
    return np.asarray(((rows * weights).sum(axis=-1) + median) / 2, dtype=float)


def _scale(past: list[_Outcome], unit: FloatArray, period: int) -> FloatArray:
    total, mass = period * 0.8 * unit, np.full(len(unit), float(period))
    for then, truth, weight in past:
        seen = np.isfinite(truth)
        total = total + weight * np.where(seen, np.abs(truth - then.reference), 0.0).sum(axis=1)
        mass = mass + weight * seen.sum(axis=1)
    return np.maximum(total / mass, 0.05 * unit)


def _error_quantiles(past: list[_Outcome], scale: FloatArray, bands: IntArray, period: int) -> FloatArray:
    """Quantiles of the reference's errors [series, horizon, level] in units of its scale now.

    Those of the series itself, shrunk to those of the middle series; wider in bands where errors of all series
    together were larger.
    """
    if not past:
        return np.broadcast_to(_PRIOR_QUANTILES, (1, len(bands), len(LEVELS)))
    errors = np.concatenate([(truth - then.reference) / scale[:, None] for then, truth, _ in past], axis=1)
    band = np.concatenate([bands[: truth.shape[1]] for _, truth, _ in past])
    growth = np.ones(bands.max() + 1)
    mean = nan_mean(np.abs(errors).ravel()[None, :])[0]
    last = 1.0
    for number in range(len(growth)):
        rows = np.abs(errors[:, band == number]).ravel()
        rows = rows[np.isfinite(rows)]
        if len(rows) >= 50 and mean > 0:
            last = float(max(rows.mean() / mean, last if number else 0.0))
        growth[number] = last
    errors = errors / growth[band]
    count = np.isfinite(errors).sum(axis=1)
    own = row_quantiles(errors)
    middle = np.median(own[count > 0], axis=0) if (count > 0).any() else _PRIOR_QUANTILES
    share = (count / (count + period))[:, None]
    shrunk = share * np.where(count[:, None] > 0, own, 0.0) + (1 - share) * middle
    return np.asarray(shrunk[:, None, :] * growth[bands][None, :, None], dtype=float)


def row_quantiles(values: FloatArray) -> FloatArray:
    """`LEVELS` of each row without its NaN [row, level], linear in between; 0 for a row of nothing else."""
    ordered = np.sort(values, axis=1)  # NaN last
    count = np.isfinite(values).sum(axis=1)
    at = np.array(LEVELS) * np.maximum(count - 1, 0)[:, None]
    low = np.floor(at).astype(np.int64)
    high = np.minimum(low + 1, np.maximum(count - 1, 0)[:, None])
    first, second = np.take_along_axis(ordered, low, 1), np.take_along_axis(ordered, high, 1)
    return np.nan_to_num(first + (at - low) * (second - first))


def _plain_shapes(known: FloatArray, period: int, horizon: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Quantiles of recent values, of recent values of the same phase, and their mean [series, horizon, level]."""
    count = len(known)
    marginal = row_quantiles(known[:, -MARGINAL_SEASONS * period :])[:, None, :]
    seasons = min(PHASE_SEASONS, max(1, known.shape[1] // period))
    recent = np.full((count, seasons * period), np.nan)
    tail = known[:, -seasons * period :]
    recent[:, recent.shape[1] - tail.shape[1] :] = tail
    phases = recent.reshape(count, seasons, period)
    if period >= 12:
        phases = np.concatenate([np.roll(phases, 1, axis=2), phases, np.roll(phases, -1, axis=2)], axis=1)
    rows = phases.transpose(0, 2, 1).reshape(count * period, -1)
    by_phase = row_quantiles(rows).reshape(count, period, -1)
    empty = ~np.isfinite(rows).any(axis=1).reshape(count, period, 1)
    by_phase = np.where(empty, marginal, by_phase)
    phase = np.tile(by_phase, (1, -(-horizon // period), 1))[:, :horizon]
    flat = np.broadcast_to(marginal, phase.shape)
    return flat, phase, (flat + phase) / 2


def _mix(past: list[_Outcome], shapes: tuple[FloatArray, ...], unit: FloatArray, period: int) -> FloatArray:
    """Mean of the shapes' quantiles, weighted per series by their pinball loss so far."""
    total, mass = np.zeros((len(shapes), len(unit))), np.zeros(len(unit))
    for then, truth, weight in past:
        seen = np.isfinite(truth)
        for number, shape in enumerate(then.shapes):
            loss = pinball(shape, truth, LEVELS)
            total[number] += weight * np.where(seen, loss, 0.0).sum(axis=1)
        mass += weight * seen.sum(axis=1)
    usual = np.where(mass > 0, total[0] / np.maximum(mass, 1e-9), 0.35 * unit)
    prior = SHAPE_PRIOR_SEASONS * period
    loss = (total + prior * usual * SHAPE_PRIOR[:, None]) / (mass + prior)
    share = _shares(loss + 1e-3 * unit + 1e-300, SHAPE_POWER)
    mixed = share[0][:, None, None] * shapes[0]
    for number in range(1, len(shapes)):
        mixed = mixed + share[number][:, None, None] * shapes[number]
    return mixed
