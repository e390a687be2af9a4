"""Tickets of the small estate: incidents, requests, problems, outages, and the clocks of their source."""

from datetime import date, datetime

from tests.dbt.landing_fixture import Row
from tests.dbt.small_estate.moments import DAYS, at

SPRING = date(2026, 3, 27)  # two days before clocks go forward in Berlin


def incidents() -> dict[str, list[Row]]:
    """Incidents over a change of clocks and what is known of them elsewhere."""
    incidents: list[tuple[str, int, str, str, int, datetime, datetime]] = [
        ("inc-1", 1, "new", "shop", 1, at(SPRING, 14), at(SPRING, 14)),
        ("inc-1", 2, "in_progress", "shop", 1, at(SPRING, 14), at(SPRING, 15)),
        ("inc-1", 3, "resolved", "shop", 1, at(SPRING, 14), at(date(2026, 3, 30), 8)),
        ("inc-1", 4, "in_progress", "shop", 1, at(SPRING, 14), at(date(2026, 3, 30), 9)),
        ("inc-1", 5, "closed", "shop", 1, at(SPRING, 14), at(date(2026, 5, 4), 8)),
        ("inc-2", 1, "new", "wiki", 3, at(DAYS[0], 3, 7), at(DAYS[0], 3, 7)),
        ("inc-2", 2, "resolved", "wiki", 3, at(DAYS[0], 3, 7), at(DAYS[2], 5, 11)),
        ("inc-3", 1, "new", "mail", 2, at(DAYS[1], 1), at(DAYS[1], 1)),
        ("inc-4", 1, "new", "shop", 1, at(DAYS[1], 1), at(DAYS[1], 1)),
        ("inc-4", 2, "cancelled", "shop", 1, at(DAYS[1], 1), at(DAYS[1], 2)),
        ("inc-5", 1, "new", "shop", 1, at(DAYS[3], 1), at(date(2026, 7, 1), 1)),
    ]
    fields = ("incident_id", "event_sequence", "state", "service_id", "priority", "opened_at", "updated_at")
    return {
        "incidents": [
            dict(
                zip(fields, row, strict=True),
                team_id="network" if row[:2] == ("inc-1", 2) else "operations",
                source_made_sla=row[2] == "closed",
                is_major=row[0] == "inc-1" and row[1] > 1,
                problem_id="prb-1" if row[3] == "shop" else None,
                ci_id="db-1" if row[0] in ("inc-1", "inc-2") else None,
                reopen_count=2 if row[:2] == ("inc-1", 5) else None,
            )
            for row in incidents
        ],
        "csat_responses": [
            {
                "response_id": f"answer-{number}",
                "service_id": "wiki",
                "incident_id": "inc-2",
                "answered_at": at(DAYS[1], 9 + number),
                "score": 1 + number % 2,
            }
            for number in range(6)
        ],
        "outages": [
            {
                "outage_id": f"out-{number}",
                "service_id": service,
                "ci_id": ci,
                "is_planned": is_planned,
                "started_at": began,
                "ended_at": ended,
                "incident_id": incident,
                "updated_at": ended or began,
            }
            for number, (service, ci, is_planned, began, ended, incident) in enumerate(
                (
                    ("wiki", None, False, at(DAYS[0], 3), at(DAYS[0], 5, 11), "inc-2"),
                    ("wiki", "db-1", False, at(DAYS[0], 4, 30), at(DAYS[0], 6), None),
                    ("shop", None, True, at(DAYS[2], 6), at(DAYS[2], 8), None),
                    ("mail", None, False, at(DAYS[3], 13, 7), None, None),
                )
            )
        ],
        "sla_cycles": [
            {
                "cycle_id": f"{incident}/1",
                "incident_id": incident,
                "sla_name": "Resolution",
                "agreement_kind": "sla",
                "measure": "incident_resolution_minutes",
                "state": "completed",
                "started_at": at(SPRING, 14),
                "goal_minutes": goal,
                "elapsed_minutes": 301.7,
                "is_breached": goal < 300,
                "updated_at": at(SPRING, 20),
            }
            for incident, goal in (("inc-1", 240.0), ("inc-2", 480.0))
        ],
        "major_incidents": [
            {
                "incident_id": "inc-1",
                "declared_at": at(SPRING, 14, 20),
                "first_update_at": at(SPRING, 14, 47),
                "restored_at": at(SPRING, 19, 3),
                "updated_at": at(SPRING, 20),
            },
        ],
    }


def requests_and_problems() -> dict[str, list[Row]]:
    """Service requests and problems in each state that matters."""
    requests = [
        ("req-1", "closed", at(DAYS[0], 9), at(DAYS[1], 16, 20)),
        ("req-2", "new", at(DAYS[3], 11, 7), None),
        ("req-3", "cancelled", at(DAYS[2], 8), None),
    ]
    request_fields = ("request_id", "state", "opened_at", "fulfilled_at")
    return {
        "service_requests": [
            {
                **dict(zip(request_fields, row, strict=True)),
                "request_kind": "Access",
                "team_id": "operations",
                "updated_at": row[3] or row[2],
            }
            for row in requests
        ],
        "problems": [
            {
                "problem_id": "prb-1",
                "title": "Sessions are lost",
                "service_id": "shop",
                "ci_id": "db-1",
                "team_id": "operations",
                "state": "resolved",
                "workaround": "Sign in again",
                "opened_at": at(SPRING, 16),
                "known_error_at": at(date(2026, 4, 2), 11, 7),
                "resolved_at": at(date(2026, 6, 22), 9, 13),
                "updated_at": at(date(2026, 6, 22), 9, 13),
            },
            {
                "problem_id": "prb-2",
                "state": "new",
                "opened_at": at(DAYS[2], 7),
                "updated_at": at(DAYS[2], 7),
            },
        ],
    }
