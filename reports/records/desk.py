"""What the page on the service desk shows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime


@dataclass(frozen=True)
class Backlog:
    """Backlog of one team and kind of ticket: now, at the start of the period, and what moved in between."""

    team_id: str
    team_name: str
    ticket_kind: str
    arrivals: int
    reopenings: int
    completions: int
    transfers_in: int
    transfers_out: int
    work_in_progress: int
    before: int
    mean_in_progress: float | None
    age_days_p50: float | None
    age_days_p90: float | None
    oldest_days: float | None


@dataclass(frozen=True)
class BacklogDay:
    """One day of a team, all its tickets together; ages of its incidents."""

    team_id: str
    observed_date: date
    work_in_progress: int
    came_in_7_days: int
    went_in_7_days: int
    age_days_p50: float | None
    age_days_p90: float | None


@dataclass(frozen=True)
class Lifecycle:
    """How incidents of one priority ran. The three ratios are shares of their open time."""

    priority: int | None
    incidents: int
    open_count: int
    first_touch_minutes_p50: float | None
    resolution_minutes_p50: float | None
    resolution_minutes_p90: float | None
    waiting_ratio: float | None
    working_ratio: float | None
    on_hold_ratio: float | None
    reassignments_mean: float | None
    reopened_ratio: float
    first_touch_resolved_ratio: float | None


@dataclass(frozen=True)
class MajorIncident:
    """One major incident; `total` counts all of the period."""

    incident_id: str
    title: str | None
    service_id: str | None
    service_name: str | None
    problem_id: str | None
    opened_at: datetime
    declaration_minutes: float | None
    first_update_minutes: float | None
    restoration_minutes: float | None
    resolution_minutes: float | None
    service_count: int
    reviewed_at: datetime | None
    total: int


@dataclass(frozen=True)
class Problem:
    """One problem with what it caused before and after its fix."""

    problem_id: str
    title: str | None
    service_id: str | None
    service_name: str | None
    state: str
    is_open: bool
    opened_at: datetime
    days_to_known_error: float | None
    days_to_resolution: float | None
    incident_count: int
    compared_days: float | None
    incident_count_before_fix: int | None
    incident_count_after_fix: int | None
    recurrence_count: int | None
    is_recurring: bool | None
    has_workaround: bool
    known_error_at: datetime | None
    resolution_minutes_p50_before: float | None
    resolution_minutes_p50_after: float | None


@dataclass(frozen=True)
class RequestKind:
    """One item of the catalogue: what was opened in the period and how long fulfilment took."""

    request_kind: str
    opened: int
    open_count: int
    business_minutes_p50: float | None
    business_minutes_p90: float | None
    elapsed_minutes_p50: float | None
    oldest_days: float | None


@dataclass(frozen=True)
class Staffing:
    """People needed and there, in one hour of the week (live) or one week ahead (deferred)."""

    team_id: str
    team_name: str
    work: str
    interval_number: int
    weekday: int | None
    local_hour: int | None
    week_start_date: date | None
    zone: str | None
    is_open: bool
    arrivals: float | None
    arrivals_high: float | None
    handling_minutes: float | None
    handling_basis: str | None
    respond_within_minutes: float | None
    target_ratio: float | None
    service_level_ratio: float | None
    agents_needed: float | None
    agents_needed_high: float | None
    agents_available: float | None
    shortage_agents: float | None
    shortage_agents_high: float | None
    backlog_hours: float | None
    backlog_hours_high: float | None
    target_backlog_hours: float | None
    reason: str | None


@dataclass(frozen=True)
class SequenceFinding:
    """How often one thing that cannot be stands in the updates of incidents."""

    finding_class: str
    finding: str
    updates: int
    incidents: int
    example: str
