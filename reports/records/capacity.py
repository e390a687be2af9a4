"""Room: services, pools and resources, their demand, and the throughput that a service sustains."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime


def unit_of_pool(unit: str, pooling: str | None, member_count: int | None) -> str:
    """Ratios added up over members count members: 2.3 is the work of 2.3 fully used ones."""
    return "{member}" if unit == "1" and pooling == "shared" and (member_count or 1) > 1 else unit


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
        """The unit to show: see `unit_of_pool`."""
        return unit_of_pool(self.unit, self.pooling, self.member_count)


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
class Evidence:
    """How many source samples stand behind a service's bottleneck in its demand window."""

    sample_count: int
    ci_count: int
    first_date: date | None
    last_date: date | None


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
class SharedUse:
    """What a service really uses of a resource that several share, beside its share; refused with a reason."""

    ci_id: str
    ci_name: str | None
    resource: str
    service_count: int | None
    share_ratio: float | None
    share_basis: str | None
    use_ratio: float | None
    use_ratio_low: float | None
    use_ratio_high: float | None
    share_headroom_ratio: float | None
    is_above_share: bool
    is_refused: bool
    reason: str | None
