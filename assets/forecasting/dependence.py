"""How the errors of one forecast hang together over the horizon: what turns quantiles of steps into paths.

A path's normal scores are modelled as √s·g + √(1−s)·e(h): a part g that the whole path shares (a trend or level
that was judged wrong stays wrong) and an AR(1) part e with coefficient ρ (days that resemble their neighbours).
AR(1) alone forgets a wrong trend within days, and then dates saturation too early and too surely.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from assets.forecasting.frames import FloatArray

#: Used where a history is too short to tell; between the values measured on simulated and on real series.
DEFAULT_SHARED = 0.35
DEFAULT_RHO = 0.3
#: Pairs of neighbouring steps that a series needs to weigh as much as the panel in its own ρ.
_PRIOR_PAIRS = 60.0


@dataclass(frozen=True)
class Dependence:
    """`shared` [series]: share of variance common to a whole path, 0 to 1; `rho` [series]: AR(1) coefficient."""

    shared: FloatArray
    rho: FloatArray


def estimate_dependence(scores: Sequence[FloatArray], count: int, period: int) -> Dependence:
    """Estimate from normal scores of backtest errors, one array [series, horizon] an origin, NaN where unknown.

    The shared part is the autocorrelation of the whole panel between one and two seasons apart (a single series
    has seen too few independent paths to know its own); ρ explains what neighbours share beyond it.
    """
    variance, _ = _products(scores, count, 0)
    near, near_pairs = _products(scores, count, 1)
    apart = [_products(scores, count, lag) for lag in range(period, 2 * period + 1)]
    far = np.sum([total for total, _ in apart], axis=0)
    far_pairs = np.sum([pairs for _, pairs in apart], axis=0)
    _, points = _products(scores, count, 0)
    if near_pairs.sum() == 0 or far_pairs.sum() == 0 or variance.sum() == 0:
        return Dependence(np.full(count, DEFAULT_SHARED), np.full(count, DEFAULT_RHO))
    scale = variance.sum() / points.sum()
    shared = float(np.clip(far.sum() / far_pairs.sum() / scale, 0.0, 0.95))
    panel = near.sum() / near_pairs.sum()
    own = (near + _PRIOR_PAIRS * panel) / (near_pairs + _PRIOR_PAIRS) / scale
    rho = np.clip((own - shared) / (1 - shared), 0.0, 0.98)
    return Dependence(np.full(count, shared), rho)


def _products(scores: Sequence[FloatArray], count: int, lag: int) -> tuple[FloatArray, FloatArray]:
    """Sum of products of scores `lag` steps apart, and their number, both [series]."""
    total, pairs = np.zeros(count), np.zeros(count)
    for grid in scores:
        if grid.shape[1] > lag:
            product = grid[:, lag:] * grid[:, : grid.shape[1] - lag]
            total += np.nansum(product, axis=1)
            pairs += np.isfinite(product).sum(axis=1)
    return total, pairs
