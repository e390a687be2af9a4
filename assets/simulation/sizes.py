"""The sizes in which the simulated organisation can order its CIs, and the size that each CI has."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from assets.simulation.calibration import GIBIBYTE, Calibration, Use
from assets.simulation.estate import FOUNDED, Ci, Estate

#: Kind of CI → resource whose recorded limit tells the size, amount of it that one size step counts.
_TELLS = {
    "host": ("memory", GIBIBYTE),
    "database": ("connections", 1.0),
    "volume": ("filesystem", GIBIBYTE),
    "load_balancer": ("network", 1.0),
}
_UNITS = {
    "cpu": "{cpu}",
    "memory": "GiBy",
    "connections": "{connection}",
    "filesystem": "GiBy",
    "network": "By/s",
}
_EUR_A_GIBIBYTE = 0.055
#: What a CI costs a month that comes in one size only.
ENDPOINT_EUR = 4.0


@dataclass(frozen=True)
class Size:
    """One size of a ladder: how much of each resource it gives, list price in EUR a month."""

    name: str
    limits: dict[str, float]
    monthly_cost: float


def _host(family: str, cpus: int, gibibytes: int) -> Size:
    price = 15.0 + 18.0 * cpus + 2.5 * gibibytes
    return Size(f"{family}-{cpus}x{gibibytes}", {"cpu": cpus, "memory": gibibytes}, price)


def _database(cpus: int, connections: int) -> Size:
    price = 40.0 + 60.0 * cpus + 0.05 * connections
    return Size(f"db-{cpus}x{connections}", {"cpu": cpus, "connections": connections}, price)


def _volume(gibibytes: int) -> Size:
    return Size(f"vol-{gibibytes}", {"filesystem": gibibytes}, round(_EUR_A_GIBIBYTE * gibibytes, 2))


def _load_balancer(gigabits: float, price: float) -> Size:
    return Size(f"lb-{gigabits:g}g", {"network": gigabits * 1.25e8}, price)


#: Kind of CI → its sizes. General purpose (gp), more cpu for less memory (co), more memory for less cpu (mo).
LADDERS: dict[str, tuple[Size, ...]] = {
    "host": (
        *(_host("gp", cpus, 4 * cpus) for cpus in (1, 2, 3, 4, 6, 8, 12, 16, 24, 32)),
        *(_host("co", cpus, 2 * cpus) for cpus in (4, 8, 16, 32)),
        *(_host("mo", cpus, 6 * cpus) for cpus in (2, 4, 8, 16)),
        *(_host("mo", cpus, 8 * cpus) for cpus in (2, 4, 8)),
    ),
    "database": (
        *(_database(cpus, 100 * cpus) for cpus in (1, 2, 3, 4, 5, 6, 8, 12, 16)),
        *(_database(cpus, 200 * cpus) for cpus in (2, 3, 5, 8)),
    ),
    "volume": tuple(
        _volume(size)
        for size in (125, 250, 500, 750, 800, 1000, 1500, 1600, 2000, 3000, 3200, 4000, 6000, 6400)
    ),
    "load_balancer": (
        _load_balancer(1, 70.0),
        _load_balancer(2.5, 120.0),
        _load_balancer(5, 170.0),
        _load_balancer(10, 240.0),
        _load_balancer(25, 420.0),
    ),
}
#: How many cpus a CI has for each unit of the resource that tells its size.
_CPUS = {"host": 1 / 4, "database": 1 / 100}


@dataclass(frozen=True)
class Sizing:
    """Size of a CI before and from `day` on (None: it never changes)."""

    before: Size
    after: Size
    day: int | None


def size_ladders() -> pd.DataFrame:
    """The control record: one row a size and resource."""
    rows = [
        (
            f"{kind}-sizes",
            kind,
            size.name,
            resource,
            limit,
            _UNITS[resource],
            size.monthly_cost,
            "EUR",
            FOUNDED,
        )
        for kind, sizes in LADDERS.items()
        for size in sizes
        for resource, limit in size.limits.items()
    ]
    columns = ["ladder_id", "ci_kind", "size_name", "resource", "limit_value", "unit", "monthly_cost"]
    return pd.DataFrame(rows, columns=[*columns, "currency", "valid_from"])


def sizings(estate: Estate, calibration: Calibration) -> list[Sizing | None]:
    """The sizing of each CI of the estate, in their order; None for what comes in one size only.

    Raises LookupError when a limit has no size: the ladders must hold whatever calibration draws.
    """
    found: list[Sizing | None] = [None] * len(estate.cis)
    for use in calibration.uses:
        for index in range(use.pool.start, use.pool.stop):
            if use.resource == _TELLS[estate.cis[index].kind][0]:
                found[index] = _sizing(estate.cis[index], use)
    return found


def _sizing(ci: Ci, use: Use) -> Sizing:
    step = _TELLS[ci.kind][1]
    before, after = use.limit_before / step, use.limit_after / step
    # A raised limit is more of that resource alone: the number of cpus stays.
    return Sizing(_size(ci.kind, before, before), _size(ci.kind, after, before), use.limit_day)


def _size(kind: str, amount: float, bought: float) -> Size:
    resource = _TELLS[kind][0]
    for size in LADDERS[kind]:
        fits = abs(size.limits[resource] - amount) < 1e-6 * amount
        if fits and size.limits.get("cpu") == (bought * _CPUS[kind] if kind in _CPUS else None):
            return size
    raise LookupError(f"no {kind} size with {amount:g} of {resource} and the cpus of {bought:g}")
