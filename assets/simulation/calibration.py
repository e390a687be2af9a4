"""How much of each resource a unit of load takes, so that every resource meets its fate on the right day.

All formulae are linear in the load per member l = share × load / members, but connections, which follow
Little's law:

    cpu          offered = idle + c·l                 (a ratio; above 1 the host cannot serve it)
    memory       idle + c·l + leak·(day mod 14)       (bytes)
    connections  idle + c·l·slowdown(offered cpu)     (a waiting request holds its connection)
    filesystem   idle + c·(share × load summed over days so far)   (bytes)
    network      c·l                                  (bytes per second)

`slowdown` is the queueing law 1 / (1 − ρ^4): nearly flat at first, steep beyond the knee.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from assets.simulation.catalogue import Resource
from assets.simulation.demand import daily_loads
from assets.simulation.estate import RESOURCES, Estate, Pool, window_day
from assets.simulation.season import Floats
from assets.simulation.seeds import generator
from assets.simulation.thresholds import thresholds

#: Truth is known this many days beyond the end.
HORIZON_DAYS = 365
#: Leaking memory is returned by a restart every this many days.
LEAK_CYCLE_DAYS = 14
GIBIBYTE = 2.0**30
#: A service whose hosts use this share of their memory, whatever the load.
CONSTANT_MEMORY = 0.42
#: A hair more than just enough, so that the intended day is over and not exactly at the limit.
_NUDGE = 1.0005
_SERVERS = 4
_FULL = 0.985
_LIMITS: dict[Resource, tuple[float, ...]] = {
    "cpu": (1.0,),
    "memory": (16 * GIBIBYTE, 32 * GIBIBYTE, 64 * GIBIBYTE),
    "connections": (200.0, 300.0, 500.0, 800.0),
    "filesystem": (500 * GIBIBYTE, 1000 * GIBIBYTE, 2000 * GIBIBYTE, 4000 * GIBIBYTE),
    "network": (1.25e9,),
}
#: Idle use as a share of the limit, drawn between these.
_IDLE: dict[Resource, tuple[float, float]] = {
    "cpu": (0.03, 0.06),
    "memory": (0.35, 0.55),
    "connections": (0.04, 0.08),
    "filesystem": (0.30, 0.55),
    "network": (0.0, 0.0),
}


def slowdown(offered: Floats) -> Floats:
    """Response time against that of an empty system, for an offered utilisation ratio."""
    return np.asarray(1.0 / (1.0 - np.clip(offered, 0.0, _FULL) ** _SERVERS))


@dataclass
class Use:
    """How one pool uses one resource. `coefficients` holds one value a member of the pool's range."""

    pool: Pool
    resource: Resource
    idle: float
    coefficient: float
    coefficients: Floats
    limit_before: float
    limit_after: float
    limit_day: int | None
    leak: float = 0.0

    def limits(self, days: int) -> Floats:
        """Limit of a member on each of `days` days."""
        values = np.full(days, self.limit_before)
        if self.limit_day is not None:
            values[self.limit_day :] = self.limit_after
        return values


@dataclass
class Loads:
    """Noiseless load per member of a pool by day: highest hour, highest sample, sum so far; its members."""

    busy: Floats
    top: Floats
    total: Floats
    members: Floats
    survivable: Floats


@dataclass
class Calibration:
    """Uses in the order of pools and resources, and the daily loads they were solved from."""

    uses: list[Use] = field(default_factory=list)
    busy: Floats = field(default_factory=lambda: np.empty((0, 0)))
    top: Floats = field(default_factory=lambda: np.empty((0, 0)))
    mean: Floats = field(default_factory=lambda: np.empty((0, 0)))


def calibrate(estate: Estate) -> Calibration:
    """Solve every pool's coefficients from the noiseless daily loads."""
    days = estate.settings.days + HORIZON_DAYS
    result = Calibration([], *daily_loads(estate, days))
    for pool in estate.pools:
        loads = pool_loads(estate, result, pool)
        draw = generator(estate.settings.seed, "calibration", pool.index)
        cpu: Use | None = None
        for resource in RESOURCES[pool.tier]:
            use = _solve(estate, pool, resource, loads, cpu, draw)
            cpu = use if resource == "cpu" else cpu
            result.uses.append(use)
    return result


def pool_loads(estate: Estate, calibration: Calibration, pool: Pool) -> Loads:
    """Daily noiseless loads per member of `pool` over window and horizon."""
    days = calibration.busy.shape[1]
    number = np.arange(days)
    change = days if pool.change_day is None else pool.change_day
    members = np.where(number < change, pool.before, pool.after).astype(np.float64)
    survivable = np.minimum(pool.tolerance, members - 1)
    mean = pool.share * calibration.mean[pool.load]
    last = 1.0 - 1.0 / estate.settings.slots_per_day
    return Loads(
        pool.share * calibration.busy[pool.load] / members,
        pool.share * calibration.top[pool.load] / members,
        np.cumsum(mean) - mean * (1.0 - last),
        members,
        survivable,
    )


def _solve(
    estate: Estate, pool: Pool, resource: Resource, loads: Loads, cpu: Use | None, draw: np.random.Generator
) -> Use:
    story = pool.stories.get(resource)
    days = loads.busy.shape[0]
    limit = float(draw.choice(_LIMITS[resource]))
    idle = limit * float(draw.uniform(*_IDLE[resource]))
    leaks = resource == "memory" and "leak" in estate.services[pool.service].kind.traits
    size = pool.stop - pool.start
    spread = draw.normal(0.0, 0.015, size)
    use = Use(pool, resource, idle, 0.0, np.empty(0), limit, limit, None, 0.01 * limit if leaks else 0.0)
    if story is not None and story.remedy_fraction is not None and resource != "cpu":
        use.limit_day = window_day(estate.settings, story.remedy_fraction)
        use.limit_after = limit * story.remedy_factor
    usable = thresholds(estate, estate.services[pool.service].service_id, resource, days) * use.limits(days)
    stop, fill, felt = _fate(estate, pool, resource, days, draw)
    if not felt and resource in ("cpu", "network"):
        usable = usable * (loads.members - loads.survivable) / loads.members
    room = usable - use.idle - use.leak * (LEAK_CYCLE_DAYS - 1)
    load = unit_loads(use, loads, cpu)
    ratio = room[:stop] / np.maximum(load[:stop], 1e-12)
    use.coefficient = float(ratio.min()) * (_NUDGE if fill is None else fill)
    if resource == "memory" and "constant_memory" in estate.services[pool.service].kind.traits:
        use.idle, use.coefficient = CONSTANT_MEMORY * limit, 0.0
    use.coefficients = use.coefficient * (1.0 + spread - spread.mean())
    return use


def unit_loads(use: Use, loads: Loads, cpu: Use | None) -> Floats:
    """What the coefficient of `use` multiplies on each day, in the statistic that judges the resource."""
    if use.resource in ("cpu", "network"):
        return loads.busy
    if use.resource == "filesystem":
        return loads.total
    if use.resource == "connections" and cpu is not None:
        return np.asarray(loads.top * slowdown(cpu.idle + cpu.coefficient * loads.top))
    return loads.top


def _fate(
    estate: Estate, pool: Pool, resource: Resource, days: int, draw: np.random.Generator
) -> tuple[int, float | None, bool]:
    """(days to look at, share of the room to fill, felt by members); no share: the room is just used up."""
    window = estate.settings.days
    fill, chance, later = draw.uniform(0.35, 0.8), draw.random(), draw.integers(100, 320)
    story = pool.stories.get(resource)
    if story is not None and story.days_after_end is not None:
        return window + story.days_after_end, None, False
    if story is not None and story.window_fraction is not None:
        return window_day(estate.settings, story.window_fraction), None, True
    grows = estate.services[pool.service].growth > 0.15
    if story is None and grows and chance < 0.12:
        return min(window + int(later), days), None, False
    return days, float(fill), False
