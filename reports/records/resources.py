"""The four kinds of resource: technical, information, human, financial."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True)
class Capacity:
    """Room in one resource of any kind. `series_id` is that of its saturation date, where it has one.

    Of a team demand is that of the busiest week; of a budget what the whole period will take, now what is spent.
    """

    capacity_id: str
    series_id: str
    resource_kind: str
    subject_kind: str
    subject_id: str
    subject_name: str | None
    service_id: str | None
    service_name: str | None
    resource: str
    unit: str
    limit_value: float | None
    threshold_ratio: float | None
    usable_value: float | None
    demand_value: float | None
    headroom_ratio: float | None
    demand_now_value: float | None
    headroom_now_ratio: float | None
    period_start_date: date | None
    period_end_date: date | None
    run_out_date: date | None
    coverage_ratio: float | None
    is_low_coverage: bool


@dataclass(frozen=True)
class KindCount:
    """How many resources of one kind there are, and how many have too little room."""

    resource_kind: str
    resources: int
    beyond: int
    unknown: int


@dataclass(frozen=True)
class TeamWork:
    """Tickets of a team: what arrives, what waits, and how long it takes. Hours are agreed hours."""

    team_id: str
    ticket_count: int | None
    week_count: int | None
    open_ticket_count: int | None
    backlog_hours: float | None
    days_in_system: float | None
