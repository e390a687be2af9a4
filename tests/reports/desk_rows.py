"""Rows of a service desk for the fixture estates: backlog, problems, requests, people, sequences."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from tests.reports.marts import AS_OF, Rows


def desk(rows: Rows, service_id: str, team: str = "t1", days: int = 40) -> None:
    """A backlog that grows by one a day, a problem that came back, live work that nobody is there for in some hours."""
    for number in range(days):
        day = AS_OF - timedelta(days=days - 1 - number)
        rows.add("fct_backlog_daily", team_id=team, ticket_kind="incident", backlog_date=day, arrivals=4, reopenings=1,
                 transfers_in=1, completions=3, transfers_out=2, work_in_progress=10 + number,
                 ticket_days=float(10 + number), age_days_p50=2.0, age_days_p90=9.0, oldest_days=31.0)  # fmt: skip
    _tickets(rows, service_id, team)
    live: dict[str, Any] = {"team_id": team, "as_of_date": AS_OF, "work": "live", "zone": "Europe/Berlin"}
    live |= {
        "handling_minutes": 60.0,
        "handling_basis": "target",
        "respond_within_minutes": 15.0,
        "target_ratio": 0.9,
    }
    for hour in range(168):
        is_open = 8 <= hour % 24 < 18
        needed = (2.0 if hour % 24 == 9 else 1.0) if is_open else 0.0
        rows.add("fct_staffing", **live, interval_number=hour, weekday=hour // 24 + 1, local_hour=hour % 24,
                 is_open=is_open, arrivals=0.1, arrivals_low=0.0, arrivals_high=0.2, agents_needed=needed,
                 agents_needed_high=needed, agents_available=1.4 if is_open else 0.0,
                 service_level_ratio=0.8 if is_open else None,
                 shortage_agents=needed - (1.4 if is_open else 0.0))  # fmt: skip
    for week in range(5):
        rows.add("fct_staffing", team_id=team, as_of_date=AS_OF, work="deferred", interval_number=week,
                 week_start_date=date(2026, 6, 29) + timedelta(weeks=week), arrivals=20.0, arrivals_low=15.0,
                 arrivals_high=25.0, handling_minutes=90.0, handling_basis="effort_standard", agents_needed=3.25,
                 agents_needed_high=4.0, agents_available=2.0, shortage_agents=1.25, shortage_agents_high=2.0,
                 backlog_hours=60.0 + 10 * week, backlog_hours_high=70.0 + 12 * week,
                 target_backlog_hours=30.0)  # fmt: skip


def _tickets(rows: Rows, service_id: str, team: str) -> None:
    at = datetime.fromisoformat("2026-06-12T09:00")
    rows.add("fct_major_incidents", incident_id="INC77", service_id=service_id, title="Nobody can pay", state="closed",
             problem_id="PRB1", opened_at=at, declared_at=at, declaration_minutes=12.0, first_update_minutes=18.0,
             restoration_minutes=95.0, resolution_minutes=140.0, service_count=2)  # fmt: skip
    rows.add("fct_problems", problem_id="PRB1", title="Sessions are lost", service_id=service_id, team_id=team,
             state="resolved", opened_at=at - timedelta(days=50), is_open=False, days_to_known_error=4.5,
             days_to_resolution=31.0, incident_count=9, compared_days=19.0, incident_count_before_fix=5,
             incident_count_after_fix=2, recurrence_count=2, is_recurring=True)  # fmt: skip
    rows.add("fct_problems", problem_id="PRB2", title="Slow exports", service_id=service_id, team_id=team,
             state="known_error", opened_at=at, is_open=True, days_to_known_error=2.0, incident_count=1)  # fmt: skip
    rows.add("fct_known_errors", problem_id="PRB2", known_error_at=at, is_open=True, has_workaround=True,
             resolution_minutes_p50_before=300.0, resolution_minutes_p50_after=60.0)  # fmt: skip
    for number in range(3):
        rows.add("fct_service_requests", request_id=f"REQ{number}", request_kind="Access", team_id=team,
                 state="closed" if number else "new", opened_at=at, opened_date=at.date(),
                 fulfilled_at=at + timedelta(hours=30) if number else None, is_open=not number,
                 business_fulfilment_minutes=600.0 if number else None, open_minutes=1800.0,
                 elapsed_fulfilment_minutes=1800.0 if number else None,
                 backlog_age_days=None if number else 18.6)  # fmt: skip
    for finding, severity in (("left_closed", "impossible"), ("missing_updates", "incomplete")):
        rows.add("fct_incident_sequence_findings", incident_id="INC3", event_sequence=4, finding=finding,
                 finding_class=severity, updated_at=at, previous_state="closed", state="new")  # fmt: skip
