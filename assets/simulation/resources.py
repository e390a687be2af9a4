"""Resource metrics of some pools over some days: what agents on the CIs would have measured."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from assets.simulation.calibration import CONSTANT_MEMORY, LEAK_CYCLE_DAYS, Calibration, Use, slowdown
from assets.simulation.catalogue import Resource
from assets.simulation.estate import SECONDS_A_DAY, Estate, Pool
from assets.simulation.incidence import Happenings
from assets.simulation.season import Floats, Ints
from assets.simulation.seeds import generator

Flags = npt.NDArray[np.bool_]

METRICS: dict[Resource, tuple[str, str, str]] = {
    "cpu": ("system.cpu.utilization", "1", "gauge"),
    "memory": ("system.memory.usage", "By", "gauge"),
    "connections": ("db.client.connection.count", "{connection}", "gauge"),
    "filesystem": ("system.filesystem.usage", "By", "gauge"),
    "network": ("system.network.io", "By", "counter"),
}
#: From this share of the limit on a resource is exhausted: users feel it and an incident opens.
EXHAUSTED: dict[Resource, float] = {
    "cpu": 0.90,
    "memory": 0.95,
    "connections": 0.95,
    "filesystem": 0.95,
    "network": 0.95,
}
_NOISE: dict[Resource, float] = {
    "cpu": 0.03,
    "memory": 0.004,
    "connections": 0.02,
    "filesystem": 0.0002,
    "network": 0.02,
}
#: A restart costs this share of a host's cpu for two samples.
START_UP_PEAK = 0.25
#: The second load balancer is restarted at this fraction of the window: its counter begins again.
COUNTER_RESET_FRACTION = 0.4
CHUNK_CIS = 1000


@dataclass(frozen=True)
class Chunk:
    """Consecutive pools, with the uses of each resource."""

    number: int
    pools: list[Pool]
    uses: dict[Resource, list[Use]]


@dataclass(frozen=True)
class Series:
    """Samples of one resource, shape (CIs, slots) each; `exhaustion` is the value over the limit."""

    resource: Resource
    cis: Ints
    values: Floats
    present: Flags
    exhaustion: Floats


def chunks(estate: Estate, calibration: Calibration) -> Iterator[Chunk]:
    """The pools in chunks of about `CHUNK_CIS` CIs: memory stays bounded whatever the estate's size."""
    pools: list[Pool] = []
    uses: dict[Resource, list[Use]] = {}
    members = number = 0
    by_pool: dict[int, list[Use]] = {}
    for use in calibration.uses:
        by_pool.setdefault(use.pool.index, []).append(use)
    for pool in estate.pools:
        pools.append(pool)
        members += pool.stop - pool.start
        for use in by_pool[pool.index]:
            uses.setdefault(use.resource, []).append(use)
        if members >= CHUNK_CIS:
            yield Chunk(number, pools, uses)
            pools, uses, members, number = [], {}, 0, number + 1
    if pools:
        yield Chunk(number, pools, uses)


class ResourceModel:
    """Turns loads into samples. Keeps the totals of counters between calls, which go forward in time."""

    def __init__(self, estate: Estate, calibration: Calibration, happenings: Happenings) -> None:
        self._estate, self._calibration, self._happenings = estate, calibration, happenings
        self._totals: dict[int, Floats] = {}
        first_lb = next(pool for pool in estate.pools if pool.tier == "lb")
        self._reset_ci = first_lb.start + 1
        self._reset_at = estate.start_at + int(COUNTER_RESET_FRACTION * estate.settings.days) * SECONDS_A_DAY

    def measure(self, chunk: Chunk, load: Floats, offered: Floats, at: Ints) -> list[Series]:
        """Samples of every resource in `chunk`; `load` and `offered` come from `offered_cpu`."""
        series = []
        first_day = int((at[0] - self._estate.start_at) // SECONDS_A_DAY)
        for code, (resource, uses) in enumerate(sorted(chunk.uses.items())):
            noise = generator(self._estate.settings.seed, resource, first_day, chunk.number, code)
            series.append(self._measure(chunk, resource, uses, load, at, offered, noise))
        return series

    def offered_cpu(self, chunk: Chunk, loads: Floats, at: Ints) -> tuple[Floats, Floats]:
        """(load per member, offered cpu ratio), shape (pools, slots); cpu is 0 where a pool has none."""
        estate = self._estate
        share = np.array([pool.share for pool in chunk.pools])[:, None]
        rows = np.array([pool.load for pool in chunk.pools])
        far = estate.end_at + SECONDS_A_DAY
        change = np.array(
            [
                far if p.change_day is None else estate.start_at + p.change_day * SECONDS_A_DAY
                for p in chunk.pools
            ]
        )[:, None]
        before = np.array([pool.before for pool in chunk.pools], dtype=np.float64)[:, None]
        after = np.array([pool.after for pool in chunk.pools], dtype=np.float64)[:, None]
        load = share * loads[rows] / np.where(at[None, :] < change, before, after)
        position = {pool.index: i for i, pool in enumerate(chunk.pools)}
        idle, coefficient = np.zeros((len(chunk.pools), 1)), np.zeros((len(chunk.pools), 1))
        for use in chunk.uses.get("cpu", []):
            idle[position[use.pool.index]] = use.idle
            coefficient[position[use.pool.index]] = use.coefficient
        return load, idle + coefficient * load

    def _measure(
        self,
        chunk: Chunk,
        resource: Resource,
        uses: list[Use],
        load: Floats,
        at: Ints,
        offered: Floats,
        noise: np.random.Generator,
    ) -> Series:
        first = chunk.pools[0].index
        sizes = np.array([use.pool.stop - use.pool.start for use in uses])
        local = np.repeat([use.pool.index - first for use in uses], sizes)
        cis = np.concatenate([np.arange(use.pool.start, use.pool.stop) for use in uses])
        column = np.concatenate([use.coefficients for use in uses])[:, None]
        idle = np.repeat([use.idle for use in uses], sizes)[:, None]
        base = self._driver(resource, uses, sizes, local, load, at, offered)
        values = idle + column * base
        if resource == "memory":
            leak = np.repeat([use.leak for use in uses], sizes)[:, None]
            day = (at - self._estate.start_at) // SECONDS_A_DAY
            values = values + leak * (day % LEAK_CYCLE_DAYS)[None, :]
        values *= 1.0 + _NOISE[resource] * noise.standard_normal(values.shape, dtype=np.float32)
        limit = self._limits(uses, sizes, at)
        self._disturb(resource, cis, values, limit, at, noise)
        exhaustion = values / limit
        return Series(
            resource,
            cis,
            self._as_reported(resource, cis, values, limit, at),
            self._present(cis, at),
            exhaustion,
        )

    def _driver(
        self,
        resource: Resource,
        uses: list[Use],
        sizes: Ints,
        local: Ints,
        load: Floats,
        at: Ints,
        offered: Floats,
    ) -> Floats:
        """What the coefficients multiply, shape (CIs, slots)."""
        if resource == "filesystem":
            day = (at - self._estate.start_at) // SECONDS_A_DAY
            passed = ((at - self._estate.start_at) % SECONDS_A_DAY) / SECONDS_A_DAY
            rows = []
            for use in uses:
                mean = use.pool.share * self._calibration.mean[use.pool.load]
                before = np.cumsum(mean) - mean
                rows.append(before[day] + mean[day] * passed)
            return np.repeat(np.stack(rows), sizes, axis=0)
        if resource == "connections":
            return load[local] * slowdown(offered[local])
        return load[local]

    def _limits(self, uses: list[Use], sizes: Ints, at: Ints) -> Floats:
        far = self._estate.end_at + SECONDS_A_DAY
        start = self._estate.start_at
        change = [far if u.limit_day is None else start + u.limit_day * SECONDS_A_DAY for u in uses]
        before = np.repeat([use.limit_before for use in uses], sizes)[:, None]
        after = np.repeat([use.limit_after for use in uses], sizes)[:, None]
        return np.where(at[None, :] < np.repeat(change, sizes)[:, None], before, after)

    def _disturb(
        self,
        resource: Resource,
        cis: Ints,
        values: Floats,
        limit: Floats,
        at: Ints,
        noise: np.random.Generator,
    ) -> None:
        """Start-up peaks, memory spikes and a nearly constant series, in place."""
        interval = self._estate.settings.interval_seconds
        for row, index in enumerate(cis):
            ci = self._estate.cis[index]
            if ci.service < 0:
                continue
            traits = self._estate.services[ci.service].kind.traits
            if resource == "cpu" and ci.kind == "host":
                for restart in self._happenings.restarts.get(ci.service, ()):
                    if at[0] <= restart <= at[-1]:
                        slot = int((restart - at[0]) // interval)
                        values[row, slot : slot + 2] += START_UP_PEAK
            elif resource == "memory" and "memory_spikes" in traits:
                spikes = noise.random(values.shape[1]) < 0.0006
                values[row, spikes] += 0.2 * limit[row, spikes]
            elif resource == "memory" and "constant_memory" in traits:
                jitter = np.where(noise.random(values.shape[1]) < 0.02, 4096.0, 0.0)
                values[row] = CONSTANT_MEMORY * limit[row] + jitter

    def _as_reported(self, resource: Resource, cis: Ints, values: Floats, limit: Floats, at: Ints) -> Floats:
        """Clipped and rounded as the agent reports it; counters are summed up."""
        if resource == "network":
            return self._counted(cis, np.minimum(values, limit), at)
        if resource == "cpu":
            return np.asarray(np.round(np.clip(values, 0.0, 1.0), 4), dtype=np.float64)
        grain = 1.0 if resource == "connections" else 4096.0
        return np.asarray(np.rint(np.clip(values, 0.0, limit) / grain) * grain, dtype=np.float64)

    def _counted(self, cis: Ints, rates: Floats, at: Ints) -> Floats:
        steps = np.rint(rates * self._estate.settings.interval_seconds)
        counted = np.cumsum(steps, axis=1)
        for row, index in enumerate(cis):
            begin = self._totals.get(int(index), np.zeros(1))[0]
            counted[row] += begin
            if index == self._reset_ci and at[0] <= self._reset_at <= at[-1]:
                slot = int(np.searchsorted(at, self._reset_at))
                counted[row, slot:] -= counted[row, slot] - steps[row, slot]
            self._totals[int(index)] = counted[row, -1:].copy()
        return counted

    def _present(self, cis: Ints, at: Ints) -> Flags:
        """Which samples there are: a CI has its days, and one agent is silent for 36 hours."""
        estate = self._estate
        present = np.ones((cis.size, at.size), dtype=bool)
        day = (at - estate.start_at) / SECONDS_A_DAY
        for row, index in enumerate(cis):
            ci = estate.cis[index]
            if ci.first_day is not None:
                present[row] &= day >= ci.first_day
            if ci.end_day is not None:
                present[row] &= day < ci.end_day
            is_first_host = ci.service >= 0 and ci.ci_id.endswith("-app-01")
            if is_first_host and "gap" in estate.services[ci.service].kind.traits:
                begin = estate.settings.days // 2 + 0.375
                present[row] &= (day < begin) | (day >= begin + 1.5)
        return present
