"""Hourly throughput and latency of services as the simulated estate makes them, at any closeness to the knee."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from assets.simulation.calibration import slowdown
from assets.simulation.control_records import latency_target
from assets.simulation.performance import BOUNDS, P95_OVER_MEDIAN, Performance, histogram
from assets.simulation.season import Floats, Ints

SLOTS = 4


@dataclass(frozen=True)
class BusyService:
    """Hours of one service (1/s, s), the day of each, its target, and the throughput that it truly sustains."""

    throughput: Floats
    latency: Floats
    mean_latency: Floats
    day: Ints
    target: float
    sustainable: float
    limit: float


def busy_service(seed: int, peak_ratio: float, days: int = 28) -> BusyService:
    """A service whose busiest hours come to about `peak_ratio` of what its hosts can do."""
    draw = np.random.default_rng([seed, 11])
    base, idle = float(draw.choice([0.02, 0.045, 0.08, 0.12, 0.45])), float(draw.uniform(0.03, 0.06))
    limit = float(draw.uniform(20, 800))
    hour = np.arange(days * 24 * SLOTS) / SLOTS % 24
    weekday = np.arange(days * 24 * SLOTS) // (24 * SLOTS) % 7
    shape = 0.1 + np.exp(-0.5 * ((hour - 11) / 2.5) ** 2) + 0.5 * np.exp(-0.5 * ((hour - 16) / 1.5) ** 2)
    shape = shape * np.where(weekday >= 5, 0.4, 1.0) / shape.max()
    by_day = np.repeat(np.exp(0.03 * draw.standard_normal(days)), 24 * SLOTS)
    demand = peak_ratio * limit * shape * by_day * np.exp(0.02 * draw.standard_normal(shape.size))
    offered = idle + (1.0 - idle) * demand / limit
    requests = demand / np.maximum(offered, 1.0) * 3600 / SLOTS
    median = base * slowdown(offered) * np.exp(0.02 * draw.standard_normal(shape.size))
    nothing = np.zeros((1, shape.size))
    counts = histogram(Performance(requests[None, :], nothing, median[None, :], nothing), SLOTS)[0]
    target = latency_target(base)
    ratio = (1.0 - base * P95_OVER_MEDIAN / target) ** 0.25
    middles = np.concatenate([[BOUNDS[0] / 2], np.sqrt(BOUNDS[:-2] * BOUNDS[1:-1]), [BOUNDS[-2]]])
    held = np.diff(counts, axis=1, prepend=0.0)
    return BusyService(
        throughput=counts[:, -1] / 3600,
        latency=np.array([percentile_of_tail(row, 0.95) for row in counts]),
        mean_latency=(held @ middles) / counts[:, -1],
        day=np.repeat(np.arange(days), 24),
        target=target,
        sustainable=(ratio - idle) / (1.0 - idle) * limit,
        limit=limit,
    )


def percentile_of_tail(cumulative: Floats, fraction: float) -> float:
    """What the macro `histogram_percentile_of_tail` does."""
    total = cumulative[-1]
    upper = int(np.searchsorted(cumulative, fraction * total))
    below = cumulative[upper - 1] if upper else 0.0
    if upper == 0 or upper == BOUNDS.size - 1 or below <= 0:
        return float("nan")
    if cumulative[upper] == total:
        return float(BOUNDS[upper])
    odds = np.log(
        [below / (total - below), cumulative[upper] / (total - cumulative[upper]), fraction / (1 - fraction)]
    )
    share = (odds[2] - odds[0]) / (odds[1] - odds[0])
    return float(BOUNDS[upper - 1] * (BOUNDS[upper] / BOUNDS[upper - 1]) ** share)
