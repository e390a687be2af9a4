"""Control records of the simulated organisation: services, teams, calendars, targets, plan, KPIs."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd

from assets.simulation.calibration import slowdown
from assets.simulation.catalogue import BERLIN, NEW_YORK, ServiceType
from assets.simulation.estate import FOUNDED, Estate, window_day
from assets.simulation.files import SourceFiles
from assets.simulation.performance import BOUNDS, P95_OVER_MEDIAN
from assets.simulation.season import next_month, public_holidays
from assets.simulation.seeds import generator
from assets.simulation.sizes import size_ladders
from assets.simulation.thresholds import THRESHOLDS

FOLDER = "control"
#: Offered load up to which a service must keep its latency target.
LATENCY_TARGET_LOAD = 0.7
AVAILABILITY = {1: 0.999, 2: 0.995, 3: 0.99, 4: 0.98}
#: Priority → (minutes to resolve, calendar whose open minutes count, share that must be in time).
RESOLUTION = {
    1: (240, "always", 0.95),
    2: (480, "always", 0.90),
    3: (1200, "business-berlin", 0.85),
    4: (3000, "business-berlin", 0.80),
}
#: Minutes until somebody takes an incident up: by priority, calendar, objective.
RESPONSE = {
    1: (30, "always", 0.80),
    2: (90, "always", 0.80),
    3: (480, "business-berlin", 0.75),
    4: (960, "business-berlin", 0.75),
}
APDEX_THRESHOLD_SECONDS = 0.05
#: Hours in which a service must not fail, by the profile of its demand; less critical services have agreed none.
CRITICAL_CALENDARS: dict[str, str] = {
    "consumer": "evening-berlin",
    "batch": "night-berlin",
    "shifts": "extended-berlin",
}
CRITICAL_UP_TO = 2
#: Hours a ticket takes; requests to the data platform are small projects.
_EFFORTS = (
    ("effort-incident", "incident", None, 5.0),
    ("effort-request", "service_request", None, 2.0),
    ("effort-request-data", "service_request", "data-platform", 3.5),
)
#: Team, work, kind, least urgent priority that is live, minutes to take it up, share, target age of the backlog, weeks.
_STAFFING = (
    ("live-incidents", None, "live", "incident", 1, 15.0, 0.9, 60.0, None, None),
    ("live-infrastructure", "infrastructure", "live", "incident", 2, 15.0, 0.9, 60.0, None, None),
    ("backlog-incidents", None, "deferred", "incident", None, None, None, None, 4.0, 8),
    ("backlog-requests", None, "deferred", "service_request", None, None, None, None, 2.0, 8),
)
#: What a CI was expected to cost in a month when the budgets were made; parts of shared CIs come on top.
_BUDGETED_EUR = {"host": 160.0, "database": 420.0, "volume": 70.0, "endpoint": 4.0}
_TEAMS = (
    ("service-desk", "Service desk", "extended-berlin", 9.0, 16.0, False),
    ("commerce", "Commerce applications", "business-berlin", 7.0, 16.0, False),
    ("finance-apps", "Finance applications", "business-berlin", 5.0, 16.0, False),
    ("workplace", "Workplace services", "business-berlin", 6.0, 16.0, False),
    ("data-platform", "Data platform", "business-berlin", 5.0, 16.0, False),
    ("integration", "Integration", "business-berlin", 3.5, 16.0, False),
    ("databases", "Databases", "business-berlin", 4.0, 16.0, False),
    ("infrastructure", "Infrastructure", "always", 6.0, 16.0, False),
    ("network", "Network (managed by Nordnetz)", "always", 4.0, 16.0, True),
)
_PLAN = (
    ("system.cpu.utilization", "resource", "cpu", "1", "busy_hour", "shared", "technical", 45, 0, 1),
    ("system.memory.usage", "resource", "memory", "By", "maximum", "own", "technical", 14, 0, None),
    (
        "db.client.connection.count",
        "resource",
        "connections",
        "{connection}",
        "maximum",
        "own",
        "technical",
        7,
        0,
        None,
    ),
    ("system.filesystem.usage", "resource", "filesystem", "By", "maximum", "own", "technical", 21, 0, None),
    ("system.network.io", "resource", "network", "By/s", "busy_hour", "shared", "technical", 60, 0, None),
    (
        "software.licence.seats",
        "resource",
        "licence_seats",
        "{seat}",
        "maximum",
        "own",
        "information",
        30,
        0,
        None,
    ),
    ("data.volume", "resource", "data_volume", "By", "maximum", "own", "information", 21, 0, None),
    ("team.workload", "resource", "team_hours", "h/wk", "maximum", "own", "human", 90, 0, None),
    ("service.spend", "resource", "budget", "{EUR}", "maximum", "own", "financial", 30, 0, None),
    ("http.server.request.duration", "service", "latency", "s", None, None, None, None, 0, None),
    ("http.server.request.errors", "service", "errors", "{error}/s", None, None, None, None, 0, None),
    ("httpcheck.status", "service", "availability", "1", None, None, None, None, 0, 1),
)
#: What this organisation sets for itself; all other KPIs are the product's defaults (id, parent, level, name, rule).
#: A rule is measure, comparator, target and weight.
_Rule = tuple[str, str, float, float]
_KPIS: tuple[tuple[str, str | None, str, str, _Rule | None], ...] = (
    ("goal-right-size", None, "goal", "Services perform as agreed at a cost that is worth it", None),
    (
        "kpi-targets-met",
        "vs-detect-to-correct",
        "kpi",
        "Services that meet their targets",
        ("services_meeting_targets", ">=", 0.9, 2.0),
    ),
    (
        "kpi-capacity-incidents",
        "vs-detect-to-correct",
        "kpi",
        "Reduction in capacity incidents",
        ("capacity_incidents_reduced", ">=", 0.2, 1.0),
    ),
    (
        "kpi-performance",
        "vs-detect-to-correct",
        "kpi",
        "Response time",
        ("response_time_attained", ">=", 0.97, 1.0),
    ),
    (
        "kpi-utilisation",
        "vs-strategy-to-portfolio",
        "kpi",
        "Utilisation of what is paid for",
        ("capacity_used", ">=", 0.5, 1.0),
    ),
    (
        "kpi-cost-efficiency",
        "vs-strategy-to-portfolio",
        "kpi",
        "Cost-efficiency gains",
        ("cost_efficiency", ">=", 0.05, 2.0),
    ),
)


def write_control_records(estate: Estate, files: SourceFiles) -> None:
    """Write every control record as `control/<table>.csv`."""
    tables = {
        "services": services(estate),
        "teams": teams(),
        "calendars": calendars(estate),
        "holidays": holidays(estate),
        "targets": targets(estate),
        "measurement_plan": measurement_plan(),
        "kpis": kpis(estate),
        "size_ladders": size_ladders(),
        "effort_standards": effort_standards(),
        "staffing_targets": staffing_targets(),
        "budgets": budgets(estate),
    }
    for table, frame in tables.items():
        files.write_control(f"{FOLDER}/{table}.csv", table, frame)


def services(estate: Estate) -> pd.DataFrame:
    """One row a service and period; Order management gets a new owner within the window."""
    rows: list[dict[str, Any]] = []
    for service in estate.services:
        kind = service.kind
        row = {
            "service_id": service.service_id,
            "service_name": service.name,
            "description": kind.description,
            "owner": kind.owner,
            "team_id": kind.team_id,
            "criticality": kind.criticality,
            "calendar_id": kind.calendar_id,
            "critical_calendar_id": _critical_calendar(kind),
            "valid_from": FOUNDED,
            "valid_to": None,
        }
        if service.service_id == "order-management":
            change = window_day(estate.settings, 0.5)
            rows.append(row | {"valid_to": estate.last_day_before(change)})
            rows.append(row | {"owner": "Tom Becker", "valid_from": estate.day(change)})
        else:
            rows.append(row)
    return pd.DataFrame(rows)


def _critical_calendar(kind: ServiceType) -> str | None:
    if kind.criticality > CRITICAL_UP_TO:
        return None
    office = "business-new-york" if kind.zone == NEW_YORK else "business-berlin"
    return CRITICAL_CALENDARS.get(kind.profile, office)


def teams() -> pd.DataFrame:
    """One row a team: two days a week of each post are for tickets, the rest is for projects and operation."""
    columns = ["team_id", "team_name", "calendar_id", "headcount", "ticket_hours_per_week", "is_supplier"]
    return pd.DataFrame(_TEAMS, columns=columns)


def effort_standards() -> pd.DataFrame:
    """Working hours that a ticket takes, as the service desk agreed them."""
    columns = ["standard_id", "ticket_kind", "team_id", "hours_per_ticket"]
    approval = {"approved_by": "Helene Vogt", "approved_at": "2023-12-12T10:00:00Z"}
    return pd.DataFrame(_EFFORTS, columns=columns).assign(valid_from=FOUNDED, **approval)


def staffing_targets() -> pd.DataFrame:
    """Which tickets are live work, and how old the backlog of the others may be."""
    columns = ["target_id", "team_id", "work", "ticket_kind", "max_priority", "respond_within_minutes"]
    columns += ["target_ratio", "handling_minutes", "backlog_age_days", "within_weeks"]
    approval = {"approved_by": "Helene Vogt", "approved_at": "2023-12-12T10:00:00Z"}
    frame = pd.DataFrame(_STAFFING, columns=columns).astype(
        {"max_priority": "Int64", "within_weeks": "Int64"}
    )
    return frame.assign(valid_from=FOUNDED, **approval)


def budgets(estate: Estate) -> pd.DataFrame:
    """One budget a service for the twelve months from the first simulated one on; the web shop's is too small."""
    first = estate.settings.start_date.replace(day=1)
    last = first.replace(year=first.year + 1) - timedelta(days=1)
    draw = generator(estate.settings.seed, "budgets")
    monthly = {service.index: 0.0 for service in estate.services}
    for ci in estate.cis:
        if ci.service >= 0:
            monthly[ci.service] += _BUDGETED_EUR[ci.kind]
    rows = []
    for service in estate.services:
        scale = 0.9 if service.service_id == "web-shop" else float(draw.uniform(1.5, 2.1))
        row: dict[str, Any] = {"budget_id": f"run-{service.service_id}", "service_id": service.service_id}
        row |= {"period_start_date": first, "period_end_date": last, "currency": "EUR", "valid_from": FOUNDED}
        row |= {"amount": round(12 * monthly[service.index] * scale, -2), "owner": service.kind.owner}
        rows.append(row | {"approved_by": "Ruben Castellano", "approved_at": "2025-11-28T09:00:00Z"})
    return pd.DataFrame(rows)


def calendars(estate: Estate) -> pd.DataFrame:
    """One row a shift. Fridays of the Berlin business calendar become shorter within the window."""
    rows: list[tuple[str, str, int, str, str, date, date | None]] = []
    shorter_from = window_day(estate.settings, 0.5)
    shorter = estate.day(shorter_from)
    for weekday in range(1, 8):
        rows.append(("always", BERLIN, weekday, "00:00", "24:00", FOUNDED, None))
        rows.append(("evening-berlin", BERLIN, weekday, "17:00", "22:00", FOUNDED, None))
        rows.append(("night-berlin", BERLIN, weekday, "22:00", "06:00", FOUNDED, None))
    for weekday in range(1, 6):
        ends = estate.last_day_before(shorter_from) if weekday == 5 else None
        rows.append(("business-berlin", BERLIN, weekday, "08:00", "18:00", FOUNDED, ends))
        rows.append(("extended-berlin", BERLIN, weekday, "06:00", "22:00", FOUNDED, None))
        rows.append(("business-new-york", NEW_YORK, weekday, "08:00", "12:00", FOUNDED, None))
        rows.append(("business-new-york", NEW_YORK, weekday, "12:30", "17:30", FOUNDED, None))
    rows.append(("business-berlin", BERLIN, 5, "08:00", "16:00", shorter, None))
    rows.append(("extended-berlin", BERLIN, 6, "07:00", "14:00", FOUNDED, None))
    columns = ["calendar_id", "zone", "weekday", "opens", "closes", "valid_from", "valid_to"]
    frame = pd.DataFrame(rows, columns=columns)
    return frame.sort_values(["calendar_id", "weekday", "opens", "valid_from"])


def holidays(estate: Estate) -> pd.DataFrame:
    """Public holidays of the calendars that close on them, up to the year after the last day."""
    years = range(estate.settings.start_date.year, estate.settings.end_date.year + 2)
    zones = {"business-berlin": BERLIN, "extended-berlin": BERLIN, "business-new-york": NEW_YORK}
    rows = [
        (calendar, day, name)
        for calendar, zone in zones.items()
        for year in years
        for day, name in public_holidays(zone, year).items()
    ]
    return pd.DataFrame(rows, columns=["calendar_id", "holiday_date", "holiday_name"])


def targets(estate: Estate) -> pd.DataFrame:
    """Capacity, resolution, availability, latency and error targets, with validity and approval."""
    rows = [_threshold_row(estate, position) for position in range(len(THRESHOLDS))]
    for priority, (minutes, calendar, objective) in RESOLUTION.items():
        rows.append(
            _target(f"resolve-p{priority}", "incident_resolution_minutes", "<=", minutes)
            | {"priority": priority, "objective_ratio": objective, "calendar_id": calendar}
        )
    for priority, (minutes, calendar, objective) in RESPONSE.items():
        rows.append(
            _target(f"respond-p{priority}", "incident_response_minutes", "<=", minutes)
            | {"priority": priority, "objective_ratio": objective, "calendar_id": calendar}
        )
    rows.append(
        _target("update-p1", "incident_update_minutes", "<=", 60)
        | {"priority": 1, "objective_ratio": 0.80, "calendar_id": "always"}
    )
    rows.append(
        _target("answer", "incident_next_response_minutes", "<=", 480)
        | {"objective_ratio": 0.50, "calendar_id": "business-berlin"}
    )
    rows.append(_target("errors", "error_ratio", "<=", 0.01))
    for service in estate.services:
        kind = service.kind
        own = {"service_id": service.service_id, "calendar_id": kind.calendar_id}
        rows.append(
            _target(
                f"availability-{service.service_id}",
                "availability_ratio",
                ">=",
                AVAILABILITY[kind.criticality],
            )
            | own
            | {"excludes_maintenance": kind.criticality > 1}
        )
        rows.append(
            _target(
                f"latency-{service.service_id}",
                "latency_seconds",
                "<=",
                latency_target(service.latency_seconds),
            )
            | own
            | {"objective_ratio": 0.95}
        )
        if service.service_id == "web-shop":
            # A shop that feels fast needs less than what is agreed for 95 of 100 requests.
            row = _target("apdex-web-shop", "apdex_threshold_seconds", "<=", APDEX_THRESHOLD_SECONDS)
            rows.append(row | {"service_id": service.service_id})
        if service.service_id == "data-warehouse":
            # Work waits for it at night, so what it gets through is what it can.
            row = _target("load-at-night", "throughput_per_second", ">=", round(service.base * 0.9, 1))
            rows.append(
                row
                | {
                    "service_id": service.service_id,
                    "calendar_id": "night-berlin",
                    "objective_ratio": 0.75,
                }
            )
        if service.service_id == "payments":
            rows.append(
                _target("resolve-p1-payments", "incident_resolution_minutes", "<=", 120)
                | own
                | {"priority": 1, "objective_ratio": 0.95}
            )
    return pd.DataFrame(rows)


def latency_target(base_seconds: float) -> float:
    """The smallest finite histogram bound (s) that 95 % of requests keep up to the agreed load."""
    law = slowdown(np.array([LATENCY_TARGET_LOAD]))
    needed = base_seconds * P95_OVER_MEDIAN * float(law[0])
    finite = BOUNDS[:-1]
    return float(finite[min(int((finite < needed).sum()), finite.size - 1)])


def _target(target_id: str, measure: str, comparator: str, value: float) -> dict[str, Any]:
    return {
        "target_id": target_id,
        "measure": measure,
        "comparator": comparator,
        "target_value": value,
        "valid_from": FOUNDED,
        "approved_by": "Helene Vogt",
        "approved_at": "2023-12-12T10:00:00Z",
    }


def _threshold_row(estate: Estate, position: int) -> dict[str, Any]:
    threshold = THRESHOLDS[position]
    row = _target(threshold.target_id, "utilisation_ratio", "<=", threshold.ratio)
    row |= {"service_id": threshold.service_id, "resource": threshold.resource}
    if threshold.from_fraction is not None:
        first = estate.day(window_day(estate.settings, threshold.from_fraction))
        approved = first - timedelta(days=12)
        row |= {"valid_from": first, "approved_by": "Ruben Castellano"}
        row["approved_at"] = f"{approved.isoformat()}T14:30:00Z"
    if threshold.to_fraction is not None:
        row["valid_to"] = estate.last_day_before(window_day(estate.settings, threshold.to_fraction))
    return row


def measurement_plan() -> pd.DataFrame:
    """Which metric measures what, in which unit, judged how."""
    columns = [
        "metric",
        "level",
        "resource",
        "unit",
        "statistic",
        "pooling",
        "resource_kind",
        "lead_time_days",
        "minimum_value",
        "maximum_value",
    ]
    frame = pd.DataFrame(_PLAN, columns=columns).astype({"lead_time_days": "Int64"})
    return frame.assign(valid_from=FOUNDED)


def kpis(estate: Estate) -> pd.DataFrame:
    """The records of the KPI tree: targets of this organisation's own, over the product's defaults.

    Baseline of the cost-efficiency is the first whole calendar month of the simulated days.
    """
    rows = []
    for kpi_id, parent, level, name, rule in _KPIS:
        row: dict[str, Any] = {"kpi_id": kpi_id, "parent_id": parent, "level": level, "kpi_name": name}
        row |= {"owner": "Helene Vogt", "valid_from": FOUNDED}
        if rule is not None:
            row |= dict(zip(("measure", "comparator", "target_value", "weight"), rule, strict=True))
        if kpi_id == "kpi-cost-efficiency":
            row |= _baseline(estate)
        rows.append(row)
    return pd.DataFrame(rows)


def _baseline(estate: Estate) -> dict[str, date]:
    first = estate.settings.start_date
    first = first if first.day == 1 else next_month(first)
    last = next_month(first) - timedelta(days=1)
    if last >= estate.settings.end_date:
        return {}
    return {"baseline_start_date": first, "baseline_end_date": last}
