"""How the errors of one forecast hang together over the horizon: what turns quantiles of steps into paths.

A path's normal scores are modelled as √s·g + √(1−s)·e(h): a part g that the whole path shares (a trend or level
that was judged wrong stays wrong) and an AR(1) part e with coefficient ρ (days that resemble their neighbours).
AR(1) alone forgets a wrong trend within days, and then dates saturation too early and too surely.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from assets.forecasting.frames import FloatArray

#: Used where a history is too short to tell; between the values measured on simulated and on real series.
DEFAULT_SHARED = 0.35
DEFAULT_RHO = 0.3


@dataclass(frozen=True)
class Dependence:
    """`shared` [series]: share of variance common to a whole path, 0 to 1; `rho` [series]: AR(1) coefficient."""

    shared: FloatArray
    rho: FloatArray


def estimate_dependence(scores: Sequence[FloatArray], count: int, period: int) -> Dependence:
    """Estimate from normal scores of backtest errors, one array [series, horizon] an origin, NaN where unknown.

    The shared part is their autocorrelation between one and two seasons apart; ρ explains what neighbours have in
    common beyond it. Both are those of the whole panel: a single series has seen too few independent paths to
    know its own.
    """
    variance = _mean_product(scores, (0,))
    near = _mean_product(scores, (1,))
    far = _mean_product(scores, range(period, 2 * period + 1))
    if np.isnan(variance + near + far) or variance == 0:
        return Dependence(np.full(count, DEFAULT_SHARED), np.full(count, DEFAULT_RHO))
    shared = float(np.clip(far / variance, 0.0, 0.95))
    rho = float(np.clip((near / variance - shared) / (1 - shared), 0.0, 0.98))
    return Dependence(np.full(count, shared), np.full(count, rho))


def _mean_product(scores: Sequence[FloatArray], lags: Iterable[int]) -> float:
    """Mean product of scores that lie one of the lags apart; NaN when there are none."""
    total, pairs = 0.0, 0
    for grid, lag in itertools.product(scores, lags):
        if grid.shape[1] > lag:
            product = grid[:, lag:] * grid[:, : grid.shape[1] - lag]
            total += float(np.nansum(product))
            pairs += int(np.isfinite(product).sum())
    return total / pairs if pairs else float("nan")
