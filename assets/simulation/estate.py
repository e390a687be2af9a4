"""The plan of the estate: services, configuration items, load pools, service map, planned changes.

A *pool* is the set of CIs that carry one load together: the application hosts of a service, its database
cluster, a volume, a pair of load balancers. Days are counted from the first simulated day (0).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Literal

import numpy as np

from assets.simulation.catalogue import (
    CATALOGUE,
    REGIONS,
    SITE_CODES,
    SITES,
    DemandShift,
    Resource,
    ServiceType,
    Story,
    Tier,
)
from assets.simulation.seeds import generator
from assets.simulation.settings import (
    SERVICES_A_LOAD_BALANCER_PAIR,
    SimulationSettings,
    load_balancer_pairs,
)

#: Everything that exists at the first simulated day has been there since this day.
FOUNDED = date(2024, 1, 1)
SECONDS_A_DAY = 86_400
#: CIs are added to a service in this order, over and over; each repetition has pools of its own.
_EVEN: tuple[Tier, ...] = ("app", "app", "db", "volume", "app", "db", "app", "volume", "app")
_ODD: tuple[Tier, ...] = ("app", "volume", "db", "app", "app", "db", "volume", "app", "app")
RESOURCES: dict[Tier, tuple[Resource, ...]] = {
    "app": ("cpu", "memory"),
    "db": ("cpu", "connections"),
    "volume": ("filesystem",),
    "lb": ("network",),
}
CI_KINDS: dict[Tier, str] = {"app": "host", "db": "database", "volume": "volume", "lb": "load_balancer"}
#: Every fifth service shares its first database cluster with the next one; shares of the load.
SHARED_EVERY = 5
SHARES = (0.7, 0.3)


@dataclass
class Service:
    """One service: its catalogue entry, its own numbers, and what happens to its demand."""

    index: int
    kind: ServiceType
    service_id: str
    name: str
    base: float
    growth: float
    latency_seconds: float
    shifts: list[tuple[int, DemandShift]] = field(default_factory=list)
    shape_sum: float = 0.0


@dataclass
class Pool:
    """CIs [start, stop) that carry one load. `load` and `share` say which row of the load table, and how
    much of it.

    `before` members are active until `change_day`, `after` from then on (the first ones of the range).
    """

    index: int
    tier: Tier
    service: int
    load: int
    share: float
    start: int
    stop: int
    group: str | None
    tolerance: int
    before: int
    after: int
    change_day: int | None
    stories: dict[Resource, Story]
    users: list[tuple[int, float | None, int]]

    def members(self, day: int) -> int:
        """Active members on `day`."""
        return self.before if self.change_day is None or day < self.change_day else self.after

    def survivable(self, day: int) -> int:
        """Members that may be lost on `day`: the agreed tolerance, but never the last member."""
        return min(self.tolerance, self.members(day) - 1)


@dataclass(frozen=True)
class Ci:
    """One configuration item. `first_day` and `end_day` bound its life inside the simulated days."""

    ci_id: str
    name: str
    kind: str
    team_id: str
    site: str
    service: int
    first_day: int | None = None
    end_day: int | None = None


@dataclass(frozen=True)
class LoadMix:
    """A load that several services cause: (service, weight, first day)."""

    parts: tuple[tuple[int, float, int], ...]


ChangeReason = Literal["add_members", "remove_member", "raise_limit", "demand"]


@dataclass(frozen=True)
class PlannedChange:
    """A change with a known effect from `day` on: load per member, limit or demand times `factor`."""

    day: int
    service: int
    pool: int | None
    resource: Resource | None
    reason: ChangeReason
    factor: float
    title: str


@dataclass
class Estate:
    """The whole plan. `mixes` are load rows after those of the services themselves."""

    settings: SimulationSettings
    services: list[Service]
    cis: list[Ci]
    pools: list[Pool]
    mixes: list[LoadMix]
    changes: list[PlannedChange]

    @property
    def start_at(self) -> int:
        """First simulated moment, UTC epoch seconds."""
        start = self.settings.start_date
        return int(datetime(start.year, start.month, start.day, tzinfo=UTC).timestamp())

    @property
    def end_at(self) -> int:
        """First moment after the simulated days, UTC epoch seconds."""
        return self.start_at + self.settings.days * SECONDS_A_DAY

    def day(self, index: int) -> date:
        """Calendar date of a day number."""
        return self.settings.start_date + timedelta(days=index)

    def last_day_before(self, end_day: int | None) -> date | None:
        """`valid_to` of a record that ends when day `end_day` begins: the last day on which it holds."""
        return None if end_day is None else self.day(end_day - 1)

    def endpoint(self, service: int) -> str:
        """CI id of the endpoint that is checked from outside."""
        return f"{self.services[service].service_id}-endpoint"


def window_day(settings: SimulationSettings, fraction: float) -> int:
    """Day number at a fraction of the simulated days, never the first or the last."""
    return min(max(round(fraction * settings.days), 1), settings.days - 2)


def build_estate(settings: SimulationSettings) -> Estate:
    """Lay out services, CIs, pools and planned changes. Deterministic in `settings`."""
    estate = Estate(settings, _services(settings), [], [], [], [])
    pairs = load_balancer_pairs(settings.services)
    left = settings.cis - settings.services - 2 * pairs
    for service in estate.services:
        count = left // settings.services + (service.index < left % settings.services)
        _add_service_cis(estate, service, count)
        estate.changes += [
            PlannedChange(day, service.index, None, None, "demand", shift.factor, shift.title)
            for day, shift in service.shifts
        ]
    _share_databases(estate)
    for pair in range(pairs):
        _add_load_balancers(estate, pair)
    for service in estate.services:
        name = f"{service.name} endpoint"
        estate.cis.append(
            Ci(
                estate.endpoint(service.index),
                name,
                "endpoint",
                service.kind.team_id,
                SITES[0],
                service.index,
            )
        )
    return estate


def _services(settings: SimulationSettings) -> list[Service]:
    draw = generator(settings.seed, "services")
    services = []
    for index in range(settings.services):
        kind = CATALOGUE[index % len(CATALOGUE)]
        copy = index // len(CATALOGUE)
        size, growth = draw.uniform(0.85, 1.15), draw.uniform(-0.02, 0.02)
        region, number = REGIONS[(copy - 1) % len(REGIONS)], (copy - 1) // len(REGIONS)
        suffix = region if number == 0 else f"{region} {number + 1}"
        services.append(
            Service(
                index,
                kind,
                kind.service_id if copy == 0 else f"{kind.service_id}-{suffix.lower().replace(' ', '-')}",
                kind.name if copy == 0 else f"{kind.name} {suffix}",
                kind.requests_per_second * size,
                kind.growth_per_year + growth,
                kind.latency_seconds,
                [(window_day(settings, shift.window_fraction), shift) for shift in kind.shifts],
            )
        )
    return services


def _add_service_cis(estate: Estate, service: Service, count: int) -> None:
    order = _EVEN if service.index % 2 == 0 else _ODD
    tiers = [order[i % len(order)] for i in range(count)]
    numbers: dict[Tier, int] = {"app": 0, "db": 0, "volume": 0, "lb": 0}
    for block in range(-(-count // len(order))):
        chosen = tiers[block * len(order) : (block + 1) * len(order)]
        for tier in ("app", "db"):
            size = chosen.count(tier)
            if size:
                _add_pool(estate, service, tier, block, size, size / tiers.count(tier), numbers)
        for _ in range(chosen.count("volume")):
            _add_pool(estate, service, "volume", block, 1, 1 / tiers.count("volume"), numbers)


def _add_pool(
    estate: Estate,
    service: Service,
    tier: Tier,
    block: int,
    size: int,
    share: float,
    numbers: dict[Tier, int],
) -> None:
    first = numbers[tier] == 0
    stories = {s.resource: s for s in service.kind.stories if s.tier == tier} if first else {}
    before, change_day = _growth_of_pool(estate.settings, service, tier, size, stories, first)
    after = size
    if before > size:
        before, after = size, size - 1
    group = None if size == 1 else (tier if block == 0 else f"{tier}-{block + 1}")
    start = len(estate.cis)
    pool = Pool(
        len(estate.pools),
        tier,
        service.index,
        service.index,
        share,
        start,
        start + size,
        group,
        0 if size == 1 else 1,
        before,
        after,
        change_day,
        stories,
        [(service.index, None, 0)],
    )
    for position in range(size):
        numbers[tier] += 1
        first_day = change_day if before < after and position >= before else None
        end_day = change_day if after < before and position >= after else None
        estate.cis.append(_member(service, tier, numbers[tier], first_day, end_day))
    estate.pools.append(pool)
    _plan_changes(estate, service, pool)


def _member(service: Service, tier: Tier, number: int, first_day: int | None, end_day: int | None) -> Ci:
    site = (number - 1) % 2
    team = {"app": service.kind.team_id, "db": "databases", "volume": "infrastructure"}[tier]
    code = {"app": "app", "db": "db", "volume": "vol"}[tier]
    ci_id = f"{SITE_CODES[site]}-{service.service_id}-{code}-{number:02d}"
    name = f"{service.name} {CI_KINDS[tier]} {number}"
    return Ci(ci_id, name, CI_KINDS[tier], team, SITES[site], service.index, first_day, end_day)


def _growth_of_pool(
    settings: SimulationSettings,
    service: Service,
    tier: Tier,
    size: int,
    stories: dict[Resource, Story],
    first: bool,
) -> tuple[int, int | None]:
    """Members before the pool's change (one more than `size` says: a member leaves), and the day of it."""
    story = stories.get("cpu")
    if story is not None and story.remedy_fraction is not None and size > 1:
        return max(1, round(size / story.remedy_factor)), window_day(settings, story.remedy_fraction)
    if first and tier == "app" and size > 2 and "decommission" in service.kind.traits:
        return size + 1, window_day(settings, 0.65)
    return size, None


def _plan_changes(estate: Estate, service: Service, pool: Pool) -> None:
    if pool.change_day is not None:
        grows = pool.after > pool.before
        added, kind = pool.after - pool.before, CI_KINDS[pool.tier].replace("_", " ")
        title = (
            f"Add {added} {kind}{'s' if added > 1 else ''} to {service.name}"
            if grows
            else f"Retire one {kind} of {service.name}"
        )
        reason: ChangeReason = "add_members" if grows else "remove_member"
        factor = pool.before / pool.after
        estate.changes.append(
            PlannedChange(pool.change_day, service.index, pool.index, "cpu", reason, factor, title)
        )
    for resource, story in pool.stories.items():
        if resource != "cpu" and story.remedy_fraction is not None:
            day = window_day(estate.settings, story.remedy_fraction)
            title = f"Raise the {resource} limit of {service.name}"
            estate.changes.append(
                PlannedChange(
                    day, service.index, pool.index, resource, "raise_limit", story.remedy_factor, title
                )
            )


def _share_databases(estate: Estate) -> None:
    """Let every fifth service share its first database cluster, some from a later day on."""
    first: dict[int, Pool] = {}
    for pool in estate.pools:
        if pool.tier == "db":
            first.setdefault(pool.service, pool)
    for owner in range(SHARED_EVERY - 1, len(estate.services) - 1, SHARED_EVERY):
        shared = first.get(owner)
        if shared is None:
            continue
        since = 0 if owner % 2 == 0 else window_day(estate.settings, 0.4)
        guest = estate.services[owner + 1]
        # The guest brings the stated share of the load, whatever the sizes of the two services are.
        weight = SHARES[1] / SHARES[0] * estate.services[owner].base / guest.base
        estate.mixes.append(LoadMix(((owner, 1.0, 0), (owner + 1, weight, since))))
        # Both name the group alike; the guest has a database group of its own beside it.
        shared.group = None if shared.group is None else "shared-db"
        shared.load = len(estate.services) + len(estate.mixes) - 1
        shared.users = [(owner, SHARES[0], 0), (owner + 1, SHARES[1], since)]


def _add_load_balancers(estate: Estate, pair: int) -> None:
    first = pair * SERVICES_A_LOAD_BALANCER_PAIR
    users = estate.services[first : first + SERVICES_A_LOAD_BALANCER_PAIR]
    estate.mixes.append(LoadMix(tuple((s.index, s.kind.bytes_per_request, 0) for s in users)))
    traffic = np.array([s.base * s.kind.bytes_per_request for s in users])
    shares = np.round(traffic / traffic.sum(), 4)
    stories: dict[Resource, Story] = {
        s.resource: s for user in users for s in user.kind.stories if s.tier == "lb"
    }
    start = len(estate.cis)
    estate.pools.append(
        Pool(
            len(estate.pools),
            "lb",
            users[0].index,
            len(estate.services) + len(estate.mixes) - 1,
            1.0,
            start,
            start + 2,
            "lb",
            1,
            2,
            2,
            None,
            stories,
            [(s.index, float(share), 0) for s, share in zip(users, shares, strict=True)],
        )
    )
    for site, code in enumerate(SITE_CODES):
        name = f"Load balancer {pair + 1} {SITES[site]}"
        estate.cis.append(Ci(f"{code}-lb-{pair + 1:02d}", name, "load_balancer", "network", SITES[site], -1))
