"""Control records of what was agreed: calendars, clocks, targets, staffing and budgets."""

from datetime import date
from typing import Any

from tests.dbt.landing_fixture import Row
from tests.dbt.small_estate.moments import ALWAYS, APPROVED, DAYS, at


def agreements() -> dict[str, list[Row]]:
    """Calendars of two zones, the clocks and targets that use them, staffing and budgets."""
    return {
        "calendars": [
            {
                "calendar_id": calendar,
                "zone": zone,
                "weekday": weekday,
                "opens": opens,
                "closes": closes,
                "valid_from": ALWAYS,
            }
            for calendar, zone, opens, closes, weekdays in (
                ("office", "Europe/Berlin", "09:00", "17:30", range(1, 6)),
                ("night", "America/New_York", "22:00", "06:00", range(1, 8)),
            )
            for weekday in weekdays
        ],
        "holidays": [
            {"calendar_id": "office", "holiday_date": date(2026, 5, 1), "holiday_name": "Labour Day"}
        ],
        "calendar_exceptions": [
            {"calendar_id": "office", "exception_date": DAYS[1], "opens": "10:00", "closes": "14:00"},
            {"calendar_id": "night", "exception_date": DAYS[2], "opens": "20:00", "closes": "02:00"},
        ],
        "sla_clocks": [
            {
                "clock": clock,
                "measure": measure,
                "state": state,
                "effect": effect,
                "at_stop": stop,
                "calendar_of": "team",
            }
            for clock, measure, stop, effects in (
                (
                    "agent_work",
                    "incident_agent_work_minutes",
                    "resume",
                    {"in_progress": "run", "closed": "stop"},
                ),
                (
                    "triage",
                    "incident_response_minutes",
                    "end",
                    {"new": "run", "in_progress": "stop", "resolved": "stop"},
                ),
            )
            for state, effect in effects.items()
        ],
        "targets": _targets(),
        "effort_standards": [
            {**APPROVED, "standard_id": kind, "ticket_kind": kind, "hours_per_ticket": hours}
            for kind, hours in (("incident", 2.3), ("service_request", 0.7))
        ],
        "staffing_targets": [
            {
                **APPROVED,
                "target_id": "desk",
                "work": "live",
                "ticket_kind": "incident",
                "max_priority": 1,
                "respond_within_minutes": 7.5,
                "target_ratio": 0.8,
            }
        ],
        "budgets": [
            {
                **APPROVED,
                "budget_id": "shop-2026",
                "service_id": "shop",
                "period_start_date": date(2026, 6, 1),
                "period_end_date": date(2026, 12, 31),
                "amount": 1234.5,
                "currency": "EUR",
            }
        ],
    }


def _targets() -> list[Row]:
    targets: list[dict[str, Any]] = [
        {"target_id": "cpu", "measure": "utilisation_ratio", "resource": "cpu", "target_value": 0.7},
        {"target_id": "shop-cpu", "measure": "utilisation_ratio", "service_id": "shop", "target_value": 0.65},
        {"target_id": "p1", "measure": "incident_resolution_minutes", "priority": 1, "target_value": 240.0},
        {
            "target_id": "any",
            "measure": "incident_resolution_minutes",
            "target_value": 2400.0,
            "objective_ratio": 0.9,
        },
        {"target_id": "react", "measure": "incident_response_minutes", "target_value": 60.0},
        {"target_id": "work", "measure": "incident_agent_work_minutes", "target_value": 480.0},
        {"target_id": "update", "measure": "incident_update_minutes", "priority": 1, "target_value": 120.0},
        {"target_id": "up", "measure": "availability_ratio", "comparator": ">=", "target_value": 0.9}
        | {"excludes_maintenance": True},
        {"target_id": "fast", "measure": "latency_seconds", "target_value": 0.2, "objective_ratio": 0.5},
        {"target_id": "wiki-fast", "measure": "latency_seconds", "service_id": "wiki", "target_value": 10.0},
        {"target_id": "mail-fast", "measure": "latency_seconds", "service_id": "mail", "target_value": 0.3}
        | {"objective_ratio": 0.9},
        {
            "target_id": "apdex",
            "measure": "apdex_threshold_seconds",
            "target_value": 0.13,
            "service_id": "shop",
        },
        {"target_id": "errors", "measure": "error_ratio", "target_value": 0.01},
        {"target_id": "carry", "measure": "throughput_per_second", "comparator": ">=", "target_value": 2.0}
        | {"calendar_id": "office", "objective_ratio": 0.75, "service_id": "shop"},
        {"target_id": "shop-at-most", "measure": "throughput_per_second", "service_id": "shop"}
        | {"target_value": 1000.0},
    ]
    common = {"comparator": "<=", "valid_from": ALWAYS, "approved_by": "Ann", "approved_at": at(ALWAYS, 9)}
    return [{**common, **target} for target in targets]
