"""Simulated paths of many series, wrong together where their forecasts are: when each first reaches its limit.

The normal score of a series at step h is √s(h)·g + √(1−s(h))·e(h). g is common to the whole path (a trend that was
judged wrong stays wrong), e is what comes and goes: AR(1). What comes and goes is as large in a month as it is
tomorrow, so where the interval widens it is the common part that grows: s(h) = 1 − (1−s)·(width near ÷ width at h)².
Series of one group (the pools of a service) share a part r of the variance of both. On top come rare single steps far
above the rest (`spikes`), each by itself.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import norm

from assets.forecasting.dependence import Dependence
from assets.forecasting.forecast import PanelForecast, natural_bounds
from assets.forecasting.frames import BoolArray, FloatArray, ForecastInputError

N_PATHS = 500

#: Used until published forecasts tell; what two replays of the simulated estate show (0.37), rounded down.
DEFAULT_SERVICE_SHARE = 0.3
_CHUNK = 32


@dataclass(frozen=True)
class Groups:
    """Which series are wrong together: a name a series (empty: alone), and the part r of the variance they share."""

    names: tuple[str, ...]
    share: float


def service_groups(ids: Sequence[str], membership: pd.DataFrame, share: float) -> Groups:
    """The pools of a service as one group. `membership` has `service_id, series_id`; other series stay alone."""
    known = membership.dropna().sort_values(["series_id", "service_id"]).drop_duplicates("series_id")
    service_of = dict(zip(known["series_id"].astype(str), known["service_id"].astype(str), strict=True))
    return Groups(tuple(service_of.get(name, "") for name in ids), share)


def first_steps(
    forecast: PanelForecast,
    usable: FloatArray,
    seed: int,
    groups: Groups | None = None,
    n_paths: int = N_PATHS,
) -> npt.NDArray[np.int32]:
    """First step (1 is the first of the horizon) at which each path is at or over `usable` [series, horizon].

    Returns [series, path]; horizon + 1 where a path stays below to the end. Paths are compared as normal scores with
    the score at which the forecast's quantiles reach the limit, or what a spike leaves of it, so no path need be
    written out.
    """
    horizon, spikes = forecast.values.shape[1], forecast.spikes
    above = spikes.height[:, None] * forecast.values[:, :, len(forecast.quantiles) // 2]
    critical, in_spike = (
        critical_scores(forecast.values, forecast.quantiles, limit) for limit in (usable, usable - above)
    )
    _, upper = natural_bounds(forecast.panel)
    never = usable > upper[:, None]
    critical, in_spike = np.where(never, np.inf, critical), np.where(never, np.inf, in_spike)
    steps = np.full((len(usable), n_paths), horizon + 1, dtype=np.int32)
    for chunk, scores in path_scores(forecast, seed, groups, n_paths):
        spiked = _spiked(forecast.panel.ids[chunk], spikes.chance[chunk], seed, scores.shape)
        over = scores >= np.where(spiked, in_spike[chunk, None, :], critical[chunk, None, :])
        steps[chunk] = np.where(over.any(axis=2), over.argmax(axis=2) + 1, horizon + 1)
    return steps


def path_scores(
    forecast: PanelForecast, seed: int, groups: Groups | None, n_paths: int
) -> Iterator[tuple[slice, FloatArray]]:
    """Normal scores [series, path, horizon] of simulated paths, a few series at a time to spare memory.

    The random numbers of a series depend on the seed, its id and its group's name alone; path number k of one series
    goes with path number k of another.
    """
    shared = shared_by_step(forecast)
    horizon = forecast.values.shape[1]
    for chunk, common, passing in _draws(
        forecast.panel.ids, forecast.dependence, horizon, seed, groups, n_paths
    ):
        part = shared[chunk, None, :]
        yield chunk, np.sqrt(part) * common[:, :, None] + np.sqrt(1 - part) * passing


def shared_by_step(forecast: PanelForecast) -> FloatArray:
    """Part of the variance at each step that the whole path shares [series, horizon].

    Widths are means over a season around the step: a weekend has a narrower interval, but not for knowing better.
    """
    season = forecast.panel.periods[0]
    width = forecast.values[:, :, -1] - forecast.values[:, :, 0]
    count, horizon = width.shape
    reach = min(season, horizon)
    total = np.cumsum(np.concatenate([np.zeros((count, 1)), width], axis=1), axis=1)
    last = np.clip(np.arange(horizon) + reach // 2 + 1, reach, horizon)
    smooth = (total[:, last] - total[:, last - reach]) / reach
    near = np.maximum(smooth[:, :1], 0.0)
    ratio = np.divide(near, smooth, out=np.ones_like(smooth), where=smooth > 0)
    passing = (1 - forecast.dependence.shared[:, None]) * np.minimum(ratio, 1.0) ** 2
    return np.asarray(np.clip(1 - passing, 0.0, 1.0))


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


def _draws(
    ids: Sequence[str], dependence: Dependence, horizon: int, seed: int, groups: Groups | None, n_paths: int
) -> Iterator[tuple[slice, FloatArray, FloatArray]]:
    """Common part [series, path] and passing part [series, path, step] of a few series at a time, to spare memory."""
    names = groups.names if groups is not None else ("",) * len(ids)
    share = groups.share if groups is not None else 0.0
    for start in range(0, len(ids), _CHUNK):
        chunk = slice(start, min(start + _CHUNK, len(ids)))
        draws = np.stack([_normal(name, seed, n_paths, horizon) for name in ids[chunk]])
        if share > 0:
            together = {
                name: _normal(f"group/{name}", seed, n_paths, horizon) for name in sorted(set(names[chunk]))
            }
            for position, name in enumerate(names[chunk]):
                if name:
                    draws[position] = np.sqrt(1 - share) * draws[position] + np.sqrt(share) * together[name]
        rho = dependence.rho[chunk, None]
        fresh = np.sqrt(1 - rho**2)
        passing = draws[:, :, 1:]
        for step in range(1, horizon):
            passing[:, :, step] = rho * passing[:, :, step - 1] + fresh * passing[:, :, step]
        yield chunk, draws[:, :, 0], passing


def _normal(name: str, seed: int, n_paths: int, horizon: int) -> FloatArray:
    random = np.random.default_rng([seed, zlib.crc32(name.encode())])
    return random.standard_normal((n_paths, horizon + 1))


def _spiked(ids: Sequence[str], chance: FloatArray, seed: int, shape: tuple[int, ...]) -> BoolArray:
    """Which steps of which paths [series, path, step] are spikes."""
    result = np.zeros(shape, dtype=np.bool_)
    for position, name in enumerate(ids):
        if chance[position] > 0:
            random = np.random.default_rng([seed, zlib.crc32(name.encode()), 1])
            result[position] = random.random(shape[1:], dtype=np.float32) < chance[position]
    return result
