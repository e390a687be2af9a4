"""Room in business terms: how many more orders, users or seats, and which resource decides. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from reports import formats as f
from reports import wording
from reports.records.business import BusinessRoom, DriverDemand
from reports.records.cost import UnitCost


@dataclass(frozen=True)
class DriverLine:
    """One driver of the overview's table: the pool that decides a day's demand, and what one unit costs."""

    room: BusinessRoom
    unit: str
    more: str
    spread: str
    costs: tuple[UnitCost, ...]


@dataclass(frozen=True)
class PoolRoom:
    """One pool of a driver's table."""

    room: BusinessRoom
    more: str
    spread: str


@dataclass(frozen=True)
class Driver:
    """One driver on a service's page. `refused` holds reasons with the pools of which they do not tell."""

    driver_id: str
    name: str
    unit: str
    demand: str
    answers: tuple[str, ...]
    pools: tuple[PoolRoom, ...]
    refused: tuple[tuple[str, tuple[str, ...]], ...]
    costs: tuple[UnitCost, ...]


@dataclass(frozen=True)
class BusinessTable:
    """The overview's table: drivers with the least room for a busy day first; `untold` have none that tells."""

    lines: tuple[DriverLine, ...]
    total: int
    untold: int


def newest_costs(costs: Iterable[UnitCost]) -> Mapping[str, tuple[UnitCost, ...]]:
    """Unit costs of the newest month of each driver, one a currency."""
    found: dict[str, dict[str, UnitCost]] = {}
    for cost in sorted(costs, key=lambda c: c.month_start_date):
        if cost.unit_cost is not None:
            found.setdefault(cost.driver_id, {})[cost.billing_currency] = cost
    return {driver: tuple(own[key] for key in sorted(own)) for driver, own in found.items()}


def table(rooms: Sequence[BusinessRoom], costs: Iterable[UnitCost], listed: int) -> BusinessTable:
    """One line a driver: the pool with the least room for another unit a day."""
    newest = newest_costs(costs)
    told = [r for r in rooms if r.is_tightest and r.headroom_kind == "a_day" and not r.is_refused]
    told.sort(key=lambda r: (r.of_busy_day is None, r.of_busy_day or 0.0, r.driver_id))
    lines = tuple(
        DriverLine(
            r, unit_note(r.driver_name, r.driver_unit), more(r), spread(r), newest.get(r.driver_id, ())
        )
        for r in told[:listed]
    )
    drivers = {room.driver_id for room in rooms}
    return BusinessTable(lines, len(told), len(drivers - {r.driver_id for r in told}))


def drivers(
    rooms: Sequence[BusinessRoom], demands: Sequence[DriverDemand], costs: Iterable[UnitCost]
) -> tuple[Driver, ...]:
    """The drivers of one service, in the order of their ids; also those whose room is not known."""
    newest = newest_costs(costs)
    demand_of = {demand.driver_id: demand for demand in demands}
    found = sorted({room.driver_id for room in rooms} | set(demand_of))
    return tuple(
        _driver(key, [r for r in rooms if r.driver_id == key], demand_of.get(key), newest.get(key, ()))
        for key in found
    )


def _driver(
    key: str, rooms: Sequence[BusinessRoom], demand: DriverDemand | None, costs: tuple[UnitCost, ...]
) -> Driver:
    names = [room.driver_name for room in rooms] + ([demand.driver_name] if demand else [])
    units = [room.driver_unit for room in rooms] + ([demand.driver_unit] if demand else [])
    name = next((name for name in names if name), key)
    told = [room for room in rooms if not room.is_refused]
    refused: dict[str, list[str]] = {}
    for room in rooms:
        if room.is_refused:
            refused.setdefault(room.reason or "no reason is on record", []).append(pool_name(room))
    return Driver(
        driver_id=key,
        name=name,
        unit=unit_note(name, next((unit for unit in units if unit), None)),
        demand=_demand(next((r.busy_day_units for r in rooms if r.busy_day_units is not None), None), demand),
        answers=tuple(sentence(r) for r in told if r.is_tightest),
        pools=tuple(PoolRoom(r, more(r), spread(r)) for r in told),
        refused=tuple((reason, tuple(pools)) for reason, pools in refused.items()),
        costs=costs,
    )


def _demand(busy_day: float | None, demand: DriverDemand | None) -> str:
    parts = [] if busy_day is None else [f"A busy day has {f.approximate(busy_day)}"]
    if demand is not None and demand.mean_units is not None:
        mean = f"the mean day of the last four weeks {f.approximate(demand.mean_units)}"
        parts.append(mean if parts else wording.capital(mean.replace(" weeks ", " weeks has ")))
        if demand.earlier_mean_units:
            change = demand.mean_units / demand.earlier_mean_units - 1
            word = "more" if change >= 0 else "less"
            parts.append(f"{f.percent(abs(change))} {word} than in the four before")
    return ", ".join(parts) + "." if parts else ""


def sentence(room: BusinessRoom) -> str:
    """`Room for 14,400 more a day (90 %: 8,360 to 21,700): database connections of db decide.`"""
    interval = f" (90{f.NARROW_SPACE}%: {spread(room)})" if spread(room) else ""
    pool = pool_name(room)
    if room.headroom_kind == "in_total":
        return f"{wording.capital(more(room))} until {pool} is full{interval}."
    return f"{wording.capital(more(room))} a day{interval}; what decides is {pool}."


def more(room: BusinessRoom) -> str:
    """`room for 14,400 more`, or how many are too many already."""
    if room.headroom_units is None:
        return f.MISSING
    if room.headroom_units < 0:
        return f"{f.approximate(-room.headroom_units)} too many"
    return f"room for {f.approximate(room.headroom_units)} more"


def spread(room: BusinessRoom) -> str:
    """The 90 % interval; open above where the data do not bound it."""
    low, high = room.headroom_units_low, room.headroom_units_high
    if low is None:
        return ""
    if high is None:
        return f"{f.approximate(low)} or more"
    if low < 0 <= high:
        return f"{f.approximate(-low)} too many to {f.approximate(high)} more"
    low, high = sorted((abs(low), abs(high)))  # as `more` puts it: how many too many
    return f"{f.approximate(low)} to {f.approximate(high)}"


def unit_note(name: str | None, unit: str | None) -> str:
    """The unit of a driver, where its name does not say it already: nothing for orders counted in orders."""
    shown = f.clean(f.unit_name(unit)) if unit else ""
    return "" if shown.lower().rstrip("s") in (name or "").lower() else shown


def pool_name(room: BusinessRoom) -> str:
    """`CPU of app`."""
    return f"{f.resource(room.resource)} of {f.shorten(room.redundancy_group or room.pool_id, 60)}"
