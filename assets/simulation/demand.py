"""Demand: requests per second of each service, noiseless and as it really came, and the loads it causes."""

from __future__ import annotations

import numpy as np

from assets.simulation.estate import SECONDS_A_DAY, Estate
from assets.simulation.season import Floats, Ints, LocalTimes, demand_shape, local_times
from assets.simulation.seeds import generator

#: Standard deviations of the noise, relative: between days, and between samples.
DAY_NOISE = 0.03
SLOT_NOISE = 0.02
#: How much of one day's deviation is still there on the next.
DAY_MEMORY = 0.5
#: Sunday jobs of services with a weekly peak: local hours, and load against an ordinary day's mean.
WEEKLY_PEAK_HOURS = (12.0, 14.0)
WEEKLY_PEAK_LOAD = 5.0


def slots(estate: Estate, first_day: int, days: int) -> Ints:
    """Sample times, UTC epoch seconds, of `days` days from day `first_day`."""
    interval = estate.settings.interval_seconds
    start = estate.start_at + first_day * SECONDS_A_DAY
    return np.arange(start, start + days * SECONDS_A_DAY, interval, dtype=np.int64)


def expected_demand(estate: Estate, at: Ints) -> Floats:
    """Noiseless requests per second, shape (services, slots): base × growth × level shifts × season.

    Growth is exponential: exp(rate × days / 365); a level shift holds from 00:00 UTC of its day on.
    """
    elapsed = (at - estate.start_at) / SECONDS_A_DAY
    zones: dict[str, LocalTimes] = {}
    shapes: dict[tuple[str, str, bool], Floats] = {}
    rows = []
    for service in estate.services:
        kind = service.kind
        peaks = "weekly_peak" in kind.traits
        name = (kind.profile, kind.zone, peaks)
        if name not in shapes:
            if kind.zone not in zones:
                zones[kind.zone] = local_times(at, kind.zone)
            shapes[name] = demand_shape(kind.profile, zones[kind.zone])
            if peaks:
                shapes[name] = shapes[name] + _weekly_peak(zones[kind.zone])
        row = service.base * shapes[name] * np.exp(service.growth / 365.0 * elapsed)
        for day, shift in service.shifts:
            row[elapsed >= day] *= shift.factor
        rows.append(row)
    return np.stack(rows)


def _weekly_peak(times: LocalTimes) -> Floats:
    start, stop = WEEKLY_PEAK_HOURS
    running = (times.weekday == 6) & (times.hour >= start) & (times.hour < stop)
    return np.where(running, WEEKLY_PEAK_LOAD, 0.0)


def day_noise(estate: Estate) -> Floats:
    """Factor of each service and day, shape (services, days), with a memory from day to day."""
    shape = (estate.settings.days, len(estate.services))
    steps = generator(estate.settings.seed, "day noise").standard_normal(shape)
    level = steps[0]
    levels = [level]
    for step in steps[1:]:
        level = DAY_MEMORY * level + np.sqrt(1 - DAY_MEMORY**2) * step
        levels.append(level)
    return np.asarray(np.exp(DAY_NOISE * np.stack(levels, axis=1)))


def real_demand(estate: Estate, expected: Floats, factors: Floats, first_day: int) -> Floats:
    """Demand with noise, (services, slots) of whole days from `first_day`; `factors` from `day_noise`."""
    days = expected.shape[1] // estate.settings.slots_per_day
    noise = generator(estate.settings.seed, "slot noise", first_day).standard_normal(expected.shape)
    by_day = np.repeat(factors[:, first_day : first_day + days], estate.settings.slots_per_day, axis=1)
    return np.asarray(expected * by_day * np.exp(SLOT_NOISE * noise))


def load_table(estate: Estate, demand: Floats, at: Ints) -> Floats:
    """Loads, shape (services + mixes, slots): each service's demand, then the mixes of several."""
    day = (at - estate.start_at) // SECONDS_A_DAY
    mixed = []
    for mix in estate.mixes:
        total = np.zeros(demand.shape[1])
        for service, weight, since in mix.parts:
            total += np.where(day >= since, weight, 0.0) * demand[service]
        mixed.append(total)
    return np.vstack([demand, *mixed]) if mixed else demand


def daily_loads(estate: Estate, days: int) -> tuple[Floats, Floats, Floats]:
    """Noiseless loads by day: highest hourly mean, highest sample, mean. Shape (loads, days) each."""
    busy, top, mean = [], [], []
    per_hour = 3600 // estate.settings.interval_seconds
    for first in range(0, days, 7):
        count = min(7, days - first)
        at = slots(estate, first, count)
        loads = load_table(estate, expected_demand(estate, at), at)
        hours = loads.reshape(loads.shape[0], count, 24, per_hour)
        busy.append(hours.mean(axis=3).max(axis=2))
        top.append(hours.max(axis=(2, 3)))
        mean.append(hours.mean(axis=(2, 3)))
    return np.hstack(busy), np.hstack(top), np.hstack(mean)
