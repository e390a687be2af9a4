"""A service, and everything about all of them or one of them at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from reports.records.business import BusinessRoom, DriverDemand
from reports.records.capacity import (
    DemandDay,
    Evidence,
    PoolCapacity,
    ResourceCapacity,
    Scalability,
    ScalabilityPoint,
    ServiceCapacity,
    SharedUse,
    WeekHour,
)
from reports.records.changes import CapacityIncident, CauseCount, Impact
from reports.records.cost import ServiceCost, UnitCost
from reports.records.forecast import Forecast, Saturation
from reports.records.levels import Availability, ErrorBudget, Watermelon
from reports.records.operation import Change, Event, IncidentCount, OpenIncident, PerformanceDay, ServiceLevel
from reports.records.planning import Improvement, SizeOfItem
from reports.records.resources import Capacity


@dataclass(frozen=True)
class Service:
    """A service as it was on the as-of day."""

    service_id: str
    service_name: str
    description: str | None
    owner: str | None
    team_name: str | None
    criticality: int | None
    calendar_id: str | None


@dataclass(frozen=True)
class Estate:
    """Everything that the overview needs, for all services at once, by service id.

    `saturations` are those of services; `first_pools` those of the pool of each service that runs out first, and
    `decisions` those of the pool that must be decided on first (it may have the longer lead time).
    """

    services: tuple[Service, ...]
    capacities: Mapping[str, ServiceCapacity]
    saturations: Mapping[str, Saturation]
    first_pools: Mapping[str, Saturation]
    decisions: Mapping[str, Saturation]
    levels: Mapping[str, tuple[ServiceLevel, ...]]
    open_incidents: Mapping[str, int]
    utilisation: Mapping[str, tuple[tuple[date, float | None], ...]]
    has_incidents: bool


@dataclass(frozen=True)
class ServiceDetail:
    """Everything that one service's page needs beyond the overview."""

    pools: tuple[PoolCapacity, ...] = ()
    saturations: Mapping[str, Saturation] = field(default_factory=dict)
    demand: Mapping[str, tuple[DemandDay, ...]] = field(default_factory=dict)
    week: tuple[WeekHour, ...] = ()
    forecasts: Mapping[str, Forecast] = field(default_factory=dict)
    resources: tuple[ResourceCapacity, ...] = ()
    resource_count: int = 0
    performance: tuple[PerformanceDay, ...] = ()
    levels: tuple[ServiceLevel, ...] = ()
    incident_counts: tuple[IncidentCount, ...] = ()
    open_incidents: tuple[OpenIncident, ...] = ()
    changes: tuple[Change, ...] = ()
    change_count: int = 0
    evidence: Evidence | None = None
    scalability: tuple[Scalability, ...] = ()
    scalability_points: tuple[ScalabilityPoint, ...] = ()
    events: tuple[Event, ...] = ()
    costs: tuple[ServiceCost, ...] = ()
    unit_costs: tuple[UnitCost, ...] = ()
    improvements: tuple[Improvement, ...] = ()
    sizes: tuple[SizeOfItem, ...] = ()
    business: tuple[BusinessRoom, ...] = ()
    drivers: tuple[DriverDemand, ...] = ()
    capacities: tuple[Capacity, ...] = ()
    shared_use: tuple[SharedUse, ...] = ()
    error_budgets: tuple[ErrorBudget, ...] = ()
    availability: tuple[Availability, ...] = ()
    watermelons: tuple[Watermelon, ...] = ()
    impacts: tuple[Impact, ...] = ()
    capacity_incidents: tuple[CapacityIncident, ...] = ()
    cause_counts: tuple[CauseCount, ...] = ()
