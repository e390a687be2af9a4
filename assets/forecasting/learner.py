"""The learned part: one quantile model for all series, trained on how the cheap forecasts erred inside the history.

Gradient-boosted quantile trees read the cheap forecasts of an origin, scaled per series, and answer where the
truth lay between and beyond them. What they answer is then corrected per horizon band on later origins that
the trees did not see (split-conformal, after Romano, Patterson and Candès, "Conformalized quantile
regression", 2019).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.ensemble import HistGradientBoostingRegressor

from assets.forecasting.experts import cheap_forecasts
from assets.forecasting.frames import BoolArray, FloatArray, IntArray
from assets.forecasting.quantiles import LEVELS, correct, interpolate, normal_scores, pinball, width_of
from assets.forecasting.seasonal_naive import nan_mean, nan_median, seasonal_error, seasonal_naive

ORIGINS = 10
MAX_ROWS = 15_000
MIN_ROWS = 50
CALIBRATION_SHARE = 0.35
CALIBRATION_ROWS = 60_000
_CLIP = 50.0


@dataclass(frozen=True)
class Snapshot:
    """What is known at one origin.

    `experts` [expert, series, horizon], `reference` their median, `state` [series, feature], `scale` [series] the
    unit in which the learner sees a series (its seasonal-naive error), `is_ready` whether it has enough points.
    """

    experts: FloatArray
    reference: FloatArray
    state: FloatArray
    scale: FloatArray
    is_ready: BoolArray
    outliers: FloatArray
    steps: FloatArray


def snapshot(values: FloatArray, periods: tuple[int, ...], horizon: int) -> Snapshot:
    """Cheap forecasts and the state of each series at the end of `values` [series, time]."""
    short = periods[0]
    experts, parts = cheap_forecasts(values, periods, horizon)
    seen = ~np.isnan(values)
    count = seen.sum(axis=1)
    error = seasonal_error(values, short)
    middle = nan_median(values)
    around = nan_mean(np.abs(values - middle[:, None]))
    scale = np.where(np.nan_to_num(error) > 0, error, np.nan_to_num(around))
    unit = np.where(scale > 0, scale, 1.0)
    recent = nan_median(values[:, -2 * short :])
    last = np.nan_to_num(values[:, -1] - parts.season[:, -1] - recent)
    low = np.where(seen, values, np.inf).min(axis=1)
    state = np.stack(
        [
            parts.noise / unit,
            parts.slope * short / unit,
            ((values == 0) & seen).sum(axis=1) / np.maximum(count, 1),
            parts.season[:, -short:].std(axis=1) / unit,
            last / unit,
            np.where(count > 0, middle - low, 0.0) / unit,
        ],
        axis=1,
    )
    return Snapshot(
        experts=experts,
        reference=np.median(experts, axis=0),
        state=state,
        scale=unit,
        is_ready=(count >= 2 * short + 1) & (scale > 0),
        outliers=parts.outliers,
        steps=parts.steps,
    )


def features(taken: Snapshot, series: IntArray, ahead: IntArray, period: int) -> FloatArray:
    """Rows [row, feature] for pairs of series and step ahead (0 is the first); all scale-free."""
    reference, unit = taken.reference[series, ahead], taken.scale[series]
    distance = (taken.experts[:, series, ahead] - reference).T / unit[:, None]
    return np.column_stack(
        [
            distance,
            distance.std(axis=1),
            np.sqrt(np.abs(reference) / unit),
            (ahead + 1.0) / period,
            taken.state[series],
        ]
    )


class QuantileTrees:
    """Gradient-boosted trees, one ensemble a level of `LEVELS`; answers are sorted, so never cross."""

    def __init__(self, rows: FloatArray, truth: FloatArray, seed: int) -> None:
        """Fit on `rows` [row, feature] and `truth` [row], both in units of the series' scale."""
        self._trees = [
            HistGradientBoostingRegressor(
                loss="quantile",
                quantile=level,
                max_iter=40,
                learning_rate=0.15,
                max_leaf_nodes=8,
                min_samples_leaf=100,
                l2_regularization=1.0,
                early_stopping=False,
                random_state=seed,
            ).fit(rows, truth)
            for level in LEVELS
        ]

    def predict(self, rows: FloatArray) -> FloatArray:
        """Quantiles [row, level] in units of the series' scale."""
        if not len(rows):
            return np.zeros((0, len(LEVELS)))
        return np.sort(np.column_stack([trees.predict(rows) for trees in self._trees]), axis=1)


@dataclass(frozen=True)
class Calibration:
    """How the trees did on origins they had not seen.

    `shift` [horizon, level] is added to their answers in units of their own 80 % width. `errors` and
    `naive_errors` [series] are mean pinball losses (NaN: not measured). `scores` holds, for each origin, normal
    scores [series, horizon] of the truth within the forecast: standard normal and independent if all were well.
    """

    shift: FloatArray
    errors: FloatArray
    naive_errors: FloatArray
    scores: tuple[FloatArray, ...]


@dataclass(frozen=True)
class Learned:
    """A trained panel model.

    `reach` is the farthest step ahead that at least three origins could teach, `taught` that any could.
    """

    trees: QuantileTrees
    calibration: Calibration
    reach: int
    taught: int


def learn(
    values: FloatArray, periods: tuple[int, ...], horizon: int, quantiles: Sequence[float], seed: int
) -> Learned | None:
    """Train on `values` [series, time]; None when the history is too short to try anything out."""
    width, short = values.shape[1], periods[0]
    origins = choose_origins(width, periods)
    if not origins:
        return None
    split = origins[0] + int((width - origins[0]) * (1 - CALIBRATION_SHARE))
    early: list[tuple[FloatArray, FloatArray]] = []
    everything: list[tuple[FloatArray, FloatArray]] = []
    unseen: list[tuple[int, Snapshot]] = []
    for origin in origins:
        taken = snapshot(values[:, :origin], periods, horizon)
        truth = _truth(values, origin, horizon)
        random = np.random.default_rng([seed, origin])
        known = origin + np.arange(horizon) < split
        early.append(_sample(taken, np.where(known, truth, np.nan), short, random))
        everything.append(_sample(taken, truth, short, random))
        if origin >= split:
            unseen.append((origin, taken))
    rows, truths = (np.concatenate(part) for part in zip(*early, strict=True))
    all_rows, all_truths = (np.concatenate(part) for part in zip(*everything, strict=True))
    if len(truths) < MIN_ROWS or not unseen:
        return None
    calibration = _calibrate(QuantileTrees(rows, truths, seed), values, unseen, periods, quantiles, seed)
    return Learned(
        trees=QuantileTrees(all_rows, all_truths, seed),
        calibration=calibration,
        reach=min(width - origins[min(2, len(origins) - 1)], horizon),
        taught=min(width - origins[0], horizon),
    )


def choose_origins(width: int, periods: tuple[int, ...]) -> list[int]:
    """Up to `ORIGINS` evenly spaced ends of history that leave a season to compare with.

    The first has seen four of the shortest seasons, and two of the longest if that leaves a third of the history:
    cheap forecasts that do not know the long season yet would teach a distrust of it.
    """
    short, long = periods[0], periods[-1]
    first, last = 4 * short, width - short
    if width >= 3 * long:
        first = max(first, 2 * long)
    if last <= first:
        first = 2 * short + 1
    if last < first:
        return []
    return sorted({int(origin) for origin in np.linspace(first, last, ORIGINS)})


def _truth(values: FloatArray, origin: int, horizon: int) -> FloatArray:
    truth = np.full((len(values), horizon), np.nan)
    after = values[:, origin : origin + horizon]
    truth[:, : after.shape[1]] = after
    return truth


def _sample(
    taken: Snapshot, truth: FloatArray, period: int, random: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """A bounded number of rows of one origin, in units of the series' scale."""
    series, ahead = np.nonzero(np.isfinite(truth) & np.isfinite(taken.reference) & taken.is_ready[:, None])
    quota = MAX_ROWS // ORIGINS
    if len(series) > quota:
        chosen = np.sort(random.choice(len(series), quota, replace=False))
        series, ahead = series[chosen], ahead[chosen]
    error = (truth[series, ahead] - taken.reference[series, ahead]) / taken.scale[series]
    return features(taken, series, ahead, period), np.clip(error, -_CLIP, _CLIP)


def horizon_bands(horizon: int, period: int) -> IntArray:
    """Band of each step ahead: up to one, two, four, eight seasons, and beyond."""
    return np.searchsorted(np.array([1, 2, 4, 8]) * period, np.arange(1, horizon + 1)).astype(np.int64)


def _calibrate(
    trees: QuantileTrees,
    values: FloatArray,
    unseen: list[tuple[int, Snapshot]],
    periods: tuple[int, ...],
    quantiles: Sequence[float],
    seed: int,
) -> Calibration:
    horizon = unseen[0][1].reference.shape[1]
    bands = horizon_bands(horizon, periods[0])
    answers: list[tuple[IntArray, IntArray, FloatArray, FloatArray]] = []
    for origin, taken in unseen:
        truth = _truth(values, origin, horizon)
        series, ahead = np.nonzero(np.isfinite(truth) & taken.is_ready[:, None])
        answer = trees.predict(features(taken, series, ahead, periods[0]))
        error = (truth[series, ahead] - taken.reference[series, ahead]) / taken.scale[series]
        answers.append((series, ahead, answer, error))
    shift = _conformal_shift(answers, bands, seed)
    losses, naive_losses, counts = (np.zeros(len(values)) for _ in range(3))
    scores = []
    for (origin, taken), (series, ahead, answer, error) in zip(unseen, answers, strict=True):
        corrected = correct(answer, shift[ahead])
        asked = interpolate(corrected, quantiles)
        unit = taken.scale[series]
        naive = _naive_answers(values[:, :origin], taken, periods[0], horizon, quantiles)[series, ahead]
        np.add.at(losses, series, pinball(asked, error, quantiles) * unit)
        np.add.at(naive_losses, series, pinball(naive / unit[:, None], error, quantiles) * unit)
        np.add.at(counts, series, 1.0)
        grid = np.full(taken.reference.shape, np.nan)
        grid[series, ahead] = normal_scores(corrected, error)
        scores.append(grid)
    measured = np.where(counts >= periods[0], counts, np.nan)
    return Calibration(shift, losses / measured, naive_losses / measured, tuple(scores))


def _naive_answers(
    values: FloatArray, taken: Snapshot, period: int, horizon: int, quantiles: Sequence[float]
) -> FloatArray:
    return seasonal_naive(values, period, horizon, quantiles) - taken.reference[:, :, None]


def _conformal_shift(
    answers: list[tuple[IntArray, IntArray, FloatArray, FloatArray]], bands: IntArray, seed: int
) -> FloatArray:
    """Quantile of the scaled misses at each level and band; a band without enough rows takes the one before."""
    ahead = np.concatenate([part[1] for part in answers])
    answer = np.concatenate([part[2] for part in answers])
    error = np.concatenate([part[3] for part in answers])
    if len(error) > CALIBRATION_ROWS:
        random = np.random.default_rng([seed, len(error)])
        chosen = np.sort(random.choice(len(error), CALIBRATION_ROWS, replace=False))
        ahead, answer, error = ahead[chosen], answer[chosen], error[chosen]
    misses = (error[:, None] - answer) / width_of(answer)
    shift, last = np.zeros((len(bands), len(LEVELS))), np.zeros(len(LEVELS))
    for band in np.unique(bands):
        rows = misses[bands[ahead] == band]
        if len(rows) >= MIN_ROWS:
            last = np.array([np.quantile(rows[:, i], level) for i, level in enumerate(LEVELS)])
        shift[bands == band] = last
    return shift
