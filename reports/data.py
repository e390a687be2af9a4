"""Reads a published version: the one place in `reports` that knows DuckDB and SQL.

Every query is ordered by a key, so that equal files give equal records.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import duckdb

from reports import queries
from reports.levels import first_to_decide, first_to_run_out
from reports.manifest import PublishedVersionError
from reports.records.business import BusinessRoom, DriverDemand
from reports.records.capacity import (
    DemandDay,
    Evidence,
    PoolCapacity,
    ResourceCapacity,
    Scalability,
    ScalabilityPoint,
    ServiceCapacity,
    SharedUse,
    WeekHour,
)
from reports.records.changes import CapacityIncident, CauseCount, Collision, FailureRate, Impact, TestCount
from reports.records.cost import ServiceCost, UnitCost
from reports.records.desk import (
    Backlog,
    BacklogDay,
    Lifecycle,
    MajorIncident,
    Problem,
    RequestKind,
    SequenceFinding,
    Staffing,
)
from reports.records.forecast import (
    DateScores,
    Forecast,
    ForecastModel,
    ForecastPoint,
    ForecastScore,
    Importance,
    PastMedian,
    ReliabilityBin,
    Saturation,
    TrackRecord,
)
from reports.records.kpis import Kpi, KpiPart
from reports.records.levels import Availability, ClockDifference, ErrorBudget, Watermelon, WeekOutcome
from reports.records.operation import Change, Event, IncidentCount, OpenIncident, PerformanceDay, ServiceLevel
from reports.records.planning import Improvement, Scenario, SizeOfItem, SizesTaken, WhatIf
from reports.records.resources import Capacity, KindCount, TeamWork
from reports.records.service import Estate, Service, ServiceDetail
from reports.records.version import ExtractionTotal, QuarantinedBatch
from reports.settings import ReportSettings

Row = TypeVar("Row")
SPARKLINE_DAYS = 60
LEVEL_MONTHS = 4
INCIDENT_MONTHS = 12
CHANGE_DAYS = 180
WEEK_DAYS = 42
COST_MONTHS = 6
DRIVER_DAYS = 28


@dataclass
class PublishedReader:
    """A read-only connection to `<folder>/ullage.duckdb`, as of the manifest's day. Use as a context manager."""

    folder: Path
    as_of: date

    def __enter__(self) -> Self:
        path = self.folder / "ullage.duckdb"
        if not path.is_file():
            raise PublishedVersionError(f"{path} is missing: name the folder of a published version")
        # No extension may be fetched from a network, and one thread keeps the order of ties stable.
        settings: dict[str, str | bool | int | float | list[str]] = {
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "threads": 1,
        }
        self._connection = duckdb.connect(str(path), read_only=True, config=settings)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def estate(self) -> Estate:
        """All services with capacity, saturation, targets of the month, open incidents and recent utilisation."""
        month = self.as_of.replace(day=1)
        utilisation: dict[str, list[tuple[date, float | None]]] = defaultdict(list)
        since = self.as_of - timedelta(days=SPARKLINE_DAYS - 1)
        for row in self._rows(queries.capacity.BOTTLENECK_UTILISATION, as_of=self.as_of, since=since):
            utilisation[row["service_id"]].append((row["observed_date"], row["utilisation_ratio"]))
        open_counts = self._rows(queries.operation.OPEN_INCIDENT_COUNTS)
        levels = self._all(
            ServiceLevel, queries.operation.SERVICE_LEVELS, service_id=None, since=month, until=self.as_of
        )
        pools = self._saturations(level="pool", service_id=None)
        capacities = _by(
            lambda r: r.service_id,
            self._all(ServiceCapacity, queries.capacity.SERVICE_CAPACITY, as_of=self.as_of),
        )
        return Estate(
            services=tuple(self._all(Service, queries.service.SERVICES)),
            capacities=capacities,
            saturations=_by(
                lambda r: r.service_id or "", self._saturations(level="service", service_id=None)
            ),
            first_pools=first_to_run_out(pools, capacities),
            decisions=first_to_decide(pools),
            levels=_grouped(lambda r: r.service_id, levels),
            open_incidents={row["service_id"]: row["open_count"] for row in open_counts},
            utilisation={service_id: tuple(days) for service_id, days in utilisation.items()},
            has_incidents=bool(self._rows(queries.operation.ANY_INCIDENT)),
        )

    def service(self, service_id: str, chart_pools: Iterable[str], settings: ReportSettings) -> ServiceDetail:
        """What one service's page shows; forecasts are read for `chart_pools` only."""
        since = self.as_of - timedelta(days=settings.history_days - 1)
        month = self.as_of.replace(day=1)
        cost_since = _months_back(month, COST_MONTHS - 1)
        one: dict[str, Any] = {"service_id": service_id}
        pools = self._all(PoolCapacity, queries.capacity.POOLS, as_of=self.as_of, **one)
        resources = self._all(ResourceCapacity, queries.capacity.RESOURCES, as_of=self.as_of, **one)
        changes = self._all(
            Change,
            queries.operation.CHANGES,
            as_of=self.as_of,
            since=self.as_of - timedelta(days=CHANGE_DAYS - 1),
            **one,
        )
        counts = self._all(
            IncidentCount,
            queries.operation.INCIDENT_COUNTS,
            since=_months_back(month, INCIDENT_MONTHS - 1),
            **one,
        )
        return ServiceDetail(
            pools=tuple(pools),
            saturations=_by(lambda r: r.series_id, self._saturations(level=None, **one)),
            demand=self._demand(service_id, since),
            week=self._week(pools),
            forecasts=self._forecasts([pool for pool in pools if pool.pool_id in set(chart_pools)]),
            resources=tuple(resources[: settings.listed_resources]),
            resource_count=len(resources),
            performance=tuple(
                self._all(PerformanceDay, queries.operation.PERFORMANCE, since=since, as_of=self.as_of, **one)
            ),
            levels=tuple(
                self._all(
                    ServiceLevel,
                    queries.operation.SERVICE_LEVELS,
                    since=_months_back(month, LEVEL_MONTHS - 1),
                    until=self.as_of,
                    **one,
                )
            ),
            incident_counts=tuple(counts),
            open_incidents=tuple(
                self._all(
                    OpenIncident, queries.operation.OPEN_INCIDENTS, listed=settings.listed_incidents, **one
                )
            ),
            changes=tuple(changes[: settings.listed_changes]),
            change_count=len(changes),
            scalability=tuple(self._all(Scalability, queries.capacity.SCALABILITY, as_of=self.as_of, **one)),
            scalability_points=tuple(
                self._all(ScalabilityPoint, queries.capacity.SCALABILITY_POINTS, as_of=self.as_of, **one)
            ),
            events=tuple(
                self._all(
                    Event,
                    queries.operation.SERVICE_EVENTS,
                    since=self.as_of - timedelta(days=settings.event_days - 1),
                    **one,
                )
            ),
            costs=tuple(
                self._all(ServiceCost, queries.cost.SERVICE_COSTS, since=cost_since, as_of=self.as_of, **one)
            ),
            unit_costs=tuple(self.unit_costs(service_id)),
            improvements=tuple(self.improvements(service_id)),
            sizes=tuple(self.sizes(service_id)),
            business=tuple(self.business_room(service_id)),
            drivers=tuple(
                self._all(
                    DriverDemand,
                    queries.business.DRIVER_DEMAND,
                    since=self.as_of - timedelta(days=DRIVER_DAYS - 1),
                    before=self.as_of - timedelta(days=2 * DRIVER_DAYS - 1),
                    as_of=self.as_of,
                    **one,
                )
            ),
            capacities=tuple(self.capacities(service_id)),
            shared_use=tuple(self._all(SharedUse, queries.capacity.SHARED_USE, as_of=self.as_of, **one)),
            error_budgets=tuple(self.error_budgets(service_id)),
            availability=tuple(self.availability(LEVEL_MONTHS, service_id)),
            watermelons=tuple(self.watermelons(service_id)),
            impacts=tuple(self.impacts(service_id)),
            capacity_incidents=tuple(self.capacity_incidents(service_id)),
            cause_counts=tuple(self.cause_counts(service_id)),
            evidence=next(
                iter(self._all(Evidence, queries.capacity.EVIDENCE, as_of=self.as_of, **one)), None
            ),
        )

    def impacts(self, service_id: str | None = None) -> list[Impact]:
        """What changes moved, the latest change first, of each the clearest effect first."""
        return self._all(Impact, queries.changes.IMPACTS, as_of=self.as_of, service_id=service_id)

    def impact_tests(self) -> list[TestCount]:
        """Tests of changes by their outcome."""
        return self._all(TestCount, queries.changes.TEST_COUNTS, as_of=self.as_of)

    def collisions(self, days: int) -> list[Collision]:
        """Changes in each other's way, ahead and in the last so many days, the latest first."""
        since = self.as_of - timedelta(days=days - 1)
        return self._all(Collision, queries.changes.COLLISIONS, as_of=self.as_of, since=since)

    def failure_rates(self) -> list[FailureRate]:
        """Failure rates of changes, all services together, by kind and by month."""
        return self._all(FailureRate, queries.changes.FAILURE_RATES)

    def capacity_incidents(self, service_id: str | None = None) -> list[CapacityIncident]:
        """Incidents that capacity caused or may have caused, the latest first."""
        return self._all(
            CapacityIncident, queries.changes.CAPACITY_INCIDENTS, as_of=self.as_of, service_id=service_id
        )

    def cause_counts(self, service_id: str | None = None) -> list[CauseCount]:
        """Incidents of the last 120 days by verdict."""
        return self._all(CauseCount, queries.changes.CAUSE_COUNTS, as_of=self.as_of, service_id=service_id)

    def week_outcomes(self, weeks: int) -> list[WeekOutcome]:
        """How many targets of each service and measure were met, week by week."""
        monday = self.as_of - timedelta(days=self.as_of.weekday())
        since = monday - timedelta(weeks=weeks - 1)
        return self._all(WeekOutcome, queries.levels.WEEK_OUTCOMES, since=since, as_of=self.as_of)

    def error_budgets(self, service_id: str | None = None) -> list[ErrorBudget]:
        """Error budgets of the month of the as-of day, those most used first."""
        month = self.as_of.replace(day=1)
        return self._all(ErrorBudget, queries.levels.ERROR_BUDGETS, month=month, service_id=service_id)

    def availability(self, months: int, service_id: str | None = None) -> list[Availability]:
        """Services (and items that were down) by month, the newest first, the least available first."""
        since = _months_back(self.as_of.replace(day=1), months - 1)
        return self._all(
            Availability, queries.levels.AVAILABILITY, since=since, as_of=self.as_of, service_id=service_id
        )

    def watermelons(self, service_id: str | None = None) -> list[Watermelon]:
        """Contradictions of the weeks and months that ended in the last three months."""
        since = _months_back(self.as_of.replace(day=1), LEVEL_MONTHS - 2)
        return self._all(Watermelon, queries.levels.WATERMELONS, since=since, service_id=service_id)

    def kpis(self) -> list[Kpi]:
        """The KPI tree in the month of the as-of day, roots first."""
        return self._all(Kpi, queries.kpis.KPIS, as_of=self.as_of)

    def kpi_parts(self) -> list[KpiPart]:
        """What each service adds to each KPI in that month, missed targets first."""
        return self._all(KpiPart, queries.kpis.PARTS, as_of=self.as_of)

    def clock_differences(self) -> list[ClockDifference]:
        """Incidents by how the source's clock differs from ours."""
        return self._all(ClockDifference, queries.levels.CLOCK_DIFFERENCES)

    def improvements(self, service_id: str | None = None) -> list[Improvement]:
        """The improvement register of this day, the highest priority first."""
        return self._all(Improvement, queries.planning.IMPROVEMENTS, as_of=self.as_of, service_id=service_id)

    def sizes(self, service_id: str | None = None) -> list[SizeOfItem]:
        """Every configuration item with a size ladder, and whether its size fits."""
        return self._all(SizeOfItem, queries.planning.SIZES, as_of=self.as_of, service_id=service_id)

    def sizes_taken(self) -> list[SizesTaken]:
        """The back-test of all cheaper sizes at the first decision date, one row a currency."""
        return self._all(SizesTaken, queries.planning.SIZES_TAKEN, as_of=self.as_of)

    def business_room(self, service_id: str | None = None) -> list[BusinessRoom]:
        """Room in units of each driver, pool by pool."""
        return self._all(
            BusinessRoom, queries.business.BUSINESS_ROOM, as_of=self.as_of, service_id=service_id
        )

    def unit_costs(self, service_id: str | None = None) -> list[UnitCost]:
        """Unit costs of the last months."""
        since = _months_back(self.as_of.replace(day=1), COST_MONTHS - 1)
        return self._all(
            UnitCost, queries.cost.UNIT_COSTS, since=since, as_of=self.as_of, service_id=service_id
        )

    def capacities(self, service_id: str | None = None, *, technical: bool = False) -> list[Capacity]:
        """People, licences, data and budgets, or technical resources, with the least room first."""
        sql = queries.resources.CAPACITIES
        return self._all(Capacity, sql, as_of=self.as_of, service_id=service_id, is_technical=technical)

    def kind_counts(self) -> list[KindCount]:
        """How many resources of each kind there are, and how many have no room."""
        return self._all(KindCount, queries.resources.KIND_COUNTS, as_of=self.as_of)

    def team_work(self) -> list[TeamWork]:
        """Tickets of each team."""
        return self._all(TeamWork, queries.resources.TEAM_WORK, as_of=self.as_of)

    def saturations(self) -> Mapping[str, Saturation]:
        """The newest dates on which pools and single resources run out, by series."""
        return _by(lambda r: r.series_id, self._saturations(level=None, service_id=None))

    def extractions(self) -> list[ExtractionTotal]:
        """Conservation per source table, over the current receipts."""
        return self._all(ExtractionTotal, queries.version.EXTRACTIONS)

    def quarantined(self, listed: int = 50) -> list[QuarantinedBatch]:
        """The receipts with most quarantined rows, at most `listed`."""
        return self._all(QuarantinedBatch, queries.version.QUARANTINED, listed=listed)

    def events(self, days: int) -> list[Event]:
        """Events of the whole estate seen in the last `days` days: open ones first, then the newest."""
        return self._all(Event, queries.operation.EVENTS, since=self.as_of - timedelta(days=days - 1))

    def backlogs(self, days: int) -> list[Backlog]:
        """Backlog of each team and kind of ticket over the last `days` days, the largest first."""
        return self._all(Backlog, queries.desk.BACKLOGS, since=self._since(days), as_of=self.as_of)

    def backlog_days(self, days: int) -> list[BacklogDay]:
        """Backlog of each team, day by day."""
        return self._all(BacklogDay, queries.desk.BACKLOG_DAYS, since=self._since(days), as_of=self.as_of)

    def lifecycles(self, days: int) -> list[Lifecycle]:
        """How incidents opened in the last `days` days ran, by priority."""
        return self._all(Lifecycle, queries.desk.LIFECYCLES, since=self._since(days), as_of=self.as_of)

    def major_incidents(self, days: int, listed: int) -> list[MajorIncident]:
        """Major incidents of the last `days` days, the newest first, at most `listed`."""
        return self._all(MajorIncident, queries.desk.MAJOR_INCIDENTS, since=self._since(days), listed=listed)

    def problems(self) -> list[Problem]:
        """Every problem: those that came back, then open ones, then by their incidents."""
        return self._all(Problem, queries.desk.PROBLEMS)

    def requests(self, days: int) -> list[RequestKind]:
        """Requests by item of the catalogue over the last `days` days."""
        return self._all(RequestKind, queries.desk.REQUESTS, since=self._since(days), as_of=self.as_of)

    def staffing(self) -> list[Staffing]:
        """People needed and there, by team, work and interval."""
        return self._all(Staffing, queries.desk.STAFFING, as_of=self.as_of)

    def sequence_findings(self) -> list[SequenceFinding]:
        """What cannot be in the updates of incidents, by finding."""
        return self._all(SequenceFinding, queries.desk.SEQUENCES)

    def incidents_total(self) -> int:
        """Incidents ever delivered."""
        return int(self._rows(queries.desk.TOTAL_INCIDENTS)[0]["total"])

    def _since(self, days: int) -> date:
        return self.as_of - timedelta(days=days - 1)

    def scenarios(self) -> list[tuple[Scenario, tuple[WhatIf, ...]]]:
        """Every scenario with its services, the tightest under it first."""
        rows = _grouped(
            lambda r: r.scenario_id, self._all(WhatIf, queries.planning.WHAT_IF, as_of=self.as_of)
        )
        return [
            (scenario, rows.get(scenario.scenario_id, ()))
            for scenario in self._all(Scenario, queries.planning.SCENARIOS)
        ]

    def scores(self) -> list[ForecastScore]:
        """The newest backtest of each series."""
        return self._all(ForecastScore, queries.forecast.SCORES, as_of=self.as_of)

    def track_record(self) -> list[TrackRecord]:
        """How earlier forecasts turned out, by series and horizon band."""
        return self._all(TrackRecord, queries.forecast.TRACK_RECORD, as_of=self.as_of)

    def forecast_model(self) -> ForecastModel | None:
        """The newest model card."""
        return next(iter(self._all(ForecastModel, queries.forecast.MODEL, as_of=self.as_of)), None)

    def importances(self) -> list[Importance]:
        """What the newest forecasts lean on, most first."""
        return self._all(Importance, queries.forecast.IMPORTANCES, as_of=self.as_of)

    def reliability(self) -> list[ReliabilityBin]:
        """Probabilities of saturation beside what came."""
        return self._all(ReliabilityBin, queries.forecast.RELIABILITY)

    def date_scores(self) -> list[DateScores]:
        """How far saturation dates were off, by level."""
        return self._all(DateScores, queries.forecast.DATE_SCORES)

    def pool_saturations(self) -> list[Saturation]:
        """When each pool runs out."""
        return self._saturations(level="pool", service_id=None)

    def _saturations(self, level: str | None, service_id: str | None) -> list[Saturation]:
        return self._all(
            Saturation, queries.forecast.SATURATIONS, as_of=self.as_of, level=level, service_id=service_id
        )

    def _demand(self, service_id: str, since: date) -> dict[str, tuple[DemandDay, ...]]:
        days: dict[str, list[DemandDay]] = defaultdict(list)
        for row in self._rows(
            queries.capacity.POOL_DEMAND, service_id=service_id, since=since, as_of=self.as_of
        ):
            days[row.pop("pool_id")].append(DemandDay(**row))
        return {pool_id: tuple(pool_days) for pool_id, pool_days in days.items()}

    def _week(self, pools: list[PoolCapacity]) -> tuple[WeekHour, ...]:
        """The usual week of the tightest pool."""
        if not pools:
            return ()
        since = self.as_of - timedelta(days=WEEK_DAYS - 1)
        return tuple(
            self._all(
                WeekHour, queries.capacity.WEEK, pool_id=pools[0].pool_id, since=since, as_of=self.as_of
            )
        )

    def _forecasts(self, pools: list[PoolCapacity]) -> dict[str, Forecast]:
        found = {}
        for pool in pools:
            # Where members carry their own load, only the deciding item may have a forecast.
            candidates = [("pool", f"pool/{pool.pool_id}")]
            if pool.deciding_ci_id:
                candidates.append(("resource", f"ci/{pool.deciding_ci_id}/{pool.resource}"))
            for level, series_id in candidates:
                rows = self._rows(queries.forecast.FORECAST, series_id=series_id, as_of=self.as_of)
                if rows:
                    points = tuple(ForecastPoint(r["target_date"], r["quantile"], r["value"]) for r in rows)
                    newest = rows[0]
                    past = self._all(PastMedian, queries.forecast.PAST, series_id=series_id, as_of=self.as_of)
                    found[pool.pool_id] = Forecast(
                        series_id, level, newest["as_of_date"], newest["model"], points, tuple(past)
                    )
                    break
        return found

    def _all(self, record: Callable[..., Row], sql: str, **parameters: Any) -> list[Row]:
        return [record(**row) for row in self._rows(sql, **parameters)]

    def _rows(self, sql: str, **parameters: Any) -> list[dict[str, Any]]:
        cursor = self._connection.execute(sql, parameters)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, map(_known, row), strict=True)) for row in cursor.fetchall()]


def _known(value: Any) -> Any:
    """None for what is not a number, so that templates meet one kind of missing."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _by(key: Callable[[Row], str], rows: Iterable[Row]) -> Mapping[str, Row]:
    return {key(row): row for row in rows}


def _grouped(key: Callable[[Row], str], rows: Iterable[Row]) -> Mapping[str, tuple[Row, ...]]:
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        groups[key(row)].append(row)
    return {name: tuple(members) for name, members in groups.items()}


def _months_back(month: date, count: int) -> date:
    """First day of the month `count` months before `month`."""
    index = month.year * 12 + month.month - 1 - count
    return date(index // 12, index % 12 + 1, 1)
