"""A service's own page: room, demand, forecast, performance, targets, incidents, changes, resources, origin. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby

from markupsafe import Markup

from checks.results import CheckResult
from reports import charts, marks, provenance, wording
from reports import formats as f
from reports.business import Driver, drivers
from reports.changes import CapacityIncidentLine, MovedBy, capacity_incident_lines, counts_by_verdict, moved
from reports.events import Events, events
from reports.levels import Level, level_of
from reports.overview import Picture, ServiceLine
from reports.performance import MIN_DRAWN_DAYS, Panel, has_latency, panels
from reports.plan import Register, levels_by_target, register
from reports.records.capacity import PoolCapacity, ResourceCapacity
from reports.records.forecast import Saturation
from reports.records.operation import IncidentCount
from reports.records.service import ServiceDetail
from reports.records.version import Manifest
from reports.resources import CapacityLine, capacity_lines
from reports.service_levels import BudgetLine, WatermelonLine, budget_lines, watermelon_lines
from reports.settings import ReportSettings
from reports.sizes import Sizes, sizes
from reports.targets import TargetLine, target_lines
from reports.throughput import Throughput, throughput


@dataclass(frozen=True)
class PoolLine:
    """One row of the table of pools."""

    pool: PoolCapacity
    level: Level
    vessel: Markup
    spark: Markup
    saturation: Saturation | None
    interval: str
    role: str


@dataclass(frozen=True)
class ResourceLine:
    """One row of the table of resources."""

    resource: ResourceCapacity
    level: Level
    vessel: Markup


@dataclass(frozen=True)
class PoolChart:
    """Demand and forecast of one pool."""

    pool: PoolCapacity
    picture: Picture | None
    has_forecast: bool
    has_past: bool
    forecast_as_of: date | None
    forecast_level: str | None
    model: str | None
    saturation: Saturation | None
    days: int


@dataclass(frozen=True)
class IncidentTable:
    """Incidents opened by month (rows) and priority (columns)."""

    priorities: tuple[int | None, ...]
    rows: tuple[tuple[date, tuple[int, ...], int], ...]
    derived: int
    chart: Markup


@dataclass(frozen=True)
class ServicePage:
    """Everything that the template of a service's page prints."""

    line: ServiceLine
    headline: Markup
    detail: ServiceDetail
    pools: tuple[PoolLine, ...]
    pool_charts: tuple[PoolChart, ...]
    week: Picture | None
    week_note: str
    no_forecast: str
    panels: tuple[Panel, ...]
    latency_basis: str | None
    has_latency_target: bool
    months: tuple[date, ...]
    targets: tuple[TargetLine, ...]
    incidents: IncidentTable | None
    resources: tuple[ResourceLine, ...]
    checks: tuple[CheckResult, ...]
    failed_checks: tuple[CheckResult, ...]
    traces: tuple[provenance.Trace, ...]
    throughput: Throughput | None
    events: Events
    register: Register
    sizes: Sizes
    drivers: tuple[Driver, ...]
    capacities: tuple[CapacityLine, ...]
    budgets: tuple[BudgetLine, ...]
    watermelons: tuple[WatermelonLine, ...]
    moved: tuple[MovedBy, ...]
    capacity_incidents: tuple[CapacityIncidentLine, ...]
    judged_incidents: int


def charted_pools(line: ServiceLine) -> list[str]:
    """Pools whose demand is drawn: the tightest, and the first to run out where that is another one."""
    found = [line.capacity.bottleneck_pool_id if line.capacity else None]
    if line.first_pool is not None and line.first_pool.p50_date is not None:
        found.append(line.first_pool.pool_id)
    return list(dict.fromkeys(pool for pool in found if pool))


def service_page(
    manifest: Manifest,
    line: ServiceLine,
    detail: ServiceDetail,
    traces: Sequence[provenance.Trace],
    checks: Sequence[CheckResult],
    settings: ReportSettings,
) -> ServicePage:
    """The page of one service."""
    as_of = manifest.as_of_date
    drawn = charted_pools(line)
    first = line.first_pool.resource if line.first_pool else None
    months = tuple(sorted({level.period_start_date for level in detail.levels}))
    days = len(detail.demand.get(drawn[0], ())) if drawn else 0
    return ServicePage(
        line=line,
        headline=wording.headline(line.service, line.capacity, line.saturation, first, line.deciding, as_of),
        detail=detail,
        pools=tuple(_pool_line(pool, line, detail, settings) for pool in detail.pools),
        pool_charts=tuple(
            chart
            for index, pool in enumerate(sorted(detail.pools, key=lambda p: _position(drawn, p.pool_id)))
            if pool.pool_id in drawn
            and (chart := _pool_chart(f"demand{index}", pool, detail, as_of)) is not None
        ),
        week=_week(detail),
        week_note=wording.busiest_hour(detail.week),
        no_forecast=wording.no_forecast(days),
        panels=panels(detail.performance),
        latency_basis=next((d.latency_basis for d in reversed(detail.performance) if has_latency(d)), None),
        has_latency_target=any(
            d.latency_target_seconds is not None for d in detail.performance if has_latency(d)
        ),
        months=months,
        targets=target_lines(detail.levels, months),
        incidents=_incidents(detail.incident_counts),
        resources=tuple(
            ResourceLine(r, level_of(r.headroom_ratio, settings), marks.vessel(r.headroom_ratio))
            for r in detail.resources
        ),
        checks=tuple(checks),
        failed_checks=tuple(check for check in checks if not check.passed),
        traces=tuple(traces),
        throughput=throughput(detail.scalability, detail.scalability_points),
        events=events(detail.events, as_of, settings),
        register=register(detail.improvements, levels_by_target(line.levels), as_of, settings),
        sizes=sizes(detail.sizes, (), settings),
        drivers=drivers(detail.business, detail.drivers, detail.unit_costs),
        capacities=capacity_lines(detail.capacities, detail.saturations, settings),
        moved=moved(detail.impacts),
        capacity_incidents=capacity_incident_lines(detail.capacity_incidents[: settings.listed_incidents]),
        judged_incidents=sum(
            count
            for verdict, count in counts_by_verdict(detail.cause_counts).items()
            if verdict != "not_testable"
        ),
        budgets=budget_lines(detail.error_budgets, {}, detail.levels),
        watermelons=watermelon_lines(
            detail.watermelons, {}, {level.target_id: level for level in detail.levels}
        ),
    )


def _week(detail: ServiceDetail) -> Picture | None:
    if len({hour.weekday for hour in detail.week if hour.used_ratio is not None}) < 7:
        return None
    label = "Demand against usable capacity by hour of the week (UTC)"
    return Picture(
        wide=charts.week("week-wide", label, detail.week, False),
        narrow=charts.week("week-narrow", label, detail.week, True),
    )


def _pool_line(
    pool: PoolCapacity, line: ServiceLine, detail: ServiceDetail, settings: ReportSettings
) -> PoolLine:
    days = [
        (d.observed_date, _ratio(d.demand_value, d.usable_value)) for d in detail.demand.get(pool.pool_id, ())
    ]
    saturation = detail.saturations.get(f"pool/{pool.pool_id}")
    capacity = line.capacity
    role = ""
    if capacity and pool.pool_id == capacity.bottleneck_pool_id:
        role = "tightest"
    elif capacity and pool.pool_id == capacity.next_pool_id:
        role = "next"
    return PoolLine(
        pool=pool,
        level=level_of(pool.headroom_ratio, settings),
        vessel=marks.vessel(pool.headroom_ratio),
        spark=marks.sparkline(days, marks.spread_sentence(days)),
        saturation=saturation,
        interval=wording.interval(saturation) if saturation else "",
        role=role,
    )


def _pool_chart(chart_id: str, pool: PoolCapacity, detail: ServiceDetail, as_of: date) -> PoolChart | None:
    history = detail.demand.get(pool.pool_id, ())
    forecast = detail.forecasts.get(pool.pool_id)
    if not any(d.demand_value is not None for d in history):
        return None
    saturation = _saturation_of(pool, detail)
    name = f"{f.resource(pool.resource)} of {f.shorten(pool.redundancy_group, 60)}"
    label = f"Daily demand for {name} against usable capacity"

    def draw(narrow: bool) -> Markup:
        own_id = f"{chart_id}-{'narrow' if narrow else 'wide'}"
        return charts.fan(own_id, label, pool.shown_unit, history, forecast, saturation, as_of, narrow)

    days = sum(1 for d in history if d.demand_value is not None)
    return PoolChart(
        pool=pool,
        picture=Picture(wide=draw(False), narrow=draw(True)) if days >= MIN_DRAWN_DAYS or forecast else None,
        has_forecast=forecast is not None,
        has_past=bool(forecast and forecast.past),
        forecast_as_of=forecast.as_of_date if forecast else None,
        forecast_level=forecast.level if forecast else None,
        model=forecast.model if forecast else None,
        saturation=saturation,
        days=days,
    )


def _saturation_of(pool: PoolCapacity, detail: ServiceDetail) -> Saturation | None:
    return detail.saturations.get(f"pool/{pool.pool_id}") or detail.saturations.get(
        f"ci/{pool.deciding_ci_id}/{pool.resource}"
    )


def _incidents(counts: Sequence[IncidentCount]) -> IncidentTable | None:
    if not counts:
        return None
    priorities = sorted({c.priority for c in counts}, key=lambda p: (p is None, p or 0))
    rows = []
    for month, group in groupby(counts, key=lambda c: c.month):
        opened = {c.priority: c.opened for c in group}
        rows.append((month, tuple(opened.get(p, 0) for p in priorities), sum(opened.values())))
    total = sum(row[2] for row in rows)
    label = f"Incidents opened by month, {total} from {f.month(rows[0][0])} to {f.month(rows[-1][0])}"
    return IncidentTable(
        priorities=tuple(priorities),
        rows=tuple(reversed(rows)),
        derived=sum(c.derived for c in counts),
        chart=charts.incidents("incidents", label, counts),
    )


def _ratio(demand: float | None, usable: float | None) -> float | None:
    return demand / usable if demand is not None and usable else None


def _position(order: Sequence[str], pool_id: str) -> int:
    return order.index(pool_id) if pool_id in order else len(order)
