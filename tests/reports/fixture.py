"""Small published versions to render: an estate like the simulated one, and those in which most is missing.

Values are arithmetic with a seeded generator: the same arguments give the same files.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

from tests.reports import desk_rows, kpi_rows, planning_rows
from tests.reports.marts import AS_OF, COLUMNS, Rows, check, publish, receipt

HISTORY, HORIZON, WINDOW = 120, 90, 28
NAMES = (
    "Payments", "Web shop", "Search", "Identity", "Order management", "Warehouse", "Email", "Reporting", "Payroll",
    "Customer portal", "Product catalogue", "Recommendations", "Billing", "Data lake", "File share", "Print",
    "Telephony", "Intranet", "Backup", "Source control", "Build farm", "Video meetings", "Field service", "Archive",
)  # fmt: skip
OWNERS = ("Ana Kovač", "Jürgen Weiß", "Mei Tanaka", "Olu Adeyemi")


@dataclass(frozen=True)
class Shape:
    """One pool of the simulated estate: what it measures and how fast it fills."""

    resource: str
    unit: str
    statistic: str
    pooling: str
    kind: str
    members: int
    limit: float
    level: float
    growth_a_day: float


SHAPES = (
    Shape("cpu", "1", "busy_hour", "shared", "host", 4, 1.0, 0.42, 0.0012),
    Shape("memory", "By", "maximum", "own", "host", 4, 64 * 2**30, 0.55, 0.0003),
    Shape("connections", "{connection}", "busy_hour", "own", "database", 1, 500, 0.45, 0.0021),
    Shape("filesystem", "By", "maximum", "own", "volume", 1, 4 * 2**40, 0.40, 0.0016),
)


def _scenarios(rows: Rows, keys: list[str]) -> None:
    for scenario, name in (("growth", "Demand +30 %"), ("site-loss", "Site B is lost")):
        rows.add("dim_scenario", scenario_id=scenario, step=1, scenario_name=name, action="scale_demand",
                 description=f"{name}: what then?", author="Helene Vogt", reason="budget round")  # fmt: skip
        for number, key in enumerate(keys):
            today = 0.3 - 0.1 * number
            rows.add("fct_what_if", scenario_id=scenario, as_of_date=AS_OF, service_id=key, currency="EUR",
                     today_headroom_ratio=today, scenario_headroom_ratio=today - 0.2 * (number < 4),
                     today_bottleneck_resource="cpu", scenario_bottleneck_resource="memory",
                     scenario_p50_date=date(2026, 8, 1) if number < 2 else None, today_monthly_cost=2400.0,
                     scenario_monthly_cost=2400.0 + 195 * (number < 4), changed_pool_count=int(number < 4),
                     lost_pool_count=int(scenario == "site-loss" and number == 0), is_retired=False)  # fmt: skip


def full_estate(folder: Path, services: int = 6) -> Path:
    """Services of every class of urgency, with targets, incidents, changes, forecasts, a failed check, quarantine."""
    rows = Rows()
    rows.add("dim_team", team_id="t1", team_name="Platform operations", headcount=12.5)
    for index in range(services):
        _service(rows, index, HISTORY, with_forecast=index != 4)
    planning_rows.team(rows, "t1")
    desk_rows.desk(rows, rows.tables["dim_service"][0]["service_id"])
    kpi_rows.kpis(rows, rows.tables["dim_service"][0]["service_id"])
    _scenarios(rows, [row["service_id"] for row in rows.tables["dim_service"]])
    _impacts(rows)
    _extractions(rows)
    _model(rows)
    return publish(folder, rows, checks=_checks())


def incidents_only(folder: Path) -> Path:
    """A service desk: incidents and their clock, no metrics, no service map, no forecast."""
    rows = Rows()
    service(rows, "desk", "Service desk", team_id=None)
    _incidents(rows, "desk", Random(7), 400)
    rows.add(
        "fct_incidents",
        incident_id="lost",
        state="new",
        opened_at=datetime.fromisoformat("2026-06-29T09:00"),
        opened_date=date(2026, 6, 29),
    )
    receipt(rows, "itsm", "incidents", 141_712, 5)
    return publish(folder, rows, estate="servicedesk", checks=[check("keys are unique", "incidents")])


def one_day(folder: Path) -> Path:
    """Everything measured for a single day: no trend, no forecast, no target, a third of the samples missing."""
    rows = Rows()
    _service(rows, 0, 1, with_forecast=False, with_records=False, coverage=0.66)
    receipt(rows, "monitoring", "metric_samples", 1440, 0)
    return publish(
        folder, rows, estate="online-boutique", checks=[check("keys are unique", "metric_samples")]
    )


def nothing(folder: Path) -> Path:
    """A version without a single row."""
    return publish(folder, Rows(), estate="empty")


def hostile(folder: Path, names: Iterable[str]) -> Path:
    """One service for each name; the name is also its id and that of everything about it."""
    rows = Rows()
    for name in names:
        _service(rows, 0, 40, with_forecast=True, name=name, key=name)
        rows.tables["dim_service"][-1] |= {"description": name, "owner": name, "calendar_id": name}
        for row in rows.tables["fct_incidents"] + rows.tables["fct_changes"]:
            row["title"] = name
        for row in rows.tables["fct_saturation"]:
            row["notes"] = name
        for row in rows.tables["fct_service_levels"]:
            row["approved_by"] = name
        planning_rows.team(rows, name)
        rows.add("dim_team", team_id=name, team_name=name, headcount=2.0)
        _rename(rows, name)
        receipt(rows, name, "metric_samples", 10, 1, path=name)
    return publish(
        folder,
        rows,
        estate="<b>&\"'",
        checks=[check(name, name, passed=False, message=name) for name in names],
    )


def _rename(rows: Rows, name: str) -> None:
    for table, columns in {
        "fct_improvements": (
            "title",
            "reason",
            "owner",
            "state_reason",
            "state_changed_by",
            "change_id",
            "risk",
        ),
        "fct_rightsizing": ("present_size", "reason", "currency"),
        "fct_business_capacity": ("driver_name", "driver_unit"),
        "fct_shared_use": ("reason",),
    }.items():
        for row in rows.tables[table]:
            row.update(dict.fromkeys(columns, name))
    for row in rows.tables["fct_rightsizing"]:
        row["proposed_size"] = row["proposed_size"] and name


def service(rows: Rows, key: str, name: str, **values: Any) -> None:
    """A service's record."""
    rows.add(
        "dim_service",
        **{
            "service_id": key,
            "service_name": name,
            "owner": OWNERS[len(key) % 4],
            "team_id": "t1",
            "criticality": 2,
        }
        | {"calendar_id": "office hours", "valid_from": date(2025, 1, 1)}
        | values,
    )


def _service(
    rows: Rows,
    index: int,
    days: int,
    *,
    with_forecast: bool,
    with_records: bool = True,
    coverage: float = 0.998,
    name: str | None = None,
    key: str | None = None,
) -> None:
    random = Random(index)
    name = name or NAMES[index % len(NAMES)]
    key = key or name.lower().replace(" ", "-")
    service(rows, key, name, criticality=1 + index % 4, description=f"{name} for all business units.")
    factor = (1.0, 1.55, 0.82, 0.6, 0.9, 0.7)[index % 6] * (1 + 0.03 * (index // 6))
    pools = []
    for shape in SHAPES[: 4 if days > 1 else 2]:
        pools.append(_pool(rows, key, shape, factor, days, random, with_forecast, coverage))
    pools.sort(key=lambda pool: (pool["headroom_ratio"], pool["pool_id"]))
    tight, following = pools[0], pools[1]
    rows.add(
        "fct_service_capacity",
        service_id=key,
        as_of_date=AS_OF,
        headroom_ratio=tight["headroom_ratio"],
        headroom_now_ratio=tight["headroom_ratio"] + 0.2,
        headroom_peak_ratio=tight["headroom_ratio"] - 0.03,
        headroom_critical_ratio=tight["headroom_ratio"] + 0.01 if index % 2 else None,
        saturation_minutes=0.0 if tight["headroom_ratio"] > 0 else 315.0,
        bottleneck_pool_id=tight["pool_id"],
        bottleneck_resource=tight["resource"],
        bottleneck_ci_id=tight["deciding_ci_id"],
        next_headroom_ratio=following["headroom_ratio"],
        next_pool_id=following["pool_id"],
        next_resource=following["resource"],
        pool_count=len(pools),
        coverage_ratio=coverage if index != 3 else 0.71,
        is_low_coverage=coverage < 0.8 or index == 3,
    )
    for rank, pool in enumerate(pools, start=1):
        after = pools[rank]["headroom_ratio"] if rank < len(pools) else None
        rows.add(
            "fct_bottlenecks",
            service_id=key,
            as_of_date=AS_OF,
            bottleneck_rank=rank,
            pool_id=pool["pool_id"],
            resource=pool["resource"],
            headroom_ratio=pool["headroom_ratio"],
            fixed_headroom_ratio=after,
            gain_ratio=None if after is None else after - pool["headroom_ratio"],
            capacity_to_add_value=None if after is None else pool["demand_value"] * 0.1,
        )
    if with_forecast:
        first = min(
            (row for row in rows.tables["fct_saturation"] if row["service_id"] == key),
            key=lambda row: (row["p50_date"] or date.max, row["p10_date"] or date.max, row["series_id"]),
        )
        bottleneck = {
            "pool_id": tight["pool_id"],
            "resource": tight["resource"],
            "ci_id": tight["deciding_ci_id"],
        }
        service_row = {"series_id": f"service/{key}", "level": "service", "usable_value": None}
        rows.add("fct_saturation", **first | service_row | bottleneck)
    _performance(rows, key, days, random, coverage)
    if with_records:
        _costs(rows, key, index)
        _throughput(rows, key, index)
        _events(rows, key, pools)
        _levels(rows, key, random)
        _service_levels(rows, key, index)
        _incidents(rows, key, random, 60 + 10 * index)
        _changes(rows, key, random)
        planning_rows.improvements(rows, key, tight)
        planning_rows.sizes(rows, key)
        planning_rows.business(rows, key, pools)
        planning_rows.kinds(rows, key, name)
        planning_rows.shared_use(rows, key)


def _pool(
    rows: Rows,
    key: str,
    shape: Shape,
    factor: float,
    days: int,
    random: Random,
    forecast: bool,
    coverage: float,
) -> dict[str, Any]:
    group = f"{key}-{shape.kind}s" if shape.members > 1 else f"{key}-{shape.kind}-1"
    tolerance = 1 if shape.members > 1 else 0
    share = shape.members if shape.pooling == "shared" else 1
    usable = 0.8 * shape.limit * (share - tolerance if shape.pooling == "shared" else 1)
    pool_id = f"{key}/{group}/{shape.resource}"
    members = [f"{key}-{shape.kind}-{n + 1}" for n in range(shape.members)]
    same: dict[str, Any] = {"unit": shape.unit, "statistic": shape.statistic}
    pool = {
        "pool_id": pool_id,
        "service_id": key,
        "redundancy_group": group,
        "resource": shape.resource,
    } | same
    pool |= {"pooling": shape.pooling, "member_count": shape.members, "tolerance": tolerance}
    values = []
    for offset in range(days):
        day = AS_OF - timedelta(days=days - 1 - offset)
        value = _demand(shape, factor, offset - HISTORY, day, random) * shape.limit * share
        values.append(value)
        if not 60 <= days - offset < 63:  # three days without measurements
            rows.add("fct_pool_demand_daily", **pool, observed_date=day, demand_value=value, usable_value=usable,
                     coverage_ratio=coverage)  # fmt: skip
    window = sorted(values[-WINDOW:])
    demand = window[-1] if shape.statistic == "maximum" else window[int(0.95 * (len(window) - 1))]
    headroom = 1 - demand / usable
    pool |= {"usable_value": usable, "demand_value": demand, "headroom_ratio": headroom}
    rows.add(
        "fct_pool_capacity",
        **pool,
        as_of_date=AS_OF,
        resource_kind="technical",
        deciding_ci_id=members[0],
        coverage_ratio=coverage,
        service_count=2 if shape.kind == "database" else 1,
        share_ratio=0.6 if shape.kind == "database" else 1.0,
    )
    for hour in range(min(days, 14) * 24):
        at = datetime.combine(AS_OF, time()) - timedelta(hours=hour - 23)
        curve = 0.55 + 0.45 * math.sin((at.hour - 3) / 24 * 2 * math.pi) * (0.5 if at.weekday() > 4 else 1)
        rows.add("fct_resource_utilisation_hourly", ci_id=members[0], resource=shape.resource, hour_at=at,
                 observed_date=at.date(), sample_count=4, coverage_ratio=1.0, demand_avg=demand * curve,
                 demand_max=demand * curve)  # fmt: skip
    for ci_id in members:
        if shape.resource != "memory":
            rows.add("dim_ci", ci_id=ci_id, ci_name=ci_id, ci_kind=shape.kind, valid_from=date(2025, 1, 1))
            rows.add("bridge_service_ci", service_id=key, ci_id=ci_id, redundancy_group=group, tolerance=tolerance,
                     share_ratio=1.0, valid_from=date(2025, 1, 1))  # fmt: skip
        rows.add("fct_resource_capacity", ci_id=ci_id, resource=shape.resource, as_of_date=AS_OF, **same,
                 limit_value=shape.limit, threshold_ratio=0.8, usable_value=0.8 * shape.limit,
                 demand_value=demand / share, headroom_ratio=1 - demand / share / (0.8 * shape.limit),
                 demand_window_start_date=AS_OF - timedelta(days=WINDOW - 1), day_count=min(days, WINDOW),
                 coverage_ratio=coverage, is_low_coverage=coverage < 0.8)  # fmt: skip
        rows.add("fct_resource_utilisation_daily", ci_id=ci_id, resource=shape.resource, observed_date=AS_OF,
                 sample_count=96, **same)  # fmt: skip
    if forecast:
        _forecast(rows, pool, shape, factor, usable, share)
    return pool | {"deciding_ci_id": members[0]}


def _demand(shape: Shape, factor: float, offset: int, day: date, random: Random | None) -> float:
    trend = shape.level + shape.growth_a_day * (offset + HISTORY)
    if shape.statistic == "maximum":
        return trend * factor
    week = 1.0 if day.weekday() < 5 else 0.72
    return trend * factor * week * (1 + (random.gauss(0, 0.025) if random else 0))


def _forecast(
    rows: Rows, pool: dict[str, Any], shape: Shape, factor: float, usable: float, share: int
) -> None:
    series = f"pool/{pool['pool_id']}"
    dates: dict[float, date | None] = dict.fromkeys((0.1, 0.5, 0.9))
    who = {"service_id": pool["service_id"], "pool_id": pool["pool_id"], "resource": pool["resource"]}
    for ahead in range(1, HORIZON + 1):
        day = AS_OF + timedelta(days=ahead)
        middle = _demand(shape, factor, ahead, day, None) * shape.limit * share
        for quantile, side in ((0.1, -1), (0.5, 0), (0.9, 1)):
            value = middle * (1 + side * (0.02 + 0.008 * math.sqrt(ahead)))
            rows.add("fct_forecasts", series_id=series, level="pool", **who, unit=pool["unit"], as_of_date=AS_OF,
                     target_date=day, horizon_days=ahead, quantile=quantile, value=value,
                     model="gradient boosting")  # fmt: skip
            if value > usable and dates[quantile] is None:
                dates[quantile] = day
    p50 = dates[0.5]
    lead = 30 if shape.resource in ("cpu", "memory") else 45
    rows.add("fct_saturation", series_id=series, level="pool", **who, as_of_date=AS_OF, usable_value=usable,
             p10_date=dates[0.9], p50_date=p50, p90_date=dates[0.1], is_censored=p50 is None,
             days_to_saturation=(p50 - AS_OF).days if p50 else None,
             probability_within_horizon=0.93 if p50 else 0.22 if dates[0.9] else 0.004,
             probability_within_lead_time=0.61 if p50 and (p50 - AS_OF).days < lead else 0.03, lead_time_days=lead,
             decision_date=p50 - timedelta(days=lead) if p50 else None, horizon_days=HORIZON)  # fmt: skip
    ratio = 0.55 + len(series) % 13 / 20
    rows.add("fct_forecast_scores", series_id=series, as_of_date=AS_OF, model="gradient boosting", wql=0.04 * ratio,
             mase=0.9 * ratio, coverage_80_ratio=0.7 + len(series) % 7 / 30, naive_wql=0.04, naive_mase=1.0,
             window_count=4, is_better_than_naive=ratio < 1)  # fmt: skip


def _performance(rows: Rows, key: str, days: int, random: Random, coverage: float) -> None:
    for offset in range(days):
        day = AS_OF - timedelta(days=days - 1 - offset)
        busy = 1.0 if day.weekday() < 5 else 0.5
        p50 = 0.08 * (1 + 0.3 * busy + random.gauss(0, 0.03))
        outage = 37.0 if offset in (33, 71) else 0.0
        rows.add("fct_service_performance_daily", service_id=key, observed_date=day, request_count=4e6 * busy,
                 throughput_per_second=46 * busy, throughput_peak_per_second=120 * busy + random.gauss(0, 4),
                 error_ratio=abs(random.gauss(0.0012, 0.0006)) + outage / 4000, latency_p50_seconds=p50,
                 latency_p95_seconds=p50 * 3.1, latency_p99_seconds=p50 * 5.2 + outage / 100,
                 latency_basis="histogram", latency_target_seconds=0.4, latency_good_ratio=0.97, check_count=96,
                 availability_ratio=1 - outage / 1440, downtime_minutes=outage, coverage_ratio=coverage)  # fmt: skip


def _costs(rows: Rows, key: str, index: int) -> None:
    for month in (4, 5, 6):
        start = date(2026, month, 1)
        same: dict[str, Any] = {"service_id": key, "month_start_date": start, "billing_currency": "EUR"}
        total = Decimal(2400 + 310 * index + 40 * month)
        rows.add("fct_service_cost", **same, is_partial_month=False, effective_cost=total,
                 direct_cost=total * Decimal("0.8"), shared_cost=total * Decimal("0.2"),
                 headroom_cost=total * Decimal("0.3"), idle_cost=total * Decimal("0.1"), ci_count=9)  # fmt: skip
        rows.add("fct_unit_cost", **same, driver_id=f"{key}-orders", driver_name="Orders", unit="{order}",
                 demand_value=81_000.0, is_low_coverage=month == 4, unit_cost=0.031,
                 efficiency_gain_ratio=0.04)  # fmt: skip


def _throughput(rows: Rows, key: str, index: int) -> None:
    """Every third service has a curve, the next none that tells, the third no fit at all."""
    same: dict[str, Any] = {"service_id": key, "as_of_date": AS_OF}
    if index % 3 == 2:
        return
    told = index % 3 == 0
    rows.add("fct_scalability", **same, method="queueing", is_preferred=told, is_refused=not told,
             sustainable_per_second=120.0 if told else None, sustainable_per_second_low=112.0 if told else None,
             sustainable_per_second_high=131.0 if told else None, busy_hour_per_second=101.0,
             headroom_ratio=1 - 101 / 120 if told else None, latency_target_seconds=0.4, point_count=2160,
             first_date=date(2026, 4, 2), last_date=AS_OF,
             reason=None if told else "the busiest hour shows no rise of latency: no knee is in sight")  # fmt: skip
    rows.add("fct_scalability", **same, method="load_test", is_preferred=False, is_refused=False, peak_load=96.5,
             sustainable_per_second=118.0, peak_per_second=140.0, limited_by="contention", load_unit="{user}",
             point_count=7, tested_at=datetime.fromisoformat("2026-05-12T09:00"))  # fmt: skip
    for number in range(24):
        rate = 5.0 * (number + 1)
        latency = 0.12 / (1 - (rate / 150) ** 4)
        for series, noise in (("measured", 1.1 if number % 2 else 0.94), ("fitted", 1.0)):
            rows.add("fct_scalability_points", **same, method="queueing", series=series, point_number=number,
                     load=rate * latency, throughput_per_second=rate, latency_seconds=latency * noise)  # fmt: skip


def _events(rows: Rows, key: str, pools: list[dict[str, Any]]) -> None:
    for number, (category, source) in enumerate(
        (("exception", "threshold"), ("warning", "forecast"), ("informational", "baseline"))
    ):
        pool = pools[number]
        opened = datetime.fromisoformat("2026-06-28T08:00") - timedelta(days=11 * number)
        rows.add("fct_events", event_id=f"{key[:20]}-{number}", as_of_date=AS_OF, category=category,
                 severity=("major", "minor", "info")[number], is_open=number == 0, source=source, opened_at=opened,
                 last_seen_at=opened + timedelta(hours=9), cause_ci_id=pool["deciding_ci_id"],
                 resource=pool["resource"], unit=pool["unit"],
                 peak_value=None if source == "forecast" else pool["demand_value"],
                 threshold_value=pool["usable_value"], probability_within_lead_time=0.7 if number == 1 else None,
                 decision_date=AS_OF if number == 1 else None, ci_count=2, service_count=1, ci_ids="a,b",
                 service_ids=key)  # fmt: skip


def _levels(rows: Rows, key: str, random: Random) -> None:
    targets = (
        ("res-p1", "incident_resolution_minutes", 1, "<=", 240.0, 0.95),
        ("res-p2", "incident_resolution_minutes", 2, "<=", 480.0, 0.9),
        ("avail", "availability_ratio", None, ">=", 0.999, None),
        ("lat", "latency_seconds", None, "<=", 0.4, 0.95),
        ("err", "error_ratio", None, "<=", 0.005, None),
    )
    for month in (3, 4, 5, 6):
        for target_id, measure, priority, comparator, value, objective in targets:
            total = random.randint(4, 40) if priority else 2880
            good = total - random.choice((0, 0, 1, 3)) if priority else 2773
            actual = {"availability_ratio": 0.99914, "error_ratio": 0.0014}.get(measure, good / total)
            met = (
                actual >= objective
                if objective
                else actual >= value
                if comparator == ">="
                else actual <= value
            )
            rows.add("fct_service_levels", service_id=key, target_id=target_id, measure=measure, priority=priority,
                     period="month", period_start_date=date(2026, month, 1), comparator=comparator, target_value=value,
                     objective_ratio=objective, actual_value=actual, good_count=good, total_count=total, is_met=met,
                     approved_by="Service review board",
                     approved_at=datetime.fromisoformat("2026-01-15T10:00"))  # fmt: skip


def _service_levels(rows: Rows, key: str, index: int) -> None:
    """Weeks and budgets of two targets, four months of availability, and one watermelon."""
    for week in range(6):
        rows.add("fct_service_levels", service_id=key, target_id="lat", measure="latency_seconds", period="week",
                 period_start_date=date(2026, 5, 25) + timedelta(weeks=week), is_met=week != 2)  # fmt: skip
    for row in rows.tables["fct_service_levels"]:
        if (row["service_id"], row["period"], row["target_id"]) == (key, "month", "avail"):
            row |= {"counted": "minutes", "bad_count": 37.0, "error_budget_count": 43.2}
            row |= {
                "error_budget_left_count": 6.2,
                "error_budget_used_ratio": 37 / 43.2,
                "burn_rate_1h": 16.5,
            }
            row |= {"burn_rate_6h": 2.75, "burn_rate_24h": 0.7, "burn_rate_72h": None, "alert_state": "page"}
            row |= {"page_hours": 1, "ticket_hours": 0}
    for month in (3, 4, 5, 6):
        rows.add("fct_availability", subject_kind="service", subject_id=key, month_start_date=date(2026, month, 1),
                 agreed_minutes=43200.0, excluded_minutes=120.0, downtime_minutes=360.0,
                 measured_downtime_minutes=300.0, recorded_downtime_minutes=340.0, supplier_downtime_minutes=30.0,
                 availability_ratio=0.9916666666666667, failure_count=3, mtbf_minutes=14280.0, mtrs_minutes=120.0,
                 mtbsi_minutes=14400.0, serviceability_ratio=0.9993, coverage_ratio=0.5)  # fmt: skip
    rows.add("fct_availability", subject_kind="ci", subject_id=f"{key[:20]}-down", month_start_date=date(2026, 6, 1),
             agreed_minutes=43200.0, excluded_minutes=0.0, downtime_minutes=45.0, measured_downtime_minutes=0.0,
             recorded_downtime_minutes=45.0, supplier_downtime_minutes=0.0, availability_ratio=0.99896,
             failure_count=1, mtbf_minutes=43155.0, mtrs_minutes=45.0, mtbsi_minutes=43200.0,
             serviceability_ratio=1.0, coverage_ratio=0.0)  # fmt: skip
    if index == 0:
        rows.add("fct_watermelons", service_id=key, period="month", period_start_date=date(2026, 6, 1),
                 period_end_date=AS_OF, evidence="satisfaction", contradicts="all targets", evidence_value=2.2,
                 comparator="<", threshold_value=3.0, unit="{score}", case_count=5.0, met_target_count=5)  # fmt: skip
        rows.add("fct_watermelons", service_id=key, period="week", period_start_date=date(2026, 6, 15),
                 period_end_date=date(2026, 6, 21), evidence="tail_latency", contradicts="lat", evidence_value=2.5,
                 comparator=">", threshold_value=1.6, unit="s", case_count=4000.0, met_target_count=5)  # fmt: skip
    for number in range(4):
        rows.add("fct_sla_reconciliation", incident_id=f"{key[:20]}-{number}", service_id=key,
                 difference="equal" if number else "source_counts_all_time")  # fmt: skip


def _incidents(rows: Rows, key: str, random: Random, count: int) -> None:
    for number in range(count):
        opened = datetime.fromisoformat("2026-06-30T08:00") - timedelta(
            hours=number * 24 * 170 // count + random.randint(0, 5)
        )
        priority = random.choice((1, 2, 3, 3, 3, 4, 4))
        is_open = number in (0, 1, 4)
        identifier = f"INC{key[:20]}{number:05d}"
        rows.add("fct_incidents", incident_id=identifier, service_id=key, team_id="t1", priority=priority,
                 title=("Checkout slow at peak", "Cannot log in", "Nightly export failed")[number % 3],
                 state="in_progress" if is_open else "closed", opened_at=opened, opened_date=opened.date(),
                 is_derived=number % 9 == 0)  # fmt: skip
        rows.add("fct_incident_sla", incident_id=identifier, clock="resolution", service_id=key, priority=priority,
                 target_minutes=480, business_minutes=560 if number == 4 else 95,
                 state=("running_late" if number == 4 else "running") if is_open else "met")  # fmt: skip


def _changes(rows: Rows, key: str, random: Random) -> None:
    for number in range(7):
        start = datetime.fromisoformat("2026-06-20T22:00") - timedelta(days=11 * number)
        rows.add("fct_changes", change_id=f"CHG{key[:20]}{number}", state="closed",
                 change_kind=("standard", "normal", "emergency")[number % 3],
                 outcome=("successful", "successful", "backed_out")[number % 3], service_id=key,
                 title=("Monthly patches", "Add a node to the web tier", "Fail over the database")[number % 3],
                 started_at=start, ended_at=start + timedelta(minutes=75 + number), duration_minutes=75 + number,
                 is_overrun=number % 3 == 2)  # fmt: skip


def _model(rows: Rows) -> None:
    rows.add("fct_forecast_models", as_of_date=AS_OF, method="quantile trees", seed=1, series_count=571,
             value_count=66_000, row_count=18_342, feature_count=38, origin_count=8, loss_ratio=0.714,
             coverage_80_ratio=0.806, tree_share_ratio=0.43, data_sha256="1a" * 32, artefact_sha256="9f" * 32,
             model_card='{"seed": 1, "versions": {"scikit-learn": "1.7"}}')  # fmt: skip
    for number in range(14):
        rows.add(
            "fct_forecast_importances",
            as_of_date=AS_OF,
            feature=f"feature {number}",
            mean_move=0.5 / (number + 1),
        )


def _impacts(rows: Rows) -> None:
    """What one change of payments moved, a collision, failure rates, and an incident by capacity."""
    told = {"as_of_date": AS_OF, "change_id": "CHGpayments1", "unit": "1", "relation": "named"}
    shown = {"q_value": 0.01, "control_count": 6, "score": 4.0}
    for number in (1, 2):
        rows.add("fct_change_impact", **told, **shown, subject_kind="ci", subject_id=f"payments-hosts-{number}",
                 metric="cpu_utilisation", before_value=0.61, after_value=0.35, expected_value=0.6, effect_value=-0.25,
                 effect_ratio=-0.417, effect_low=-0.5, effect_high=-0.32, verdict="lowered",
                 reason="cannot be told apart from CHG9")  # fmt: skip
    rows.add("fct_change_impact", **told, **shown, subject_kind="service", subject_id="payments", metric="error_ratio",
             before_value=0.01, after_value=0.03, expected_value=0.01, effect_value=0.02, effect_low=0.015,
             effect_high=0.025, verdict="raised")  # fmt: skip
    rows.add("fct_change_impact", **told, subject_kind="service", subject_id="payments", metric="throughput",
             verdict="not_testable", reason="too few controls: fewer than 3")  # fmt: skip
    for number, other in ((0, 1), (1, 0)):
        rows.add("fct_change_collisions", change_id=f"CHGidentity{number}", other_change_id=f"CHGidentity{other}",
                 scope="service", overlap_start_at=datetime.fromisoformat("2026-07-02T22:00"),
                 overlap_end_at=datetime.fromisoformat("2026-07-02T22:45"), overlap_minutes=45)  # fmt: skip
    for kind, grain, failed, changes in (
        ("all", "all", 6, 42),
        ("normal", "all", 1, 14),
        ("all", "month", 2, 12),
    ):
        rows.add("fct_change_failure_rates", service_id="all", change_kind=kind, period_grain=grain,
                 period_start_date=AS_OF.replace(day=1), change_count=changes, failed_count=failed, overrun_count=3,
                 failure_ratio=failed / changes, failure_low_ratio=0.067, failure_high_ratio=0.278)  # fmt: skip
    opened = datetime.fromisoformat("2026-06-22T12:20")
    rows.add("fct_incidents", incident_id="INCfull", service_id="payments", priority=2, title="Payments time out",
             state="closed", opened_at=opened, opened_date=opened.date(), is_derived=False)  # fmt: skip
    judged = {"as_of_date": AS_OF, "service_id": "payments", "opened_at": opened}
    rows.add("fct_capacity_incidents", **judged, incident_id="INCfull", verdict="capacity", confidence_ratio=0.93,
             scope="named_ci", chance_ratio=0.04, chance_basis="hour_of_week", ci_id="payments-hosts-1",
             resource="cpu", saturated_minutes=55, peak_usage_ratio=1.2, evidence_count=2,
             started_at=opened - timedelta(minutes=70))  # fmt: skip
    rows.add("fct_capacity_incidents", **judged, incident_id="INCother", verdict="not_capacity", confidence_ratio=0,
             evidence_count=0)  # fmt: skip


def _extractions(rows: Rows) -> None:
    for source, table, received, quarantined in (
        ("monitoring", "metric_samples", 8_294_400, 12),
        ("monitoring", "metric_histograms", 829_440, 0),
        ("itsm", "incidents", 5_210, 3),
        ("itsm", "changes", 168, 0),
        ("cmdb", "services", 24, 0),
        ("cmdb", "configuration_items", 240, 0),
        ("cmdb", "service_cis", 251, 0),
        ("control", "targets", 40, 0),
        ("control", "measurement_plan", 9, 0),
        ("control", "calendars", 5, 0),
    ):
        receipt(rows, source, table, received, quarantined)
    receipt(rows, "itsm", "incidents", 5_200, 3, is_current=False, version=0)


def _checks() -> list[dict[str, Any]]:
    checks = [check(f"values stay in range ({n})", "metric_samples", rows_checked=69_120) for n in range(3)]
    checks += [check("keys are unique", table, stage="dbt") for table in COLUMNS]
    checks += [
        check(
            "utilisation by two paths agrees",
            "fct_resource_utilisation_daily",
            stage="reconciliation",
            blocking=True,
        )
    ]
    checks += [
        check("samples arrive every 15 minutes", "metric_samples", passed=False, severity="warn", rows_failed=288,
              message="payments-host-2 sent no system.cpu.utilization on 1 May 2026; see the agent of that host.")
    ]  # fmt: skip
    return checks
