"""Service levels: the estate's page and a service's section. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from markupsafe import Markup, escape

from reports import formats as f
from reports import marks, targets, wording
from reports.records.levels import Availability, ClockDifference, ErrorBudget, Watermelon, WeekOutcome
from reports.records.operation import ServiceLevel
from reports.records.service import Service
from reports.settings import ReportSettings

#: Weeks of outcomes drawn, and how far back watermelons and availability are listed.
WEEKS = 13
#: Columns of the matrix: heading and the measures behind it.
GROUPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Availability", ("availability_ratio",)),
    ("Latency", ("latency_seconds",)),
    ("Errors", ("error_ratio",)),
    ("Throughput", ("throughput_per_second",)),
    ("Incident clocks", tuple(targets.CLOCKS)),
    ("Utilisation", ("utilisation_ratio",)),
)
#: Few services agree on these: no column when none has.
_RARE = frozenset({"Throughput"})
_EVIDENCE = {
    "tail_latency": "The slowest hundredth of the requests took {value} or more",
    "slow_in_critical_hours": "Only {value} of the requests in business-critical hours were within the latency target",
    "errors_in_critical_hours": "{value} of the requests in business-critical hours failed",
    "downtime_in_critical_hours": "Up in only {value} of its business-critical hours",
    "reopenings": "{value} of {cases} resolved incidents came back",
    "satisfaction": "{cases} users gave {value} of 5 on average",
    "complaints": "{value} of the service requests were complaints ({cases})",
}
_DIFFERENCES = {
    "equal": "Both say the same",
    "still_running": "Still running: the source says kept until it breaks",
    "source_counts_all_time": "The source counts all time, not agreed time",
    "source_leaves_waiting_out": "The source leaves waiting out",
    "source_stops_at_first_resolution": "The source stops at the first resolution",
    "other_target_or_calendar": "Another target or calendar",
}


@dataclass(frozen=True)
class Cell:
    """One group of targets of one service: a square a week, and the month so far in words."""

    strip: Markup
    is_met: bool | None
    words: str


@dataclass(frozen=True)
class ServiceRow:
    """One service of the matrix."""

    service_id: str
    service_name: str
    missed: int
    is_watermelon: bool
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class BudgetLine:
    """One error budget with its target in words."""

    budget: ErrorBudget
    service_name: str
    target: str
    bar: Markup
    left: str


@dataclass(frozen=True)
class WatermelonLine:
    """One contradiction in words."""

    melon: Watermelon
    service_name: str
    period: str
    words: str
    threshold: str
    contradicts: str


@dataclass(frozen=True)
class DifferenceLine:
    """Incidents of one class of difference between the source's clock and ours."""

    words: str
    incidents: int
    share: float
    is_equal: bool


@dataclass(frozen=True)
class LevelsPage:
    """Everything that the template of the page of service levels prints."""

    answer: Markup
    judged: int
    missed: int
    green: int
    services: int
    groups: tuple[str, ...]
    heads: tuple[tuple[str, str], ...]
    first_week: date
    rows: tuple[ServiceRow, ...]
    budgets: tuple[BudgetLine, ...]
    budget_total: int
    overspent: int
    alerts: int
    watermelons: tuple[WatermelonLine, ...]
    availability: tuple[Availability, ...]
    items: tuple[Availability, ...]
    failures: int
    differences: tuple[DifferenceLine, ...]


def levels_page(
    services: Sequence[Service],
    levels: Mapping[str, Sequence[ServiceLevel]],
    weeks: Sequence[WeekOutcome],
    budgets: Sequence[ErrorBudget],
    availability: Sequence[Availability],
    watermelons: Sequence[Watermelon],
    differences: Sequence[ClockDifference],
    as_of: date,
    settings: ReportSettings,
) -> LevelsPage:
    """The page. `levels` are those of the month of `as_of`, by service; availability is of that month as well."""
    names = {service.service_id: service.service_name for service in services}
    every = [level for found in levels.values() for level in found]
    melons = watermelon_lines(watermelons, names, {level.target_id: level for level in every})
    now = {
        m.melon.service_id for m in melons if m.melon.period == "month" and m.melon.period_end_date == as_of
    }
    agreed = {row.measure for row in every} | {row.measure for row in weeks}
    groups = [group for group in GROUPS if group[0] not in _RARE or agreed & set(group[1])]
    rows = _matrix(services, levels, weeks, groups, now, as_of)
    lines = budget_lines(budgets, names, every)
    judged = [row for row in rows if levels.get(row.service_id)]
    green = sum(1 for row in judged if row.missed == 0)
    of_services = tuple(a for a in availability if a.subject_kind == "service")
    items = tuple(a for a in availability if a.subject_kind == "ci")
    return LevelsPage(
        answer=_answer(len(judged), green, [names.get(key, key) for key in sorted(now)], as_of),
        judged=len(every),
        missed=sum(1 for level in every if level.is_met is False),
        green=green,
        services=len(judged),
        groups=tuple(name for name, _ in groups),
        heads=(
            ("Service", "text"),
            ("Missed this month", "number right"),
            *((name, "") for name, _ in groups),
        ),
        first_week=_mondays(as_of)[0],
        rows=rows,
        budgets=lines[: settings.listed_budgets],
        budget_total=len(lines),
        overspent=sum(1 for line in lines if line.budget.error_budget_used_ratio > 1),
        alerts=sum(1 for line in lines if line.budget.alert_state in ("page", "ticket")),
        watermelons=melons,
        availability=of_services,
        items=items[: settings.listed_technical],
        failures=sum(a.failure_count for a in of_services),
        differences=_differences(differences),
    )


def _answer(judged: int, green: int, melons: Sequence[str], as_of: date) -> Markup:
    if not judged:
        return escape(f"No target was judged in {f.month(as_of)}.")
    text = (
        f"{green} of {f.counted(judged, 'service')} met every target of service quality in {f.month(as_of)}"
    )
    if not melons:
        return escape(f"{text}{', and nothing that landed speaks against it' if green else ''}.")
    shown = [wording.named(f.shorten(name, 60)) for name in melons[:3]]
    if len(melons) > 3:
        shown.append(escape(f"{len(melons) - 3} more"))
    users = Markup(" and ").join([Markup(", ").join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)
    return Markup("{}; of these, users of {} were not well served all the same.").format(text, users)


def _mondays(as_of: date) -> list[date]:
    last = as_of - timedelta(days=as_of.weekday())
    return [last - timedelta(weeks=back) for back in range(WEEKS - 1, -1, -1)]


def _matrix(
    services: Sequence[Service],
    levels: Mapping[str, Sequence[ServiceLevel]],
    weeks: Sequence[WeekOutcome],
    groups: Sequence[tuple[str, tuple[str, ...]]],
    watermelons: set[str],
    as_of: date,
) -> tuple[ServiceRow, ...]:
    by_key: dict[tuple[str, str], dict[date, WeekOutcome]] = {}
    for week in weeks:
        by_key.setdefault((week.service_id, week.measure), {})[week.period_start_date] = week
    mondays = _mondays(as_of)
    rows = []
    for service in services:
        own = levels.get(service.service_id, ())
        cells = tuple(
            _cell(
                [level for level in own if level.measure in measures],
                [by_key.get((service.service_id, measure), {}) for measure in measures],
                mondays,
            )
            for _, measures in groups
        )
        # Utilisation is an agreement about capacity, not one with users.
        missed = sum(1 for level in own if level.is_met is False and level.measure != "utilisation_ratio")
        is_watermelon = service.service_id in watermelons
        rows.append(ServiceRow(service.service_id, service.service_name, missed, is_watermelon, cells))
    return tuple(sorted(rows, key=lambda row: (-row.missed, not row.is_watermelon, row.service_name)))


def _cell(
    levels: Sequence[ServiceLevel], weeks: Sequence[Mapping[date, WeekOutcome]], mondays: Sequence[date]
) -> Cell:
    outcomes: list[bool | None] = []
    for monday in mondays:
        found = [week[monday] for week in weeks if monday in week]
        outcomes.append(all(week.met == week.judged for week in found) if found else None)
    strip = marks.weeks(outcomes, mondays)
    judged = [level for level in levels if level.is_met is not None]
    if not judged:
        return Cell(strip, None, "")
    met = sum(1 for level in judged if level.is_met)
    words = targets.attained(judged[0]) if len(judged) == 1 else f"{met} of {len(judged)} met"
    return Cell(strip, met == len(judged), words)


def budget_lines(
    budgets: Iterable[ErrorBudget], names: Mapping[str, str], levels: Iterable[ServiceLevel]
) -> tuple[BudgetLine, ...]:
    """Error budgets in the order given, with their targets in words."""
    by_key = {(level.service_id, level.target_id): level for level in levels}
    return tuple(
        BudgetLine(
            budget=budget,
            service_name=names.get(budget.service_id, budget.service_id),
            target=targets.agreed(by_key[key])
            if (key := (budget.service_id, budget.target_id)) in by_key
            else "",
            bar=marks.vessel(1 - budget.error_budget_used_ratio, of="the error budget"),
            left=_count(budget.error_budget_left_count, budget.counted),
        )
        for budget in budgets
    )


def _count(value: float, counted: str) -> str:
    if counted == "minutes":
        return f"{f.MINUS if value < 0 else ''}{f.duration(abs(value))}"
    return f"{f.integer(value)} {counted}"


def watermelon_lines(
    watermelons: Iterable[Watermelon], names: Mapping[str, str], levels: Mapping[str, ServiceLevel]
) -> tuple[WatermelonLine, ...]:
    """Contradictions in words, in the order given."""
    return tuple(
        WatermelonLine(
            melon=melon,
            service_name=names.get(melon.service_id, melon.service_id),
            period=_period(melon),
            words=_EVIDENCE.get(melon.evidence, "{value}").format(
                value=_value(melon.evidence_value, melon.unit), cases=f.integer(melon.case_count)
            ),
            threshold=_threshold(melon),
            contradicts=targets.agreed(levels[melon.contradicts])
            if melon.contradicts in levels
            else f.counted(melon.met_target_count, "target met", "targets met"),
        )
        for melon in watermelons
    )


def _threshold(melon: Watermelon) -> str:
    side = "more" if melon.comparator == ">" else "less"
    return f"{side} than {_value(melon.threshold_value, melon.unit)}"


def _period(melon: Watermelon) -> str:
    if melon.period == "month":
        return f.month(melon.period_start_date)
    return f"Week of {f.day(melon.period_start_date)}"


def _value(value: float, unit: str) -> str:
    if unit == "s":
        return f.seconds(value)
    return f.number(value, 2) if unit == "{score}" else f.percent(value)


def _differences(rows: Sequence[ClockDifference]) -> tuple[DifferenceLine, ...]:
    total = sum(row.incidents for row in rows)
    return tuple(
        DifferenceLine(
            words=_DIFFERENCES.get(row.difference, row.difference),
            incidents=row.incidents,
            share=row.incidents / total,
            is_equal=row.difference == "equal",
        )
        for row in rows
    )
