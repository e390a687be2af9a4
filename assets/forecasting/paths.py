"""Simulated paths that obey the forecast's quantiles at every step, and when they first reach a limit."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
from scipy.stats import norm

from assets.forecasting.forecast import PanelForecast, natural_bounds
from assets.forecasting.frames import FloatArray, ForecastInputError

N_PATHS = 500
_CHUNK = 32


def simulate_paths(forecast: PanelForecast, seed: int, n_paths: int = N_PATHS) -> FloatArray:
    """Paths [series, path, horizon] in the unit of the series; NaN for a series without a forecast.

    A Gaussian copula (see `assets.forecasting.dependence`) joins the steps of a path; series are independent of
    each other. The random numbers of a series depend on the seed and its id alone, not on its neighbours.
    Between the forecast's quantiles, and beyond them, values are linear in the normal score.
    """
    levels = _scores_of(forecast.quantiles)
    lower, upper = natural_bounds(forecast.panel)
    paths = np.empty((len(forecast.panel.ids), n_paths, forecast.values.shape[1]))
    for chunk, scores in path_scores(forecast, seed, n_paths):
        quantiles = forecast.values[chunk]
        at = np.clip(np.searchsorted(levels, scores, side="right") - 1, 0, len(levels) - 2)
        low = np.take_along_axis(quantiles[:, None], at[..., None], axis=3)[..., 0]
        high = np.take_along_axis(quantiles[:, None], at[..., None] + 1, axis=3)[..., 0]
        share = (scores - levels[at]) / (levels[at + 1] - levels[at])
        values = low + share * (high - low)
        paths[chunk] = np.clip(values, lower[chunk, None, None], upper[chunk, None, None])
    return paths


def path_scores(forecast: PanelForecast, seed: int, n_paths: int) -> Iterator[tuple[slice, FloatArray]]:
    """Normal scores [series, path, horizon] of simulated paths, a few series at a time to spare memory."""
    horizon = forecast.values.shape[1]
    ids = forecast.panel.ids
    for start in range(0, len(ids), _CHUNK):
        chunk = slice(start, min(start + _CHUNK, len(ids)))
        draws = np.stack([_draws(name, seed, n_paths, horizon) for name in ids[chunk]])
        rho = forecast.dependence.rho[chunk, None]
        fresh = np.sqrt(1 - rho**2)
        scores = draws[:, :, 1:]
        for step in range(1, horizon):
            scores[:, :, step] = rho * scores[:, :, step - 1] + fresh * scores[:, :, step]
        shared = forecast.dependence.shared[chunk, None, None]
        yield chunk, np.sqrt(shared) * draws[:, :, :1] + np.sqrt(1 - shared) * scores


def first_steps(
    forecast: PanelForecast, usable: FloatArray, seed: int, n_paths: int
) -> npt.NDArray[np.int32]:
    """First step (1 is the first of the horizon) at which each path is at or over `usable` [series, horizon].

    Returns [series, path]; horizon + 1 where a path stays below to the end. The same paths as `simulate_paths`,
    but compared as normal scores, so no path need be written out.
    """
    horizon = forecast.values.shape[1]
    critical = critical_scores(forecast.values, forecast.quantiles, usable)
    _, upper = natural_bounds(forecast.panel)
    critical = np.where(usable > upper[:, None], np.inf, critical)
    steps = np.full((len(usable), n_paths), horizon + 1, dtype=np.int32)
    for chunk, scores in path_scores(forecast, seed, n_paths):
        over = scores >= critical[chunk, None, :]
        steps[chunk] = np.where(over.any(axis=2), over.argmax(axis=2) + 1, horizon + 1)
    return steps


def critical_scores(values: FloatArray, quantiles: Sequence[float], usable: FloatArray) -> FloatArray:
    """Lowest normal score at which quantiles `values` [series, horizon, quantile] reach `usable` [series, horizon].

    −inf where every score does, +inf where none does (also where either is NaN).
    """
    levels = _scores_of(quantiles)
    slopes = np.diff(values, axis=2) / np.diff(levels)
    result = np.full(usable.shape, np.inf)
    for piece in range(len(levels) - 1):
        low, high, slope = values[:, :, piece], values[:, :, piece + 1], slopes[:, :, piece]
        rises = slope > 0
        score = levels[piece] + (usable - low) / np.where(rises, slope, 1.0)
        first, last = piece == 0, piece == len(levels) - 2
        # The outermost pieces go on for ever; a flat one there is reached always or never.
        inside = ((low < usable) | first) & ((usable <= high) | last)
        flat = np.where(low >= usable, -np.inf, np.inf)
        found = np.where(rises, score, flat)
        unset = np.isposinf(result)
        result = np.where(inside & unset, found, result)
    return np.where(np.isnan(result), np.inf, result)


def _scores_of(quantiles: Sequence[float]) -> FloatArray:
    if len(quantiles) < 2:
        raise ForecastInputError("paths need a forecast of at least two quantiles")
    return np.asarray(norm.ppf(np.array(list(quantiles))), dtype=float)


def _draws(name: str, seed: int, n_paths: int, horizon: int) -> FloatArray:
    random = np.random.default_rng([seed, zlib.crc32(name.encode())])
    return random.standard_normal((n_paths, horizon + 1))
