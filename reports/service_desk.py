"""The service desk: backlog of teams, how incidents run, what comes back, and who is missing when. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from markupsafe import Markup

from reports import charts
from reports import formats as f
from reports.records.capacity import WeekHour
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
from reports.settings import ReportSettings

#: Days of the table of backlogs, and of incidents, requests and major incidents.
BACKLOG_DAYS = 28
PERIOD_DAYS = 90
KINDS = {"incident": "incidents", "service_request": "requests", "problem": "problems"}
FINDINGS = {
    "updated_before_opening": "updated before it was opened",
    "out_of_order": "a later update has an earlier time",
    "left_closed": "opened again after it was closed for good",
    "reopen_count_falls": "the count of reopenings falls",
    "reassignment_count_falls": "the count of reassignments falls",
    "resolved_before_opening": "resolved before it was opened",
    "closed_before_resolution": "closed before it was resolved",
    "open_with_closing_time": "open, with a closing time in the past",
    "opening_moves": "the time of opening changes",
    "back_to_new": "new again after somebody worked on it",
    "closed_without_resolution": "closed without having been resolved",
    "reopenings_differ": "the source's reopenings are not those of its updates",
    "reassignments_differ": "the source's reassignments are not those of its updates",
    "missing_updates": "updates are missing before this one",
    "no_resolution_time": "resolved without a time",
}


@dataclass(frozen=True)
class TeamLine:
    """One team and kind of ticket; `days_in_system` is W = L ÷ λ of what left."""

    backlog: Backlog
    kind: str
    change: int
    departures_a_day: float
    days_in_system: float | None


@dataclass(frozen=True)
class TeamCharts:
    """Two pictures of a team: tickets and ages."""

    name: str
    flow: Markup
    age: Markup | None


@dataclass(frozen=True)
class LiveLine:
    """Live work of a team over its open hours of the week."""

    name: str
    zone: str
    target: str
    arrivals_a_week: float
    handling: str
    most_needed: float | None
    available: float | None
    short_hours: int
    open_hours: int
    service_level: float | None
    reason: str | None
    wide: Markup | None
    narrow: Markup | None


@dataclass(frozen=True)
class DeferredLine:
    """Deferred work of a team: posts needed and where the backlog goes if nobody is added."""

    name: str
    first: Staffing
    last: Staffing
    weeks: int


@dataclass(frozen=True)
class DeskPage:
    """Everything that the template of the page prints."""

    answer: str
    since: date
    backlog_since: date
    teams: tuple[TeamLine, ...]
    charts: tuple[TeamCharts, ...]
    charts_total: int
    open_tickets: int
    arrivals: int
    completions: int
    lifecycles: tuple[Lifecycle, ...]
    major: tuple[MajorIncident, ...]
    major_total: int
    problems: tuple[Problem, ...]
    problems_open: int
    recurring: int
    fixed: int
    known_errors_open: int
    requests: tuple[RequestKind, ...]
    live: tuple[LiveLine, ...]
    deferred: tuple[DeferredLine, ...]
    findings: tuple[tuple[str, SequenceFinding], ...]
    impossible: int
    incidents_total: int


def desk_page(
    backlogs: Sequence[Backlog],
    days: Sequence[BacklogDay],
    lifecycles: Sequence[Lifecycle],
    major: Sequence[MajorIncident],
    problems: Sequence[Problem],
    requests: Sequence[RequestKind],
    staffing: Sequence[Staffing],
    findings: Sequence[SequenceFinding],
    incidents_total: int,
    as_of: date,
    settings: ReportSettings,
) -> DeskPage:
    """The page; teams with the largest backlog first, people with the greatest shortage first."""
    live, deferred = _live(staffing), _deferred(staffing)
    return DeskPage(
        answer=answer(backlogs, live, deferred),
        since=as_of - timedelta(days=PERIOD_DAYS - 1),
        backlog_since=as_of - timedelta(days=BACKLOG_DAYS - 1),
        teams=tuple(_team_line(row) for row in backlogs),
        charts=_charts(backlogs, days, settings.listed_teams),
        charts_total=len({row.team_id for row in backlogs}),
        open_tickets=sum(row.work_in_progress for row in backlogs),
        arrivals=sum(row.arrivals for row in backlogs),
        completions=sum(row.completions for row in backlogs),
        lifecycles=tuple(lifecycles),
        major=tuple(major),
        major_total=major[0].total if major else 0,
        problems=tuple(problems[: settings.listed_problems]),
        problems_open=sum(p.is_open for p in problems),
        recurring=sum(bool(p.is_recurring) for p in problems),
        fixed=sum(not p.is_open for p in problems),
        known_errors_open=sum(p.is_open and p.known_error_at is not None for p in problems),
        requests=tuple(requests),
        live=live,
        deferred=deferred,
        findings=tuple((FINDINGS.get(row.finding, row.finding), row) for row in findings),
        impossible=sum(row.updates for row in findings if row.finding_class == "impossible"),
        incidents_total=incidents_total,
    )


def answer(backlogs: Sequence[Backlog], live: Sequence[LiveLine], deferred: Sequence[DeferredLine]) -> str:
    """Does the backlog grow, and which teams lack people?"""
    if not backlogs:
        return "No ticket has been delivered up to this day."
    now, before = (sum(getattr(b, name) for b in backlogs) for name in ("work_in_progress", "before"))
    moved = (
        "as many as"
        if now == before
        else f"{f.counted(abs(now - before), 'ticket')} {'more' if now > before else 'fewer'} than"
    )
    parts = [
        f"{f.counted(now, 'ticket')} {'is' if now == 1 else 'are'} open, {moved} {BACKLOG_DAYS} days ago."
    ]
    short = [line for line in deferred if (line.first.shortage_agents or 0.0) > 0.05]
    if short:
        worst = short[0]
        parts.append(
            f"{f.counted(len(short), 'team')} of {len(deferred)} cannot bring the backlog to its target with the "
            f"people there; {worst.name} lacks {f.number(worst.first.shortage_agents, 2)} posts."
        )
    elif deferred:
        parts.append("Every team can bring its backlog to its target with the people there.")
    late = [line for line in live if line.short_hours]
    if late:
        parts.append(
            f"{f.counted(len(late), 'team')} of {len(live)} cannot take up live work in time in some hours of the week."
        )
    return " ".join(parts)


def _team_line(row: Backlog) -> TeamLine:
    left = (row.completions + row.transfers_out) / BACKLOG_DAYS
    return TeamLine(
        backlog=row,
        kind=KINDS.get(row.ticket_kind, row.ticket_kind),
        change=row.work_in_progress - row.before,
        departures_a_day=left,
        days_in_system=row.mean_in_progress / left if left and row.mean_in_progress is not None else None,
    )


def _charts(backlogs: Sequence[Backlog], days: Sequence[BacklogDay], listed: int) -> tuple[TeamCharts, ...]:
    names = {row.team_id: row.team_name for row in backlogs}
    open_now: dict[str, int] = {}
    for row in backlogs:
        open_now[row.team_id] = open_now.get(row.team_id, 0) + row.work_in_progress
    order = sorted(names, key=lambda team: (-open_now[team], team))[:listed]
    found = []
    for number, team in enumerate(order):
        own = [day for day in days if day.team_id == team]
        if len(own) < 2:
            continue
        name = names[team]
        flow = charts.backlog(
            f"flow-{number}", f"Tickets of {name}: open, and came and went in seven days", own
        )
        has_age = any(day.age_days_p90 is not None for day in own)
        age = (
            charts.backlog_age(f"age-{number}", f"Age of the open incidents of {name} in days", own)
            if has_age
            else None
        )
        found.append(TeamCharts(name, flow, age))
    return tuple(found)


def _live(rows: Sequence[Staffing]) -> tuple[LiveLine, ...]:
    by_team: dict[str, list[Staffing]] = {}
    for row in rows:
        if row.work == "live":
            by_team.setdefault(row.team_id, []).append(row)
    lines = [_live_line(number, hours) for number, hours in enumerate(by_team.values())]
    return tuple(sorted(lines, key=lambda line: (-line.short_hours, line.name)))


def _live_line(number: int, hours: Sequence[Staffing]) -> LiveLine:
    first, opened = hours[0], [hour for hour in hours if hour.is_open]
    expected = sum(hour.arrivals or 0.0 for hour in opened if hour.service_level_ratio is not None)
    kept = sum((hour.arrivals or 0.0) * (hour.service_level_ratio or 0.0) for hour in opened)
    cells = [
        WeekHour(
            hour.weekday or 1, hour.local_hour or 0, 1, (hour.agents_needed or 0.0) / hour.agents_available
        )
        for hour in opened
        if hour.agents_available
    ]
    label = f"People of {first.team_name} needed for live work ÷ there, by hour of the week"
    within = f"{f.number(first.respond_within_minutes)}{f.NARROW_SPACE}min"
    return LiveLine(
        name=first.team_name,
        zone=first.zone or "UTC",
        target=f"{f.agreed_percent(first.target_ratio)} within {within}",
        arrivals_a_week=sum(hour.arrivals or 0.0 for hour in hours),
        handling=f.duration(first.handling_minutes),
        most_needed=max(
            (hour.agents_needed for hour in opened if hour.agents_needed is not None), default=None
        ),
        available=max(
            (hour.agents_available for hour in opened if hour.agents_available is not None), default=None
        ),
        short_hours=sum((hour.shortage_agents or 0.0) > 0 for hour in opened),
        open_hours=len(opened),
        service_level=kept / expected if expected else None,
        reason=first.reason,
        wide=charts.week(f"live-{number}-w", label, cells, False) if cells else None,
        narrow=charts.week(f"live-{number}-n", label, cells, True) if cells else None,
    )


def _deferred(rows: Sequence[Staffing]) -> tuple[DeferredLine, ...]:
    by_team: dict[str, list[Staffing]] = {}
    for row in rows:
        if row.work == "deferred":
            by_team.setdefault(row.team_id, []).append(row)
    lines = [
        DeferredLine(weeks[0].team_name, weeks[0], weeks[-1], len(weeks) - 1) for weeks in by_team.values()
    ]
    return tuple(sorted(lines, key=lambda line: (-(line.first.shortage_agents or -1e9), line.name)))
