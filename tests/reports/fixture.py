"""Small published versions to render: an estate like the simulated one, and those in which most is missing.

Values are arithmetic with a seeded generator: the same arguments give the same files.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from pathlib import Path
from random import Random

from tests.reports import desk_rows, kpi_rows, planning_rows
from tests.reports.marts import AS_OF, Rows, check, publish, receipt
from tests.reports.pool_rows import HISTORY, SHAPES, add_pool, model
from tests.reports.record_rows import changes, events, impacts, incidents
from tests.reports.run_rows import checks, extractions
from tests.reports.service_rows import costs, levels, performance, service, service_levels, throughput

NAMES = (
    "Payments", "Web shop", "Search", "Identity", "Order management", "Warehouse", "Email", "Reporting", "Payroll",
    "Customer portal", "Product catalogue", "Recommendations", "Billing", "Data lake", "File share", "Print",
    "Telephony", "Intranet", "Backup", "Source control", "Build farm", "Video meetings", "Field service", "Archive",
)  # fmt: skip


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
    impacts(rows)
    extractions(rows)
    model(rows)
    return publish(folder, rows, checks=checks())


def incidents_only(folder: Path) -> Path:
    """A service desk: incidents and their clock, no metrics, no service map, no forecast."""
    rows = Rows()
    service(rows, "desk", "Service desk", team_id=None)
    incidents(rows, "desk", Random(7), 400)
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
        pools.append(add_pool(rows, key, shape, factor, days, random, with_forecast, coverage))
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
    performance(rows, key, days, random, coverage)
    if with_records:
        costs(rows, key, index)
        throughput(rows, key, index)
        events(rows, key, pools)
        levels(rows, key, random)
        service_levels(rows, key, index)
        incidents(rows, key, random, 60 + 10 * index)
        changes(rows, key, random)
        planning_rows.improvements(rows, key, tight)
        planning_rows.sizes(rows, key)
        planning_rows.business(rows, key, pools)
        planning_rows.kinds(rows, key, name)
        planning_rows.shared_use(rows, key)
