"""What happened: performance, targets, incidents, changes, events."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime


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
    breach_at: datetime | None
    breach_probability: float | None


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
