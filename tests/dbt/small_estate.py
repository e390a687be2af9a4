"""A small estate that touches every model: four days, three services, every kind of metric, a clock change.

Values are sums of decimal fractions on purpose: engines must agree on them to 1e-9, not only on powers of two.
"""

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from tests.dbt.landing_fixture import Row, run_rows
from tests.dbt.small_planning import planning

DAYS = tuple(date(2026, 6, day) for day in (27, 28, 29, 30))
AS_OF = DAYS[-1]
ALWAYS = date(2020, 1, 1)
HOSTS = ("web-1", "web-2", "web-3", "db-1")
LATENCY_BOUNDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, float("inf"))


_APPROVED = {
    "valid_from": ALWAYS,
    "approved_by": "Ann",
    "approved_at": datetime(2020, 1, 1, 9),  # noqa: DTZ001
}


def at(day: date, hour: int, minute: int = 0) -> datetime:
    """Naive UTC moment, as everything landed is."""
    return datetime(day.year, day.month, day.day, hour, minute)  # noqa: DTZ001


def estate_rows(
    days: Sequence[date] = DAYS, as_of: date = AS_OF, *, without: date | None = None
) -> dict[str, list[Row]]:
    """Landing rows of a run as of `as_of` that rebuilds `days`.

    Metric tables hold those days and the day before each, as in production; `without` names a day whose metrics were
    withdrawn.
    """
    wanted = {day - timedelta(days=back) for day in days for back in (0, 1)}
    loaded = [day for day in DAYS if day in wanted and day != without]
    rows: dict[str, list[Row]] = dict(run_rows(as_of, days, history_days=4))
    rows["metric_samples"] = [row for day in loaded for row in _samples(day)]
    rows["metric_histograms"] = [row for day in loaded for row in _histograms(day)]
    rows |= _control() | _itsm() | _finance() | _forecasts() | _scalability() | _events()
    rows |= _rightsizing() | _staffing() | _changed() | planning(as_of)
    return rows | {"receipts": _receipts()}


def _wave(seed: int, day: date, hour: int) -> float:
    """Between 0 and 1, different for each seed, with a busy hour at noon."""
    return (((hour - 12) ** 2 * 7 + day.day * 13 + seed * 29) % 97) / 131 + 0.1 * (hour == 12)


def _samples(day: date) -> Iterator[dict[str, Any]]:
    def sample(
        ci: str, metric: str, moment: datetime, value: float, unit: str, **more: Any
    ) -> dict[str, Any]:
        row = {"ci_id": ci, "metric": metric, "observed_at": moment, "value": value, "unit": unit}
        return {**row, "kind": "gauge", "interval_seconds": 3600.0, **more}

    for seed, host in enumerate(HOSTS):
        for hour in range(24):
            if (host, day, hour) == ("web-2", DAYS[1], 3):
                continue  # a gap
            value = _wave(seed, day, hour)
            yield sample(host, "system.cpu.utilization", at(day, hour), value, "1")
            late = hour % 3 if host == "db-1" else 0  # minutes: an agent that reports when it likes
            yield sample(host, "system.memory.usage", at(day, hour, 30 + late), 900 + 101.7 * value, "KiBy")
    total = 1000 * (day.day - 26)
    for hour in range(24):
        reset = day == DAYS[2] and hour >= 7
        bytes_sent = (hour * 360.7 if reset else (total * 24 + hour * 977.3)) + 11
        yield sample("lb-1", "system.network.io", at(day, hour, 15), bytes_sent, "By", kind="counter")
        errors = float((day.day - 27) * 240 + hour * 10 + hour % 3)
        yield sample("shop", "errors", at(day, hour), errors, "{error}", kind="counter")
    for minute in (5, 17, 62, 184, 190, 421, 700, 1003, 1311, 1399):
        moment = at(day, minute // 60, minute % 60)
        is_up = 0.0 if (minute + day.day) % 5 == 0 else 1.0
        yield sample("mail-endpoint", "httpcheck.status", moment, is_up, "1", interval_seconds=300.0)
        duration = 120 + minute / 7
        yield sample("mail-endpoint", "httpcheck.duration", moment, duration, "ms", interval_seconds=300.0)
    for hour in (1, 9, 17):
        yield sample("wiki", "latency.p95", at(day, hour), 0.3 + hour / 70, "s")
        yield sample("wiki", "throughput", at(day, hour), 10 / 3 + hour, "1/s")
        yield sample("wiki", "error.ratio", at(day, hour), hour / 1000, "1")
    yield sample(
        "wiki-licences", "licence.seats", at(day, 6), 40.0 + day.day, "{seat}", interval_seconds=86400.0
    )
    yield sample("web-1", "unplanned", at(day, 1), 1.0, "1")


def _histograms(day: date) -> Iterator[dict[str, Any]]:
    for hour in range(24):
        for number, bound in enumerate(LATENCY_BOUNDS, start=1):
            count = 100 * number + 7 * hour * number**2 + day.day
            yield {
                "ci_id": "shop",
                "metric": "http.server.request.duration",
                "observed_at": at(day, hour),
                "upper_bound": bound,
                "count": float(count),
                "unit": "s",
                "interval_seconds": 3600.0,
            }


def _control() -> dict[str, list[Row]]:
    services = [("shop", "office", "office", 1), ("mail", "office", None, 2), ("wiki", "night", "night", 3)]
    maps = [
        ("shop", "web-1", "web", 1),
        ("shop", "web-2", "web", 1),
        ("shop", "web-3", "web", None),
        ("shop", "db-1", None, None),
        ("shop", "lb-1", None, None),
        ("wiki", "db-1", None, None),
        ("mail", "mail-endpoint", None, None),
        ("wiki", "wiki-licences", None, None),
    ]
    plan = [
        ("system.cpu.utilization", "resource", "cpu", "1", "busy_hour", "shared", None, 30),
        ("system.memory.usage", "resource", "memory", "By", "maximum", "own", None, 10),
        ("system.network.io", "resource", "network", "By/s", "busy_hour", "shared", None, None),
        ("errors", "service", "errors", "1/s", None, None, None, None),
        ("httpcheck.status", "service", "availability", "1", None, None, None, None),
        ("httpcheck.duration", "service", "response_time", "s", None, None, None, None),
        ("latency.p95", "service", "latency_p95", "s", None, None, None, None),
        ("throughput", "service", "throughput", "1/s", None, None, None, None),
        ("error.ratio", "service", "error_ratio", "1", None, None, None, None),
        ("http.server.request.duration", "service", "latency", "s", None, None, None, None),
        ("licence.seats", "resource", "licence_seats", "{seat}", "maximum", "own", "information", 5),
        ("team.work", "resource", "team_hours", "h/wk", "maximum", "own", "human", 60),
    ]
    plan_fields = (
        *("metric", "level", "resource", "unit", "statistic", "pooling"),
        *("resource_kind", "lead_time_days"),
    )
    conversions = [
        ("1", "gauge", "1", 1.0),
        ("KiBy", "gauge", "By", 1024.0),
        ("MiBy", "gauge", "By", 1048576.0),
        ("By", "counter", "By/s", 1.0),
        ("{error}", "counter", "1/s", 1.0),
        ("ms", "gauge", "s", 0.001),
        ("s", "gauge", "s", 1.0),
        ("1/s", "gauge", "1/s", 1.0),
        ("{seat}", "gauge", "{seat}", 1.0),
        ("s", "histogram", "s", 1.0),
    ]
    return {
        "services": [
            {
                "service_id": name,
                "service_name": name.title(),
                "owner": "Ann",
                "team_id": "operations",
                "criticality": level,
                "calendar_id": calendar,
                "critical_calendar_id": critical,
                "valid_from": ALWAYS,
            }
            for name, calendar, critical, level in services
        ],
        "configuration_items": [
            {
                "ci_id": ci,
                "ci_name": ci,
                "ci_kind": "host",
                "valid_from": ALWAYS,
                "resource_id": "arn:db-1" if ci == "db-1" else None,
                "size_name": "medium" if ci.startswith("web") else None,
            }
            for ci in (*HOSTS, "lb-1", "mail-endpoint", "wiki-licences")
        ],
        "service_cis": [
            {
                "service_id": service,
                "ci_id": ci,
                "redundancy_group": group,
                "tolerance": tolerance,
                "valid_from": ALWAYS,
            }
            for service, ci, group, tolerance in maps
        ],
        "teams": [
            {
                "team_id": "operations",
                "team_name": "Operations",
                "headcount": 4.5,
                "ticket_hours_per_week": 6.5,
                "is_supplier": True,
            }
        ],
        "measurement_plan": [dict(zip(plan_fields, row, strict=True), valid_from=ALWAYS) for row in plan],
        "resource_limits": [
            {"ci_id": ci, "resource": "memory", "limit_value": 1.5, "unit": "MiBy", "valid_from": ALWAYS}
            for ci in HOSTS
        ]
        + [
            {
                "ci_id": "wiki-licences",
                "resource": "licence_seats",
                "limit_value": 90.0,
                "unit": "{seat}",
                "valid_from": ALWAYS,
            }
        ],
        "unit_conversions": [
            {
                "source_unit": unit,
                "kind": kind,
                "canonical_unit": canonical,
                "factor": factor,
                "offset_value": 0.0,
            }
            for unit, kind, canonical, factor in conversions
        ],
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
            {**_APPROVED, "standard_id": kind, "ticket_kind": kind, "hours_per_ticket": hours}
            for kind, hours in (("incident", 2.3), ("service_request", 0.7))
        ],
        "staffing_targets": [
            {
                **_APPROVED,
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
                **_APPROVED,
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


def _finance() -> dict[str, list[Row]]:
    """Two months of bills with every kind of charge, in two currencies, and demand of one driver."""
    may, june, july = date(2026, 5, 1), date(2026, 6, 1), date(2026, 7, 1)
    lines: list[tuple[str | None, str, str | None, date, date, float, str]] = [
        *((host, "Usage", None, june, july, 100.01 + number, "EUR") for number, host in enumerate(HOSTS[:3])),
        *((host, "Usage", None, may, june, 90.37, "EUR") for host in HOSTS[:2]),
        ("arn:db-1", "Usage", None, june, july, 333.33, "EUR"),
        ("arn:db-1", "Usage", "Correction", may, june, -1.1, "EUR"),
        ("lb-1", "Purchase", None, date(2026, 6, 17), date(2027, 6, 17), 1000.0, "EUR"),
        ("lb-1", "Credit", None, june, july, -20.5, "EUR"),
        ("mail-endpoint", "Usage", None, DAYS[1], DAYS[2], 7.77, "USD"),
        ("mail-endpoint", "Usage", None, june, july, 3.33, "EUR"),
        ("gone-1", "Usage", None, june, july, 50.0, "EUR"),
        (None, "Tax", None, june, july, 19.19, "EUR"),
        (None, "Adjustment", None, june, june, -0.01, "EUR"),
        ("web-1", "Usage", None, july, date(2026, 8, 1), 999.0, "EUR"),
    ]
    ladder = [("small", 2.0, 1.0, 60.0), ("medium", 4.0, 1.5, 100.0), ("large", 8.0, 3.0, 190.0)]
    return {
        "costs": [
            {
                "resource_id": resource,
                "service_name": "Hosting",
                "service_category": "Compute",
                "charge_category": category,
                "charge_class": correction,
                "charge_period_start": at(first, 0),
                "charge_period_end": at(end, 0),
                "billed_cost": cost,
                "effective_cost": round(0.9 * cost, 2),
                "billing_currency": currency,
            }
            for resource, category, correction, first, end, cost, currency in lines
        ],
        "business_demand": [
            {
                "driver_id": "orders",
                "driver_name": "Orders",
                "service_id": "shop",
                "demand_date": first + timedelta(days=day),
                "value": 1000.3 + 7 * day,
                "unit": "order",
            }
            for first, days in ((may, 31), (june, 20))
            for day in range(days)
        ],
        "kpis": [
            {
                "kpi_id": "efficiency",
                "parent_id": "vs-strategy-to-portfolio",
                "level": "kpi",
                "kpi_name": "Cost-efficiency gains",
                "formula": "1 - cost per unit of business demand / that of the baseline",
                "baseline_start_date": may,
                "baseline_end_date": date(2026, 5, 31),
                "owner": "Ann",
                "valid_from": ALWAYS,
            },
            {
                "kpi_id": "prompt",
                "parent_id": "vs-request-to-fulfil",
                "level": "kpi",
                "kpi_name": "Requests fulfilled within a day",
                "measure": "request_fulfilment_hours",
                "comparator": "<=",
                "target_value": 8.0,
                "weight": 2.0,
                "owner": "Ann",
                "valid_from": ALWAYS,
            },
        ],
        "size_ladders": [
            {
                "ladder_id": "hosts",
                "ci_kind": "host",
                "size_name": name,
                "resource": resource,
                "limit_value": limit,
                "unit": unit,
                "monthly_cost": cost,
                "currency": "EUR",
                "valid_from": ALWAYS,
            }
            for name, cpus, memory, cost in ladder
            for resource, limit, unit in (("cpu", cpus, "{cpu}"), ("memory", memory, "MiBy"))
        ],
    }


def _itsm() -> dict[str, list[Row]]:
    spring = date(2026, 3, 27)  # two days before clocks go forward in Berlin
    incidents: list[tuple[str, int, str, str, int, datetime, datetime]] = [
        ("inc-1", 1, "new", "shop", 1, at(spring, 14), at(spring, 14)),
        ("inc-1", 2, "in_progress", "shop", 1, at(spring, 14), at(spring, 15)),
        ("inc-1", 3, "resolved", "shop", 1, at(spring, 14), at(date(2026, 3, 30), 8)),
        ("inc-1", 4, "in_progress", "shop", 1, at(spring, 14), at(date(2026, 3, 30), 9)),
        ("inc-1", 5, "closed", "shop", 1, at(spring, 14), at(date(2026, 5, 4), 8)),
        ("inc-2", 1, "new", "wiki", 3, at(DAYS[0], 3, 7), at(DAYS[0], 3, 7)),
        ("inc-2", 2, "resolved", "wiki", 3, at(DAYS[0], 3, 7), at(DAYS[2], 5, 11)),
        ("inc-3", 1, "new", "mail", 2, at(DAYS[1], 1), at(DAYS[1], 1)),
        ("inc-4", 1, "new", "shop", 1, at(DAYS[1], 1), at(DAYS[1], 1)),
        ("inc-4", 2, "cancelled", "shop", 1, at(DAYS[1], 1), at(DAYS[1], 2)),
        ("inc-5", 1, "new", "shop", 1, at(DAYS[3], 1), at(date(2026, 7, 1), 1)),
    ]
    fields = ("incident_id", "event_sequence", "state", "service_id", "priority", "opened_at", "updated_at")
    planned = {"planned_start_at": at(DAYS[0], 20), "planned_end_at": at(DAYS[0], 22)}
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
                "started_at": at(spring, 14),
                "goal_minutes": goal,
                "elapsed_minutes": 301.7,
                "is_breached": goal < 300,
                "updated_at": at(spring, 20),
            }
            for incident, goal in (("inc-1", 240.0), ("inc-2", 480.0))
        ],
        "approvals": [
            {
                "approval_id": f"apr-{number}",
                "record_table": "changes" if record.startswith("chg") else "service_requests",
                "record_id": record,
                "approver": "Ann",
                "state": "approved" if decided else "requested",
                "requested_at": at(DAYS[0], 1, 30),
                "decided_at": decided,
                "updated_at": decided or at(DAYS[0], 1, 30),
            }
            for number, (record, decided) in enumerate(
                (("chg-1", at(DAYS[0], 21, 13)), ("chg-2", None), ("req-1", None))
            )
        ],
        "major_incidents": [
            {
                "incident_id": "inc-1",
                "declared_at": at(spring, 14, 20),
                "first_update_at": at(spring, 14, 47),
                "restored_at": at(spring, 19, 3),
                "updated_at": at(spring, 20),
            },
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
                "opened_at": at(spring, 16),
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
        "tombstones": [
            {
                "source": "desk",
                "record_table": "changes",
                "record_key": "chg-gone",
                "deleted_known_date": AS_OF,
            }
        ],
        "changes": [
            {
                "change_id": "chg-gone",  # deleted at its source: no model may count it
                "change_kind": "emergency",
                "state": "implementing",
                "service_id": "shop",
                "requested_at": at(DAYS[0], 1),
                "started_at": at(DAYS[0], 2),
                "updated_at": at(DAYS[0], 2),
                "receipt_id": "desk.changes.changes.v0001",
            },
            {
                "change_id": "chg-1",
                "change_kind": "normal",
                "state": "closed",
                "service_id": "shop",
                "ci_id": "web-1",
                "requested_at": at(DAYS[0], 1, 7),
                "started_at": at(DAYS[0], 20),
                "ended_at": at(DAYS[0], 23, 40),
                "outcome": "successful",
                "updated_at": at(DAYS[1], 8),
                **planned,
            },
            {
                "change_id": "chg-2",
                "change_kind": "standard",
                "state": "scheduled",
                "updated_at": at(DAYS[1], 8),
            },
            *(
                {
                    "change_id": change_id,
                    "change_kind": "emergency",
                    "state": "closed",
                    "service_id": "shop",
                    "ci_id": ci_id,
                    "planned_start_at": at(DAYS[0], 21, 10),
                    "planned_end_at": at(DAYS[0], 23),
                    "started_at": at(DAYS[0], 21, 10),
                    "ended_at": at(DAYS[0], 22),
                    "outcome": outcome,
                    "updated_at": at(DAYS[1], 8),
                }
                for change_id, ci_id, outcome in (
                    ("chg-3", "web-1", "failed"),
                    ("chg-4", "web-2", "backed_out"),
                    ("chg-5", None, "successful"),
                )
            ),
        ],
    }


def _forecasts() -> dict[str, list[Row]]:
    series = ("ci/web-1/cpu", "pool/shop/web/cpu")
    return {
        "forecast_quantiles": [
            {
                "series_id": name,
                "as_of_date": AS_OF,
                "target_date": AS_OF + timedelta(days=ahead),
                "horizon_days": 90,
                "quantile": quantile,
                "value": 0.4 + quantile / 7 + ahead / 1000,
                "naive_value": 0.5 + quantile / 9,
                "scale_value": 0.07,
                "model": "ridge",
            }
            for name in series
            for ahead in (1, 2)
            for quantile in (0.1, 0.5, 0.9)
        ],
        "past_forecasts": [
            {
                "series_id": name,
                "as_of_date": made,
                "target_date": made + timedelta(days=ahead),
                "horizon_days": ahead,
                "quantile": quantile,
                "value": 0.3 + quantile / 7 + ahead / 1000,
                "naive_value": 0.5 + quantile / 9,
                "scale_value": 0.07,
                "promised_wql": 0.6,
                "promised_days": 30,
                "is_replayed": made == DAYS[0],
                "model": model,
            }
            for name, model in zip(series, ("ridge", "seasonal_naive"), strict=True)
            for made in DAYS[:2]
            for ahead in (1, 2, 9)
            for quantile in (0.1, 0.5, 0.9)
        ],
        "forecast_saturation": [
            {
                "series_id": name,
                "as_of_date": AS_OF,
                "p50_date": p50,
                "probability_within_horizon": 0.55,
                "probability_within_lead_time": 0.1,
                "lead_time_days": 30,
                "horizon_days": 90,
            }
            for name, p50 in ((series[0], date(2026, 8, 1)), (series[1], None), ("service/shop", None))
        ],
        "past_saturation": [
            {
                "series_id": name,
                "as_of_date": DAYS[0],
                "p10_date": DAYS[1],
                "p50_date": DAYS[2],
                "line_date": DAYS[3],
                "probability_within_horizon": 0.55,
                "probability_within_30_days": chance,
                "probability_within_60_days": chance + 0.1,
                "probability_within_90_days": chance + 0.2,
                "horizon_days": horizon,
            }
            for name, chance, horizon in (
                (series[0], 0.3, 90),
                (series[1], 0.7, 3),
                ("ci/db-1/memory", 0.05, 90),
                ("ci/web-2/cpu", 0.35, 90),
                ("service/shop", 0.6, 90),
            )
        ],
        "forecast_scores": [
            {
                "series_id": name,
                "as_of_date": AS_OF,
                "model": "ridge",
                "wql": 0.1,
                "mase": 0.7,
                "coverage_80_ratio": 0.78,
                "naive_wql": 0.15,
                "naive_mase": 1.0,
                "window_count": 4,
            }
            for name in series
        ],
        "forecast_models": [
            {
                "as_of_date": AS_OF,
                "method": "quantile trees",
                "seed": 1,
                "series_count": 5,
                "row_count": 400,
                "loss_ratio": 0.8,
                "coverage_80_ratio": 0.8,
                "tree_share_ratio": 0.4,
                "artefact_sha256": "0f" * 32,
                "model_card": "{}",
            }
        ],
        "forecast_importances": [{"as_of_date": AS_OF, "feature": "level", "mean_move": 0.4}],
    }


def _rightsizing() -> dict[str, list[Row]]:
    tested = {"tested_weeks": 13, "breached_weeks": 0, "as_of_date": AS_OF, "currency": "EUR"}
    return {
        "rightsizing": [
            {
                **tested,
                "ci_id": "web-1",
                "ladder_id": "hosts",
                "present_size": "medium",
                "proposed_size": "small",
                "direction": "down",
                "verdict": "proposed",
                "deciding_resource": "cpu",
                "required_value": 1.5,
                "size_limit_value": 2.0,
                "growth_ratio": 1.1,
                "present_monthly_cost": 100.0,
                "proposed_monthly_cost": 60.0,
                "breach_ratio": 0.0,
                "breach_low_ratio": 0.0,
                "breach_high_ratio": 0.247,
                "present_breached_weeks": 0,
                "rejected_sizes": 0,
                "reason": "cpu needs 75% of small, crossed in no week of 13",
            },
            {
                "ci_id": "db-1",
                "as_of_date": AS_OF,
                "ladder_id": "hosts",
                "direction": "keep",
                "verdict": "not_assessed",
                "reason": "4 weeks to test on; at least 8 are needed",
            },
        ],
        "rightsizing_backtest": [
            {
                **tested,
                "ci_id": "web-1",
                "size_name": size,
                "decision_date": AS_OF - timedelta(days=91),
                "is_present": size == "medium",
                "is_proposed": size == "small",
                "held_then": True,
                "saved_cost": saved,
            }
            for size, saved in (("small", 119.6), ("medium", 0.0))
        ],
    }


def _staffing() -> dict[str, list[Row]]:
    needed = {"team_id": "operations", "as_of_date": AS_OF, "method": "seasonal_mean"}
    needed |= {
        "agents_needed": 1.0,
        "agents_needed_high": 2.0,
        "agents_available": 0.3,
        "shortage_agents": 0.7,
    }
    live = {"work": "live", "zone": "UTC", "weekday": 1, "is_open": True}
    arrivals = {"arrivals": 0.2, "arrivals_low": 0.1, "arrivals_high": 0.7}
    return {
        "staffing_needs": [
            {**needed, **live, **arrivals, "interval_number": 9, "local_hour": 9},
            {**needed, **arrivals, "work": "deferred", "interval_number": 0, "week_start_date": AS_OF},
        ]
    }


def _changed() -> dict[str, list[Row]]:
    common = {
        "change_id": "chg-1",
        "as_of_date": AS_OF,
        "subject_kind": "ci",
        "relation": "named",
        "unit": "1",
    }
    tested = {
        "control_count": 5,
        "days_before": 14,
        "days_after": 14,
        "placebo_count": 500,
        "is_parallel": True,
    }
    before = {
        "incident_id": "inc-3",
        "as_of_date": AS_OF,
        "ci_id": "web-1",
        "resource": "cpu",
        "saturated_minutes": 43.7,
        "peak_usage_ratio": 1.13,
        "started_at": at(DAYS[1], 0, 16),
    }
    told = {"service_id": "shop", "chance_basis": "hour_of_week", "opened_at": at(DAYS[1], 1)}
    scored = {"confidence_ratio": 0.91, "chance_ratio": 0.07, "chance_moments": 71, "service_p_value": 0.003}
    return {
        "capacity_incidents": [
            {
                **before,
                **told,
                **scored,
                "verdict": "capacity",
                "scope": "named_ci",
                "service_capacity_ratio": 0.4,
                "evidence_count": 1,
            },
            {
                **told,
                "incident_id": "inc-4",
                "as_of_date": AS_OF,
                "verdict": "not_capacity",
                "reason": "nothing on its path was saturated before it",
                "confidence_ratio": 0.0,
                "evidence_count": 0,
            },
        ],
        "capacity_incident_evidence": [
            {
                **before,
                "is_named_ci": True,
                "ended_at": at(DAYS[1], 0, 59),
                "minutes_before_opening": 44.0,
                "evidence_rank": 1,
            },
        ],
        "change_impact": [
            {
                **common,
                **tested,
                "subject_id": "web-1",
                "metric": "cpu_utilisation",
                "before_value": 0.31,
                "after_value": 0.47,
                "expected_value": 0.32,
                "effect_value": 0.15,
                "effect_ratio": 0.46875,
                "effect_low": 0.3,
                "effect_high": 0.66,
                "usual_size": 0.07,
                "score": 5.5,
                "p_value": 0.0003,
                "q_value": 0.01,
                "pre_trend": 0.01,
                "pre_trend_p_value": 0.7,
                "nearby_change_count": 1,
                "verdict": "raised",
            },
            {
                **common,
                "subject_id": "web-1",
                "metric": "memory_utilisation",
                "control_count": 2,
                "nearby_change_count": 1,
                "verdict": "not_testable",
                "reason": "too few controls: fewer than 3 comparable and untouched",
            },
        ],
    }


def _scalability() -> dict[str, list[Row]]:
    told = {"is_refused": False, "sustainable_per_second": 10 / 3}
    fit = {
        "service_id": "shop",
        "as_of_date": AS_OF,
        "first_date": DAYS[0],
        "last_date": AS_OF,
        "point_count": 90,
    }
    return {
        "load_tests": [
            {
                "service_id": "shop",
                "tested_at": at(DAYS[0], 20),
                "load": load,
                "load_unit": "user",
                "throughput_per_second": load / (1 + load / 7),
            }
            for load in (1.0, 2.0, 4.0, 8.0, 16.0)
        ],
        "scalability_fits": [
            {**fit, "method": "queueing", **told, "sustainable_per_second_low": 3.1, "held_out_ratio": 0.3},
            {
                **fit,
                "method": "production_usl",
                "is_refused": True,
                "reason": "load never came near the knee",
            },
        ],
        "shared_use": [
            {
                "ci_id": "db-1",
                "resource": resource,
                "service_id": service,
                "as_of_date": AS_OF,
                "use_ratio": ratio,
                "use_ratio_low": None if ratio is None else ratio - 0.1,
                "use_ratio_high": None if ratio is None else ratio + 0.1,
                "r2_unseen": 0.87 if ratio else 0.31,
                "day_count": 28,
                "is_refused": ratio is None,
                "reason": None if ratio else "use cannot be told: requests explain 31% of it",
            }
            for service, resource, ratio in (
                ("shop", "cpu", 0.7),
                ("wiki", "cpu", 0.3),
                ("shop", "memory", None),
                ("wiki", "memory", None),
            )
        ],
        "business_capacity_fits": [
            {
                "driver_id": "orders",
                "driver_name": "Orders",
                "driver_unit": "order",
                "service_id": "shop",
                "pool_id": "shop/web/cpu",
                "resource": "cpu",
                "as_of_date": AS_OF,
                "headroom_kind": "a_day",
                "headroom_units": 100 / 3,
                "headroom_units_low": 30.1,
                "usable_value": 1.3,
                "demand_value": 0.9,
                "is_refused": False,
            },
        ],
        "scalability_points": [
            {
                "service_id": "shop",
                "as_of_date": AS_OF,
                "method": "queueing",
                "series": series,
                "point_number": number,
                "load": number / 3,
                "throughput_per_second": number / 7,
                "latency_seconds": 0.1 + number / 11,
            }
            for series in ("measured", "fitted")
            for number in (1, 2, 3)
        ],
    }


def _events() -> dict[str, list[Row]]:
    opened = at(DAYS[0], 12)
    closed = {"opened_at": opened, "ended_at": at(DAYS[1], 13), "is_open": False}
    going_on = {"opened_at": opened, "ended_at": at(AS_OF, 13), "exception_at": opened, "is_open": True}
    detections: list[dict[str, Any]] = [
        {"event_id": "e1", "source": "threshold", "ci_id": "web-1", "is_cause": True, **going_on},
        {"event_id": "e1", "source": "forecast", "pool_id": "shop/web/cpu", "is_cause": False, **going_on},
        {"event_id": "e2", "source": "baseline", "ci_id": "db-1", "is_cause": True, **closed},
    ]
    events = [
        {
            "event_id": "e1",
            "category": "exception",
            "severity": "critical",
            "source": "threshold",
            "is_open": True,
        }
        | {"exception_at": opened, "last_seen_at": at(AS_OF, 13), "cause_ci_id": "web-1", "peak_value": 0.81},
        {
            "event_id": "e2",
            "category": "informational",
            "severity": "info",
            "source": "baseline",
            "is_open": False,
        }
        | {"last_seen_at": at(DAYS[1], 13), "closed_at": at(DAYS[1], 13), "score": 4.5, "peak_value": 0.7},
    ]
    common = {"as_of_date": AS_OF, "resource": "cpu", "unit": "1", "threshold_value": 0.65}
    return {
        "resource_baselines": [
            {
                "as_of_date": AS_OF,
                "ci_id": "web-1",
                "resource": "cpu",
                "weekday": 1,
                "hour": hour,
                "zone": "UTC",
            }
            | {"basis": "hour_of_week", "expected_value": hour / 70, "mad_value": 0.01, "scale_value": 0.03}
            for hour in range(3)
        ],
        "capacity_events": [{**common, "opened_at": opened, **event} for event in events],
        "capacity_event_detections": [
            {**common, "detection_id": f"d{number}", "category": "warning", "direction": "up", **detection}
            for number, detection in enumerate(detections)
        ],
    }


def _receipts() -> list[Row]:
    common = {
        "source": "files",
        "table_name": "metric_samples",
        "batch_id": "b",
        "extracted_at": at(AS_OF, 23),
    }
    counts = {"rows_received": 10, "rows_landed": 9, "rows_quarantined": 1, "input_path": "a.csv"}
    return [
        {**common, **counts, "receipt_id": f"b.v000{version}", "version": version, "is_current": version == 2}
        for version in (1, 2)
    ]
