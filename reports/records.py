"""The rows that pages are made of, as plain values: what `reports.data` reads and everything else takes.

Ratios are fractions of 1, quantities are in the unit that stands beside them (UCUM), timestamps are naive UTC.
None means that the published version does not know the value.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from checks.results import CheckResult


@dataclass(frozen=True)
class TableInfo:
    """One published table, as the manifest describes it."""

    name: str
    rows: int
    description: str
    depends_on_landing: tuple[str, ...]


@dataclass(frozen=True)
class Input:
    """What one source delivered for one landing table."""

    source: str
    table: str
    receipts: int
    rows_received: int
    rows_landed: int
    rows_quarantined: int

    @property
    def is_conserved(self) -> bool:
        """The conservation law: received = landed + quarantined."""
        return self.rows_received == self.rows_landed + self.rows_quarantined


@dataclass(frozen=True)
class Manifest:
    """The published version's own account of itself."""

    estate: str
    version: str
    as_of_date: date
    code_version: str
    config_hash: str
    tables: Mapping[str, TableInfo]
    checks: tuple[CheckResult, ...]
    inputs: tuple[Input, ...]


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
class ServiceCapacity:
    """Room left in a service: that of its tightest pool, and which pool comes next."""

    service_id: str
    headroom_ratio: float | None
    headroom_now_ratio: float | None
    headroom_peak_ratio: float | None
    headroom_critical_ratio: float | None
    saturation_minutes: float | None
    bottleneck_pool_id: str | None
    bottleneck_resource: str | None
    bottleneck_ci_id: str | None
    bottleneck_group: str | None
    next_headroom_ratio: float | None
    next_pool_id: str | None
    next_resource: str | None
    pool_count: int
    coverage_ratio: float | None
    is_low_coverage: bool


@dataclass(frozen=True)
class PoolCapacity:
    """Room left in one redundancy group (or lone configuration item) for one resource."""

    pool_id: str
    redundancy_group: str
    resource: str
    resource_kind: str | None
    unit: str
    pooling: str | None
    statistic: str | None
    member_count: int | None
    tolerance: int | None
    usable_value: float | None
    demand_value: float | None
    headroom_ratio: float | None
    deciding_ci_id: str | None
    deciding_ci_name: str | None
    coverage_ratio: float | None
    service_count: int | None
    share_ratio: float | None
    bottleneck_rank: int | None
    fixed_headroom_ratio: float | None
    capacity_to_add_value: float | None

    @property
    def shown_unit(self) -> str:
        """Ratios added up over members count members: 2.3 is the work of 2.3 fully used ones."""
        is_sum = self.unit == "1" and self.pooling == "shared" and (self.member_count or 1) > 1
        return "{member}" if is_sum else self.unit


@dataclass(frozen=True)
class ResourceCapacity:
    """Room left in one resource of one configuration item of the service."""

    ci_id: str
    ci_name: str
    ci_kind: str | None
    redundancy_group: str | None
    resource: str
    unit: str
    limit_value: float | None
    threshold_ratio: float | None
    usable_value: float | None
    demand_value: float | None
    headroom_ratio: float | None
    coverage_ratio: float | None
    is_low_coverage: bool


@dataclass(frozen=True)
class Saturation:
    """When a series passes usable capacity. A missing date lies beyond the horizon (right-censored)."""

    series_id: str
    service_id: str | None
    pool_id: str | None
    ci_id: str | None
    resource: str | None
    as_of_date: date
    p10_date: date | None
    p50_date: date | None
    p90_date: date | None
    is_censored: bool
    probability_within_horizon: float | None
    probability_within_lead_time: float | None
    lead_time_days: int | None
    decision_date: date | None
    horizon_days: int | None
    notes: str | None


@dataclass(frozen=True)
class WeekHour:
    """Median demand ÷ usable capacity of one hour of the week (UTC; weekday 1 is Monday)."""

    weekday: int
    hour: int
    hour_count: int
    used_ratio: float | None


@dataclass(frozen=True)
class DemandDay:
    """Demand of a pool on one day against its usable capacity of that day."""

    observed_date: date
    demand_value: float | None
    usable_value: float | None
    coverage_ratio: float | None


@dataclass(frozen=True)
class ForecastPoint:
    """One quantile of the forecast demand of one day."""

    target_date: date
    quantile: float
    value: float


@dataclass(frozen=True)
class Forecast:
    """The newest forecast of one series; `level` says whether the pool's own or its deciding item's."""

    series_id: str
    level: str
    as_of_date: date
    model: str | None
    points: tuple[ForecastPoint, ...]


@dataclass(frozen=True)
class PerformanceDay:
    """What a service's users met on one day."""

    observed_date: date
    throughput_per_second: float | None
    throughput_peak_per_second: float | None
    error_ratio: float | None
    latency_p50_seconds: float | None
    latency_p95_seconds: float | None
    latency_p99_seconds: float | None
    latency_basis: str | None
    latency_target_seconds: float | None
    availability_ratio: float | None
    downtime_minutes: float | None
    coverage_ratio: float | None


@dataclass(frozen=True)
class ServiceLevel:
    """One target of one service in one month, with its outcome and who approved it."""

    service_id: str
    target_id: str
    measure: str
    priority: int | None
    period_start_date: date
    comparator: str
    target_value: float | None
    objective_ratio: float | None
    actual_value: float | None
    good_count: float | None
    total_count: float | None
    is_met: bool | None
    approved_by: str | None
    approved_at: datetime | None


@dataclass(frozen=True)
class IncidentCount:
    """Incidents opened in one month with one priority, and how many of them are still open."""

    month: date
    priority: int | None
    opened: int
    still_open: int
    derived: int


@dataclass(frozen=True)
class OpenIncident:
    """An incident that was not resolved by the end of the as-of day, with its resolution clock."""

    incident_id: str
    title: str | None
    priority: int | None
    state: str
    opened_at: datetime
    team_name: str | None
    ci_name: str | None
    is_derived: bool
    clock_state: str | None
    business_minutes: float | None
    target_minutes: float | None


@dataclass(frozen=True)
class Change:
    """A change to the service or one of its configuration items."""

    change_id: str
    change_kind: str
    state: str
    outcome: str | None
    title: str | None
    ci_name: str | None
    at: datetime | None
    duration_minutes: float | None
    is_overrun: bool | None


@dataclass(frozen=True)
class Evidence:
    """How many source samples stand behind a service's bottleneck in its demand window."""

    sample_count: int
    ci_count: int
    first_date: date | None
    last_date: date | None


@dataclass(frozen=True)
class ExtractionTotal:
    """Current receipts of one source table, summed; superseded versions are only counted."""

    source: str
    table_name: str
    receipts: int
    superseded: int
    first_window_at: datetime | None
    last_window_at: datetime | None
    rows_received: int
    rows_landed: int
    rows_quarantined: int
    is_conserved: bool


@dataclass(frozen=True)
class QuarantinedBatch:
    """A current receipt with rows or files in quarantine."""

    source: str
    table_name: str
    batch_id: str
    input_path: str | None
    rows_received: int
    rows_quarantined: int


@dataclass(frozen=True)
class ForecastScore:
    """Backtest of one series beside seasonal naive. Lower wql and mase are better; coverage aims at 0.8."""

    series_id: str
    level: str | None
    resource: str | None
    service_id: str | None
    model: str | None
    wql: float | None
    mase: float | None
    coverage_80_ratio: float | None
    naive_wql: float | None
    naive_mase: float | None
    window_count: int | None
    is_better_than_naive: bool | None
    notes: str | None


@dataclass(frozen=True)
class Scalability:
    """How much throughput a service sustains, by one method; refused with a reason where the data do not tell."""

    method: str
    is_preferred: bool
    sustainable_per_second: float | None
    sustainable_per_second_low: float | None
    sustainable_per_second_high: float | None
    busy_hour_per_second: float | None
    headroom_ratio: float | None
    latency_target_seconds: float | None
    peak_load: float | None
    peak_per_second: float | None
    limited_by: str | None
    load_unit: str | None
    point_count: int | None
    first_date: date | None
    last_date: date | None
    tested_at: datetime | None
    is_refused: bool
    reason: str | None
    notes: str | None


@dataclass(frozen=True)
class ScalabilityPoint:
    """A measured point, or one of the fitted curve, of one method."""

    method: str
    series: str
    load: float | None
    throughput_per_second: float | None
    latency_seconds: float | None


@dataclass(frozen=True)
class Event:
    """One cause: when it opened and was last seen, and how far demand went. `source` is the rule that found it."""

    event_id: str
    category: str
    severity: str
    is_open: bool
    source: str
    opened_at: datetime
    last_seen_at: datetime
    resource: str | None
    unit: str | None
    peak_value: float | None
    threshold_value: float | None
    peak_ratio: float | None
    probability_within_lead_time: float | None
    decision_date: date | None
    ci_count: int | None
    service_count: int | None
    cause_ci_name: str | None


@dataclass(frozen=True)
class Scenario:
    """A what-if question and who asked it."""

    scenario_id: str
    scenario_name: str | None
    description: str | None
    author: str | None
    reason: str | None


@dataclass(frozen=True)
class WhatIf:
    """One service today and under a scenario."""

    scenario_id: str
    service_id: str
    service_name: str | None
    today_headroom_ratio: float | None
    scenario_headroom_ratio: float | None
    today_bottleneck_resource: str | None
    scenario_bottleneck_resource: str | None
    today_p50_date: date | None
    scenario_p50_date: date | None
    today_probability_within_horizon: float | None
    scenario_probability_within_horizon: float | None
    today_monthly_cost: float | None
    scenario_monthly_cost: float | None
    currency: str | None
    changed_pool_count: int | None
    lost_pool_count: int | None
    is_retired: bool | None
    notes: str | None

    @property
    def is_touched(self) -> bool:
        """Whether the scenario changes anything for the service."""
        return bool(self.changed_pool_count or self.is_retired) or (
            self.today_headroom_ratio,
            self.today_p50_date,
            self.today_monthly_cost,
        ) != (self.scenario_headroom_ratio, self.scenario_p50_date, self.scenario_monthly_cost)


@dataclass(frozen=True)
class ServiceCost:
    """What a service cost in one month, in one currency. Headroom and idle cost are parts of the whole."""

    month_start_date: date
    billing_currency: str
    is_partial_month: bool
    effective_cost: float | None
    direct_cost: float | None
    shared_cost: float | None
    headroom_cost: float | None
    idle_cost: float | None
    ci_count: int | None


@dataclass(frozen=True)
class UnitCost:
    """What one unit of a business driver cost in one month, and the gain against the agreed baseline."""

    driver_id: str
    driver_name: str | None
    month_start_date: date
    billing_currency: str
    unit: str | None
    demand_value: float | None
    unit_cost: float | None
    efficiency_gain_ratio: float | None
    is_low_coverage: bool | None


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
