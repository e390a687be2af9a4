"""Forecasts of histories too short or too plain to learn from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.stats import norm

from assets.forecasting.experts import weighted_line
from assets.forecasting.frames import BoolArray, FloatArray
from assets.forecasting.seasonal_naive import nan_median

_EXACT = 1e-9


def straight_lines(
    values: FloatArray, min_points: int, horizon: int
) -> tuple[FloatArray, BoolArray, BoolArray]:
    """Rows of `values` [series, time] without any noise, and how they go on.

    Returns the continued line [series, horizon], whether a row is constant, and whether it is some other straight
    line of at least `min_points` points (fewer may lie on a line by chance).
    """
    width = values.shape[1]
    seen = ~np.isnan(values)
    filled = np.where(seen, values, 0.0)
    low = np.where(seen, values, np.inf).min(axis=1)
    high = np.where(seen, values, -np.inf).max(axis=1)
    constant = low == high
    intercept, slope = weighted_line(filled, seen.astype(float))
    fitted = intercept[:, None] + slope[:, None] * (np.arange(width) - (width - 1.0))
    miss = (np.abs(filled - fitted) * seen).max(axis=1)
    straight = ~constant & (seen.sum(axis=1) >= min_points) & (miss <= _EXACT * np.abs(filled).max(axis=1))
    ahead = intercept[:, None] + slope[:, None] * np.arange(1, horizon + 1.0)
    line = np.where(constant[:, None], np.where(constant, low, 0.0)[:, None], ahead)
    return line, np.asarray(constant, dtype=np.bool_), np.asarray(straight, dtype=np.bool_)


def recent_level(values: FloatArray, period: int, horizon: int, quantiles: Sequence[float]) -> FloatArray:
    """Median of the last values, with a normal interval from how much they vary, wider with time.

    Returns [series, horizon, quantile] for `values` [series, time] with at least one value a row.
    """
    count = np.maximum((~np.isnan(values)).sum(axis=1), 1)
    centre = nan_median(values[:, -period:])
    centre = np.where(np.isnan(centre), nan_median(values), centre)
    spread = np.sqrt(np.nansum((values - centre[:, None]) ** 2, axis=1) / np.maximum(count - 1, 1))
    growth = np.sqrt(1 + np.arange(horizon)[None, :] / count[:, None])
    levels = norm.ppf(np.asarray(quantiles, dtype=float))
    return np.asarray(centre[:, None, None] + (spread[:, None] * growth)[:, :, None] * levels, dtype=float)
