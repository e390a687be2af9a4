"""Arithmetic of quantile forecasts: levels in between, levels in order, where the truth lies, what a miss costs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.stats import norm

from assets.forecasting.frames import FloatArray

#: The levels that are learned; all others are interpolated.
LEVELS = (0.1, 0.3, 0.5, 0.7, 0.9)
_MIN_WIDTH = 0.05


def width_of(answer: FloatArray) -> FloatArray:
    """Width of the 80 % interval [..., 1], never quite zero."""
    return np.maximum(answer[..., -1:] - answer[..., :1], _MIN_WIDTH)


def correct(answer: FloatArray, shift: FloatArray) -> FloatArray:
    """Apply a conformal shift, in units of the 80 % width, and put levels back in order."""
    return np.sort(answer + shift * width_of(answer), axis=-1)


def interpolate(answer: FloatArray, quantiles: Sequence[float]) -> FloatArray:
    """Other levels from `LEVELS` [..., level], linear in the normal score, so tails are those of a normal."""
    known, wanted = norm.ppf(np.array(LEVELS)), norm.ppf(np.array(list(quantiles)))
    at = np.clip(np.searchsorted(known, wanted, side="right") - 1, 0, len(known) - 2)
    share = (wanted - known[at]) / (known[at + 1] - known[at])
    return np.asarray(answer[..., at] * (1 - share) + answer[..., at + 1] * share, dtype=float)


def normal_scores(answer: FloatArray, truth: FloatArray) -> FloatArray:
    """Where `truth` [row] lies in quantiles `answer` [row, level], as a normal score limited to ±3."""
    known = norm.ppf(np.array(LEVELS))
    at = np.clip((answer <= truth[:, None]).sum(axis=1) - 1, 0, len(known) - 2)
    rows = np.arange(len(truth))
    low, high = answer[rows, at], answer[rows, at + 1]
    share = (truth - low) / np.maximum(high - low, 1e-9)
    return np.asarray(np.clip(known[at] + share * (known[at + 1] - known[at]), -3.0, 3.0), dtype=float)


def pinball(answer: FloatArray, truth: FloatArray, quantiles: Sequence[float]) -> FloatArray:
    """Mean pinball loss over the levels, one a row of `answer` [..., level] and `truth` [...]."""
    levels = np.array(list(quantiles))
    miss = truth[..., None] - answer
    return np.asarray(np.maximum(levels * miss, (levels - 1) * miss).mean(axis=-1), dtype=float)
