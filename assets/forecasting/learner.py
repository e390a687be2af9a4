"""The learned part: one quantile model for all series, trained on how the cheap forecasts erred inside the history.

Gradient-boosted quantile trees read what was known of a series at an origin and answer where the truth lay
around its reference forecast. Their answer is averaged with the series' own mixture, by as much as they earned on
later origins that they did not see; what is still off there is corrected per horizon band (split-conformal, after
Romano, Patterson and Candès, "Conformalized quantile regression", 2019).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingRegressor

from assets.forecasting.excursions import mix
from assets.forecasting.frames import BoolArray, FloatArray, IntArray
from assets.forecasting.mixture import View, horizon_bands, views
from assets.forecasting.prior import prior_answer, prior_serves
from assets.forecasting.quantiles import LEVELS, correct, interpolate, normal_scores, pinball, width_of
from assets.forecasting.seasonal_naive import seasonal_naive

#: Origins looked back from: small panels need them all, large ones learn enough from half.
ORIGINS = 20
LARGE_ORIGINS = 8
LARGE_PANEL = 300
#: Series worked on at once: what bounds memory.
BLOCK = 500
MAX_ROWS = 20_000
MIN_ROWS = 50
CALIBRATION_SHARE = 0.35
CALIBRATION_ROWS = 150_000
#: Series whose every step is tried, for how errors hang together along the horizon.
PROBES = 500
#: Of the measured shift, n / (n + this) is applied for n held-back windows: few windows are mostly chance.
SHIFT_PRIOR = 100
#: And n / (n + this) for n held-back origins: what befell all series on one day is one event, however many they are.
SHIFT_PRIOR_ORIGINS = 10
#: Weights of the trees that are tried, and how fast a loss (in log units) takes weight from one.
TREE_SHARES = (0.0, 0.2, 0.4, 0.6, 0.8)
SHARPNESS = 20.0
#: The same for trees and prior. Few held-back windows tell little: of n, n / (n + this) of the sharpness counts.
PRIOR_SHARES = tuple((tree / 5, prior / 5) for tree in range(6) for prior in range(6 - tree))
PRIOR_SHARPNESS, PRIOR_WINDOWS = 80.0, 200
#: Before there is evidence nearly all is the prior's: weight (logarithm) that a share of the trees loses, and of the
#: mixture. This counts as much as `PRIOR_WINDOWS` windows do.
TREE_DOUBT, MIXTURE_DOUBT = 12.0, 8.0
_CLIP = 50.0
_LEAST = 1e-9


class QuantileTrees:
    """Gradient-boosted trees, one ensemble a level of `LEVELS`; answers are sorted, so never cross."""

    def __init__(self, rows: np.ndarray, truth: FloatArray, seed: int) -> None:
        """Fit on `rows` [row, feature] and `truth` [row], both in units of the series' scale."""
        self.ensembles = [
            HistGradientBoostingRegressor(
                loss="quantile",
                quantile=level,
                max_iter=40,
                learning_rate=0.15,
                max_leaf_nodes=8,
                min_samples_leaf=40,
                l2_regularization=1.0,
                early_stopping=False,
                random_state=seed,
            ).fit(rows, truth)
            for level in LEVELS
        ]

    def predict(self, rows: np.ndarray) -> FloatArray:
        """Quantiles [row, level] in units of the series' scale."""
        if not len(rows):
            return np.zeros((0, len(LEVELS)))
        return np.sort(np.column_stack([trees.predict(rows) for trees in self.ensembles]), axis=1)


@dataclass(frozen=True)
class Calibration:
    """How the trees did on origins they had not seen.

    `tree_share` is how much of the answer is theirs, `prior_share` how much the prior's. `shift` [horizon, level] is
    added to the answer in units of its own 80 % width. `errors` and `naive_errors` [series] are mean pinball losses
    (NaN: not measured). `scores` holds, for each origin, normal scores [series, horizon] of the truth within the
    forecast (NaN where it was not tried): standard normal and independent if all were well. `coverage_80_ratio` is
    that of the corrected answers.
    """

    tree_share: float
    prior_share: float
    shift: FloatArray
    errors: FloatArray
    naive_errors: FloatArray
    scores: tuple[FloatArray, ...]
    coverage_80_ratio: float


@dataclass(frozen=True)
class Learned:
    """A trained panel model.

    `now` holds what each series looks like at the end of history. `reach` is the farthest step ahead that at
    least three origins could teach, `taught` that any could, `judged` that any held-back one was judged on.
    `origins` are those learned from, `row_count` the rows trained on.
    """

    trees: QuantileTrees
    calibration: Calibration
    now: View
    reach: int
    taught: int
    judged: int
    origins: tuple[int, ...]
    row_count: int

    def answer(self, chosen: IntArray) -> FloatArray:
        """Quantiles [chosen series, horizon, level] at `LEVELS`, in the unit of the series."""
        parts = [self._block(chosen[start : start + BLOCK]) for start in range(0, len(chosen), BLOCK)]
        return np.concatenate(parts) if parts else np.zeros((0, self.now.reference.shape[1], len(LEVELS)))

    def _block(self, chosen: IntArray) -> FloatArray:
        now, calibration = self.now, self.calibration
        shape = (len(chosen), now.features.shape[1], len(LEVELS))
        rows = now.features[chosen].reshape(-1, now.features.shape[2])
        further = now.behaviour[chosen].reshape(len(rows), -1)
        narrow = np.broadcast_to(now.narrow[chosen, None], shape[:2])
        shift = np.broadcast_to(calibration.shift, shape).reshape(-1, len(LEVELS))
        answer = combine(
            (self.trees.predict(rows), now.mixture[chosen].reshape(-1, len(LEVELS))),
            prior_answer(rows, further) if calibration.prior_share else None,
            (calibration.tree_share, calibration.prior_share),
            shift,
            (now.stay[chosen].ravel(), now.stayed[chosen].ravel(), narrow.ravel()),
        ).reshape(shape)
        return answer * now.scale[chosen, None, None] + now.reference[chosen][:, :, None]


def blend(first: FloatArray, second: FloatArray, share: float | FloatArray) -> FloatArray:
    """Average of quantiles, level by level, back in order; `share` is that of the first."""
    return np.sort(share * first + (1 - share) * second, axis=-1)


def combine(
    own: tuple[FloatArray, FloatArray],
    prior: FloatArray | None,
    shares: tuple[float, float],
    shift: FloatArray,
    jump: tuple[FloatArray, FloatArray, FloatArray],
) -> FloatArray:
    """The answer [row, level] of the set's own trees and mixture and of the prior (None: not asked).

    `shares` are those of trees and prior; `jump` is `stay`, `stayed` and `narrow` of each row. It comes last: to stay
    and to go back are two forecasts, of which averaging quantiles would make one that lies between.
    """
    trees, mixture = own
    tree_share, prior_share = shares
    left = 1 - prior_share
    answer = blend(trees, mixture, tree_share / left if left > _LEAST else 0.0)
    if prior is not None:
        answer = blend(prior, answer, prior_share)
    return mix(correct(answer, shift), *jump)


@dataclass(frozen=True)
class _Rows:
    """Pairs of series and step ahead at one or more origins, with what was known and what came."""

    origin: IntArray
    series: IntArray
    ahead: IntArray
    features: np.ndarray
    behaviour: np.ndarray
    mixture: FloatArray
    error: FloatArray
    scale: FloatArray
    reference: FloatArray
    stay: FloatArray
    stayed: FloatArray
    narrow: FloatArray

    @staticmethod
    def of(view: View, series: IntArray, ahead: IntArray, first: int) -> _Rows:
        """Rows of one view whose series are numbered from `first` on in the whole panel."""
        scale, reference = view.scale[series], view.reference[series, ahead]
        return _Rows(
            origin=np.full(len(series), view.origin, dtype=np.int64),
            series=series + first,
            ahead=ahead,
            features=view.features[series, ahead],
            behaviour=view.behaviour[series, ahead],
            mixture=view.mixture[series, ahead],
            error=(view.truth[series, ahead] - reference) / scale,
            scale=scale,
            reference=reference,
            stay=view.stay[series, ahead],
            stayed=view.stayed[series, ahead],
            narrow=view.narrow[series],
        )

    @staticmethod
    def join(parts: list[_Rows]) -> _Rows:
        """All rows, in the order of the parts."""
        names = _Rows.__dataclass_fields__
        return _Rows(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})


def learn(
    values: FloatArray,
    periods: tuple[int, ...],
    horizon: int,
    quantiles: Sequence[float],
    seed: int,
    week_phase: IntArray | None = None,
) -> Learned | None:
    """Train on `values` [series, time]; None when the history is too short to try anything out.

    `week_phase` is that of `Panel`.
    """
    (count, width), short = values.shape, periods[0]
    origins = choose_origins(width, periods, horizon, ORIGINS if count <= LARGE_PANEL else LARGE_ORIGINS)
    used = origins[min(3, len(origins) // 4) :]
    if not used:
        return None
    held = used[-max(1, round(CALIBRATION_SHARE * len(used))) :]
    lessons: list[_Rows] = []
    trials: list[_Rows] = []
    nows: list[View] = []
    with_prior = prior_serves(periods, count)
    for first in range(0, count, BLOCK):
        block = slice(first, first + BLOCK)
        phase = week_phase[block] if week_phase is not None else None
        *seen, now = views(values[block], [*origins, width], periods, horizon, phase, with_prior)
        nows.append(now)
        random = np.random.default_rng([seed, first])
        block_share = len(now.scale) / count
        for view in seen:
            if view.origin in used:
                lessons.append(_lesson(view, first, int(MAX_ROWS / len(used) * block_share) + 1, random))
            if view.origin in held:
                trials.append(_trial(view, first, count, len(held)))
    lesson, trial = _Rows.join(lessons), _Rows.join(trials)
    early = lesson.origin + lesson.ahead < held[0]
    if early.sum() < MIN_ROWS or not len(trial.error):
        return None
    first_trees = QuantileTrees(lesson.features[early], np.clip(lesson.error[early], -_CLIP, _CLIP), seed)
    calibration = _calibrate(first_trees, values, trial, held, short, horizon, quantiles)
    return Learned(
        trees=QuantileTrees(lesson.features, np.clip(lesson.error, -_CLIP, _CLIP), seed),
        calibration=calibration,
        now=_joined(nows),
        reach=min(width - used[min(2, len(used) - 1)], horizon),
        taught=min(width - used[0], horizon),
        judged=min(width - held[0], horizon),
        origins=tuple(used),
        row_count=len(lesson.error),
    )


def _joined(parts: list[View]) -> View:
    arrays: dict[str, Any] = {
        name: np.concatenate([getattr(part, name) for part in parts])
        for name in View.__dataclass_fields__
        if name != "origin"
    }
    return replace(parts[0], **arrays)


def choose_origins(width: int, periods: tuple[int, ...], horizon: int, most: int) -> list[int]:
    """Up to `most` evenly spaced ends of history, the last a season before the end.

    They go back three horizons or as far as `most` seasons reach, whichever is more, but not before four of the
    shortest seasons and, if that leaves a third of the history, two of the longest: cheap forecasts that do not
    know the long season yet would teach a distrust of it. Origins a whole number of seasons apart would all
    stand at the same hour or weekday, so they are one step less than a season apart or more.
    """
    short, long = periods[0], periods[-1]
    first, last = 4 * short, width - short
    if width >= 3 * long:
        first = max(first, 2 * long)
    if last <= first:
        first = 2 * short + 1
    if last < first:
        return []
    apart = max(short - 1, -(-min(last - first, 3 * horizon) // (most - 1)))
    if apart % short == 0:
        apart += 1
    number = min(most, max(4, 1 + (last - first) // apart))
    first = max(first, last - apart * (number - 1))
    return sorted({int(origin) for origin in np.linspace(first, last, number)})


def _lesson(view: View, first: int, quota: int, random: np.random.Generator) -> _Rows:
    """A bounded number of rows of one view to learn from."""
    series, ahead = np.nonzero(np.isfinite(view.truth) & view.is_ready[:, None])
    if len(series) > quota:
        chosen = np.sort(random.choice(len(series), quota, replace=False))
        series, ahead = series[chosen], ahead[chosen]
    return _Rows.of(view, series, ahead, first)


def _trial(view: View, first: int, count: int, held: int) -> _Rows:
    """Rows of one view to be judged by: of large panels every step of some series and a few of all others."""
    horizon = view.truth.shape[1]
    every = max(1, -(-count * horizon * held // CALIBRATION_ROWS))
    number = first + np.arange(len(view.scale))
    whole = number % max(1, -(-count // PROBES)) == 0
    tried = whole[:, None] | ((np.arange(horizon)[None, :] + number[:, None]) % every == 0)
    series, ahead = np.nonzero(np.isfinite(view.truth) & view.is_ready[:, None] & tried)
    return _Rows.of(view, series, ahead, first)


def _calibrate(
    trees: QuantileTrees,
    values: FloatArray,
    trial: _Rows,
    held: list[int],
    period: int,
    horizon: int,
    quantiles: Sequence[float],
) -> Calibration:
    count = len(values)
    learned = trees.predict(trial.features)
    prior = prior_answer(trial.features, trial.behaviour) if trial.behaviour.shape[1] else None
    shares = _shares(learned, prior, trial, period, count)
    jump = (trial.stay, trial.stayed, trial.narrow)
    # The shift is told without jumps, which have their own chances.
    as_before = (np.zeros_like(trial.stay), trial.stayed, trial.narrow)
    none = np.zeros((1, len(LEVELS)))
    answer = combine((learned, trial.mixture), prior, shares, none, as_before)
    windows = len(np.unique(trial.origin * count + trial.series))
    trust = windows / (windows + SHIFT_PRIOR) * len(held) / (len(held) + SHIFT_PRIOR_ORIGINS)
    shift = _conformal_shift(answer, trial, horizon_bands(horizon, period)) * trust
    corrected = combine((learned, trial.mixture), prior, shares, shift[trial.ahead], jump)
    losses = pinball(interpolate(corrected, quantiles), trial.error, quantiles) * trial.scale
    naive_losses = np.zeros(len(losses))
    scores = []
    for origin in held:
        rows = trial.origin == origin
        series, ahead = trial.series[rows], trial.ahead[rows]
        naive = seasonal_naive(values[:, :origin], period, horizon, quantiles)[series, ahead]
        truth = trial.error[rows] * trial.scale[rows] + trial.reference[rows]
        naive_losses[rows] = pinball(naive, truth, quantiles)
        grid = np.full((count, horizon), np.nan)
        grid[series, ahead] = normal_scores(corrected[rows], trial.error[rows])
        scores.append(grid)
    counts = np.bincount(trial.series, minlength=count)
    measured = np.where(counts >= period, counts, np.nan)
    inside = (trial.error >= corrected[:, 0]) & (trial.error <= corrected[:, -1])
    return Calibration(
        tree_share=shares[0],
        prior_share=shares[1],
        shift=shift,
        errors=np.bincount(trial.series, losses, count) / measured,
        naive_errors=np.bincount(trial.series, naive_losses, count) / measured,
        scores=tuple(scores),
        coverage_80_ratio=float(inside.mean()),
    )


def _shares(
    learned: FloatArray, prior: FloatArray | None, trial: _Rows, period: int, count: int
) -> tuple[float, float]:
    """How much of the answer trees and prior earned: shares weighted by their geometric mean loss over series."""
    counts = np.bincount(trial.series, minlength=count)
    solid: BoolArray = counts >= period
    if not solid.any():
        solid = counts > 0
    none, as_before = np.zeros((1, len(LEVELS))), (np.zeros_like(trial.stay), trial.stayed, trial.narrow)
    tried = np.array([(share, 0.0) for share in TREE_SHARES] if prior is None else PRIOR_SHARES)
    losses = []
    for tree_share, prior_share in tried:
        shares = (float(tree_share), float(prior_share))
        loss = pinball(combine((learned, trial.mixture), prior, shares, none, as_before), trial.error, LEVELS)
        mean = np.bincount(trial.series, loss, count)[solid] / counts[solid]
        losses.append(float(np.log(mean + 1e-9).mean()))
    found = -SHARPNESS * np.array(losses)
    if prior is not None:
        windows = len(np.unique(trial.origin * count + trial.series))
        doubt = TREE_DOUBT * tried[:, 0] + MIXTURE_DOUBT * (1 - tried.sum(axis=1))
        known = windows / (windows + PRIOR_WINDOWS)
        found = known * PRIOR_SHARPNESS / SHARPNESS * found - (1 - known) * doubt
    weight = np.exp(found - found.max())
    tree_share, prior_share = (weight @ tried) / weight.sum()
    return float(tree_share), float(prior_share)


def _conformal_shift(answer: FloatArray, trial: _Rows, bands: IntArray) -> FloatArray:
    """Quantile of the scaled misses at each level and band; a band without enough rows takes the one before."""
    misses = (trial.error[:, None] - answer) / width_of(answer)
    shift, last = np.zeros((len(bands), len(LEVELS))), np.zeros(len(LEVELS))
    for band in np.unique(bands):
        rows = misses[bands[trial.ahead] == band]
        if len(rows) >= MIN_ROWS:
            last = np.array([np.quantile(rows[:, i], level) for i, level in enumerate(LEVELS)])
        shift[bands == band] = last
    return shift
