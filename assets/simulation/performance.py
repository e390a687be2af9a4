"""What users get: requests served, latency, errors and checks, from demand and offered load."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from assets.simulation.calibration import slowdown
from assets.simulation.estate import Estate
from assets.simulation.incidence import Happenings
from assets.simulation.season import Floats, Ints
from assets.simulation.seeds import generator

#: Default bounds of the OpenTelemetry histogram http.server.request.duration, seconds, and the last bucket.
BOUNDS: Floats = np.array(
    [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, np.inf]
)
#: Latency is log-logistic: share within b = 1 / (1 + (median / b)^SHAPE).
SHAPE = 4.0
#: p95 of a log-logistic distribution over its median.
P95_OVER_MEDIAN = 19.0 ** (1.0 / SHAPE)
BASE_ERROR_RATIO = 0.0015
#: Errors begin at this offered load, and grow with its square.
ERRORS_FROM = 0.93
SERVED_IN_OUTAGE = 0.02


@dataclass(frozen=True)
class Performance:
    """Shape (services, slots) each: requests, errors, median latency (s), checks passed (1 or 0)."""

    requests: Floats
    errors: Floats
    median_seconds: Floats
    checks: Floats


def outage_share(estate: Estate, happenings: Happenings, at: Ints) -> Floats:
    """Share of each slot in which a service was down, shape (services, slots)."""
    interval = estate.settings.interval_seconds
    share = np.zeros((len(estate.services), at.size))
    for outage in happenings.outages:
        if outage.start < at[-1] + interval and outage.end > at[0]:
            overlap = np.minimum(at + interval, outage.end) - np.maximum(at, outage.start)
            share[outage.service] += np.clip(overlap, 0, interval) / interval
    return share


def perform(
    estate: Estate, rows: slice, demand: Floats, offered: Floats, exhausted: Floats, down: Floats, at: Ints
) -> Performance:
    """What users of the services `rows` get.

    `demand` (1/s, outages taken off), `offered` (highest cpu ratio behind the service), `exhausted` (1 where
    some other resource has run out) and `down` have shape (services in `rows`, slots).
    """
    draw = generator(estate.settings.seed, "performance", int(at[0]), rows.start)
    interval = estate.settings.interval_seconds
    served = demand / np.maximum(offered, 1.0)
    expected = served * interval
    requests = np.rint(np.maximum(expected + np.sqrt(expected) * draw.standard_normal(demand.shape), 0.0))
    strain = np.clip((offered - ERRORS_FROM) / 0.07, 0.0, 1.5) ** 2
    ratio = np.minimum(BASE_ERROR_RATIO + 0.06 * strain + 0.04 * exhausted + 0.6 * down, 0.9)
    mistakes = requests * ratio
    errors = np.rint(mistakes + np.sqrt(mistakes) * draw.standard_normal(demand.shape))
    base = np.array([service.latency_seconds for service in estate.services[rows]])[:, None]
    median = base * slowdown(offered) * (1.0 + 0.8 * exhausted)
    median = median * np.exp(0.02 * draw.standard_normal(demand.shape))
    timeouts = (offered > 1.05) & (draw.random(demand.shape) < 0.3)
    checks = np.where((down >= 0.5) | timeouts, 0.0, 1.0)
    return Performance(requests, np.clip(errors, 0.0, requests), median, checks)


def histogram(performance: Performance, slots_per_hour: int) -> Floats:
    """Hourly counts at or below each of `BOUNDS`, shape (services, hours, bounds), whole numbers."""
    requests, median = performance.requests, performance.median_seconds
    shape = (requests.shape[0], requests.shape[1] // slots_per_hour, slots_per_hour)
    hourly = requests.reshape(shape)
    scaled = median.reshape(shape) ** SHAPE
    counts = np.empty((*shape[:2], BOUNDS.size))
    for position, bound in enumerate(BOUNDS):
        counts[:, :, position] = (hourly / (1.0 + scaled / bound**SHAPE)).sum(axis=2)
    return np.rint(counts)


class ErrorCounters:
    """Cumulative error counters that begin again at a restart; goes forward in time."""

    def __init__(self, estate: Estate, happenings: Happenings) -> None:
        self._restarts = happenings.restarts
        self._totals = np.zeros(len(estate.services))

    def count(self, rows: slice, errors: Floats, at: Ints) -> Floats:
        """Counter values of the services `rows` at each slot; a restart leaves what came after it."""
        counted = self._totals[rows, None] + np.cumsum(errors, axis=1)
        for row, service in enumerate(range(rows.start, rows.stop)):
            for restart in sorted(self._restarts.get(service, ())):
                if at[0] <= restart <= at[-1]:
                    slot = int(np.searchsorted(at, restart))
                    counted[row, slot:] -= counted[row, slot] - errors[row, slot]
        self._totals[rows] = counted[:, -1]
        return counted
