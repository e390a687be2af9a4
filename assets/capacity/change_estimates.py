"""The estimator of what a change moved, and how far it strays where nothing was changed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from assets.capacity.change_panel import Floats, Ints
from assets.forecasting.seasonal_naive import nan_median

_TAIL_RATIO = 0.05


@dataclass(frozen=True)
class Estimates:
    """The estimator on windows of gaps; arrays of one shape.

    `effect` and `pre_trend` in the scale of the panel (logarithms, or the value); `days_before`, `days_after`
    measured. `spread`: standard deviation of the days around the mean of their side. `sharpness`: difference of the
    means in such deviations; lower when the level moved on another day, which medians do not notice.
    """

    effect: Floats
    pre_trend: Floats
    days_before: Ints
    days_after: Ints
    spread: Floats
    sharpness: Floats


def estimate(before: Floats, after: Floats) -> Estimates:
    """Level after minus level before, and divergence before, over the last axis (days)."""
    known_before, known_after = np.isfinite(before), np.isfinite(after)
    low, high = nan_median(before), nan_median(after)
    week = before.shape[-1] // 2
    drift = nan_median(before[..., week:]) - nan_median(before[..., :week])
    spread, sharpness = _spread(before, after)
    return Estimates(
        high - low, drift, known_before.sum(axis=-1), known_after.sum(axis=-1), spread, sharpness
    )


def _spread(before: Floats, after: Floats) -> tuple[Floats, Floats]:
    means, squares, counts = [], [], []
    for side in (before, after):
        known = np.isfinite(side)
        count = np.maximum(known.sum(axis=-1), 1)
        mean = np.where(known, side, 0.0).sum(axis=-1) / count
        means.append(mean)
        squares.append(np.where(known, (side - mean[..., None]) ** 2, 0.0).sum(axis=-1))
        counts.append(count)
    spread = np.sqrt((squares[0] + squares[1]) / np.maximum(counts[0] + counts[1] - 2, 1))
    return spread, np.asarray(np.abs(means[1] - means[0]) / np.maximum(spread, 1e-12))


class Placebo:
    """Distribution of |score| where nothing was changed."""

    def __init__(self, scores: Floats) -> None:
        self._ordered = np.sort(np.abs(scores[np.isfinite(scores)]))
        self._tail = int(len(self._ordered) * _TAIL_RATIO)
        if self._tail:
            self._threshold = float(self._ordered[-self._tail - 1])
            self._scale, self._shape = _pareto(self._ordered[-self._tail :] - self._threshold)

    def __len__(self) -> int:
        return len(self._ordered)

    def p_value(self, scores: Floats) -> Floats:
        """Chance of a score as far from 0; by the fitted tail beyond the placebos' upper twentieth."""
        size = np.abs(scores)
        above = len(self._ordered) - np.searchsorted(self._ordered, size, side="left")
        counted = (1 + above) / (1 + len(self._ordered))
        if not self._tail or self._scale <= 0:
            return np.asarray(counted)
        excess = np.maximum(size - self._threshold, 0.0) / self._scale
        is_exponential = self._shape < 1e-6
        shape = 1.0 if is_exponential else self._shape
        tail = np.exp(-excess) if is_exponential else (1.0 + shape * excess) ** (-1.0 / shape)
        return np.where(
            np.isfinite(size), np.where(size > self._threshold, _TAIL_RATIO * tail, counted), np.nan
        )

    def quantile(self, ratio: float) -> float:
        """The |score| that this part of the placebos does not exceed."""
        return float(np.quantile(self._ordered, ratio))


def _pareto(excesses: Floats) -> tuple[float, float]:
    """Scale and shape of a generalised Pareto distribution by probability-weighted moments (Hosking and Wallis 1987).

    A tail that ends (negative shape) is taken as exponential: no effect is impossible by chance.
    """
    ordered = np.sort(excesses)
    count = len(ordered)
    mean = float(ordered.mean())
    weighted = float((ordered * (count - 1 - np.arange(count))).sum() / max(count * (count - 1), 1))
    if mean <= 0 or mean - 2 * weighted <= 0:
        return mean, 0.0
    shape = 2.0 - mean / (mean - 2.0 * weighted)
    return (2.0 * mean * weighted / (mean - 2.0 * weighted), shape) if shape > 0 else (mean, 0.0)
