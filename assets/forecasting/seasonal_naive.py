"""Seasonal naive: the forecast that any other has to beat, and the error that every score is divided by."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.stats import norm

from assets.forecasting.frames import FloatArray


def seasonal_error(values: FloatArray, period: int) -> FloatArray:
    """In-sample mean absolute seasonal-naive error of each series, the scale of MASE and WQL.

    `values` is [series, time]. NaN where no two points lie one period apart; 0 for a series that repeats
    exactly. Hyndman and Koehler, "Another look at measures of forecast accuracy", 2006.
    """
    if values.shape[1] <= period:
        return np.full(len(values), np.nan)
    return nan_mean(np.abs(values[:, period:] - values[:, :-period]))


def last_season(values: FloatArray, period: int) -> FloatArray:
    """Latest observed value of each phase [series, period], oldest phase first; the median for one unseen."""
    count, width = values.shape
    whole = -(-width // period)
    padded = np.full((count, whole * period), np.nan)
    padded[:, -width:] = values
    seasons = padded.reshape(count, whole, period)
    latest = seasons[:, -1].copy()
    for index in range(seasons.shape[1] - 2, -1, -1):
        unseen = np.isnan(latest)
        if not unseen.any():
            break
        latest[unseen] = seasons[:, index][unseen]
    return np.where(np.isnan(latest), nan_median(values)[:, None], latest)


def repeat(season: FloatArray, horizon: int) -> FloatArray:
    """Continue a season [series, period] over the horizon."""
    period = season.shape[1]
    return np.tile(season, (1, -(-horizon // period)))[:, :horizon]


def seasonal_naive(values: FloatArray, period: int, horizon: int, quantiles: Sequence[float]) -> FloatArray:
    """Quantiles [series, horizon, quantile]: the last season repeated, with normal intervals.

    The standard deviation is the root mean square of the in-sample errors and grows with the square root of
    the number of seasons ahead (Hyndman and Athanasopoulos, Forecasting: Principles and Practice, 3rd ed.,
    section 5.5).
    """
    middle = repeat(last_season(values, period), horizon)
    spread = np.zeros(len(values))
    if values.shape[1] > period:
        errors = values[:, period:] - values[:, :-period]
        spread = np.nan_to_num(np.sqrt(nan_mean(errors**2)))
    seasons = np.sqrt(np.arange(horizon) // period + 1.0)
    levels = norm.ppf(np.asarray(quantiles, dtype=float))
    return middle[:, :, None] + spread[:, None, None] * seasons[None, :, None] * levels


def nan_mean(values: FloatArray) -> FloatArray:
    """Row means without the NaN; NaN for a row of nothing else."""
    seen = ~np.isnan(values)
    count = seen.sum(axis=1)
    total = np.where(seen, values, 0.0).sum(axis=1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def nan_median(values: FloatArray) -> FloatArray:
    """Medians over the last axis without the NaN; NaN where there is nothing else. (`nanmedian` is far slower.)"""
    if not values.shape[-1]:
        return np.full(values.shape[:-1], np.nan)
    ordered = np.sort(values, axis=-1)  # NaN last
    count = (~np.isnan(values)).sum(axis=-1)[..., None]
    low = np.take_along_axis(ordered, np.maximum(count - 1, 0) // 2, axis=-1)
    high = np.take_along_axis(ordered, np.minimum(count // 2, values.shape[-1] - 1), axis=-1)
    return np.asarray(((low + high) / 2)[..., 0], dtype=float)
