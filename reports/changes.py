"""Changes: the estate's page, and what a service's page says of them and of incidents that capacity caused. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from markupsafe import Markup, escape

from reports import formats as f
from reports.records.changes import (
    CapacityIncident,
    CauseCount,
    Collision,
    FailureRate,
    Impact,
    TestCount,
)
from reports.settings import ReportSettings

#: Days of collisions listed.
COLLISION_DAYS = 30
_METRICS = {"throughput": "throughput", "latency_p95": "latency (p95)", "error_ratio": "error ratio"}
_SCOPES = {
    "ci": "the same item",
    "redundancy_group": "items that stand in for each other",
    "service": "the same service",
}
_BASES = {
    "hour_of_week": "at the same hour of other weeks",
    "hour_of_day": "at the same hour of other days",
    "any_moment": "at other moments",
}


@dataclass(frozen=True)
class ImpactLine:
    """One thing that a change moved, in words."""

    impact: Impact
    what: str
    effect: str
    interval: str
    levels: str


@dataclass(frozen=True)
class MovedBy:
    """A change and all that it moved, clearest first."""

    change: Impact
    lines: tuple[ImpactLine, ...]


@dataclass(frozen=True)
class CapacityIncidentLine:
    """An incident with its evidence in words."""

    incident: CapacityIncident
    evidence: str
    chance: str


@dataclass(frozen=True)
class CollisionLine:
    """A collision with its scope in words."""

    collision: Collision
    scope: str


@dataclass(frozen=True)
class ChangesPage:
    """Everything that the template of the page prints."""

    answer: Markup
    overall: FailureRate | None
    kinds: tuple[FailureRate, ...]
    months: tuple[FailureRate, ...]
    moved: tuple[MovedBy, ...]
    shown_tests: int
    made_tests: int
    untested: tuple[TestCount, ...]
    collisions: tuple[CollisionLine, ...]
    incidents: tuple[CapacityIncidentLine, ...]
    likely: int
    possible: int
    judged: int
    listed: int


def moved(impacts: Sequence[Impact]) -> tuple[MovedBy, ...]:
    """Impacts by change, in the order of the changes."""
    found = []
    for _, rows in groupby(impacts, key=lambda impact: impact.change_id):
        lines = tuple(_impact_line(impact) for impact in rows)
        found.append(MovedBy(lines[0].impact, lines))
    return tuple(found)


def _impact_line(impact: Impact) -> ImpactLine:
    metric = impact.metric.removesuffix("_utilisation")
    name = _METRICS.get(impact.metric) or f"{f.resource(metric)} utilisation"
    more = (
        f" and {f.counted(impact.subject_count - 1, 'other', 'others')}" if impact.subject_count > 1 else ""
    )
    what = f"{_capital(name)} of {f.shorten(impact.subject_name, 50)}{more}"
    if impact.effect_ratio is None:
        effect, ends = (
            f.points(impact.effect_value),
            (f.points(impact.effect_low), f.points(impact.effect_high)),
        )
    else:
        effect = f.percent(impact.effect_ratio)
        ends = (f.percent(impact.effect_low), f.percent(impact.effect_high))
    is_up = impact.verdict == "raised"
    sign = "+" if is_up and not effect.startswith("+") else ""
    return ImpactLine(
        impact=impact,
        what=what,
        effect=sign + effect,
        interval=f"{ends[0]} to {ends[1]}",
        levels=_levels(impact),
    )


def _levels(impact: Impact) -> str:
    """Before and after, and what the untouched ones let expect: what moves all of them moves no change."""
    before, after, expected = (
        _level(value, impact.metric)
        for value in (impact.before_value, impact.after_value, impact.expected_value)
    )
    return f"from {before} to {after}, without the change {expected}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _level(value: float, metric: str) -> str:
    if metric == "throughput":
        return f.per_second(value)
    if metric == "latency_p95":
        return f.seconds(value)
    return f.percent(value)


def capacity_incident_lines(incidents: Sequence[CapacityIncident]) -> tuple[CapacityIncidentLine, ...]:
    """Incidents with their evidence in words."""
    return tuple(
        CapacityIncidentLine(
            incident=incident,
            evidence=(
                f"{_capital(f.resource(incident.resource))} of {f.shorten(incident.ci_name, 50)} over usable capacity "
                f"for {f.integer(incident.saturated_minutes)} of the 120 minutes before, at most "
                f"{f.percent(incident.peak_usage_ratio, 0)} of it"
            ),
            chance=f"{f.chance(incident.chance_ratio)} {_BASES.get(incident.chance_basis, '')}".strip(),
        )
        for incident in incidents
    )


def failure_words(rate: FailureRate) -> str:
    """2.9 % (95 % interval 1.3 % to 6.0 %)."""
    interval = f"{f.percent(rate.failure_low_ratio)} to {f.percent(rate.failure_high_ratio)}"
    return f"{f.percent(rate.failure_ratio)} (95{f.NARROW_SPACE}% interval {interval})"


def overall_rate(rates: Sequence[FailureRate]) -> FailureRate | None:
    """The rate of all changes on record."""
    return next((rate for rate in rates if rate.period_grain == "all" and rate.change_kind == "all"), None)


def counts_by_verdict(counts: Sequence[CauseCount]) -> Mapping[str, int]:
    """Incidents by verdict."""
    return {count.verdict: count.incident_count for count in counts}


def changes_page(
    impacts: Sequence[Impact],
    tests: Sequence[TestCount],
    rates: Sequence[FailureRate],
    collisions: Sequence[Collision],
    incidents: Sequence[CapacityIncident],
    causes: Sequence[CauseCount],
    settings: ReportSettings,
) -> ChangesPage:
    """The page of changes of an estate."""
    by_verdict = counts_by_verdict(causes)
    found, overall = moved(impacts), overall_rate(rates)
    made = [test for test in tests if test.verdict != "not_testable"]
    likely = by_verdict.get("capacity", 0)
    return ChangesPage(
        answer=_answer(overall, len(found), likely, bool(causes)),
        overall=overall,
        kinds=tuple(rate for rate in rates if rate.period_grain == "all"),
        months=tuple(rate for rate in rates if rate.period_grain == "month" and rate.change_kind == "all"),
        moved=found,
        shown_tests=sum(test.test_count for test in made if test.verdict in ("raised", "lowered")),
        made_tests=sum(test.test_count for test in made),
        untested=tuple(test for test in tests if test.verdict == "not_testable"),
        collisions=tuple(CollisionLine(c, _SCOPES.get(c.scope, c.scope)) for c in collisions),
        incidents=capacity_incident_lines(incidents[: settings.listed_changes * 2]),
        likely=likely,
        possible=by_verdict.get("possibly_capacity", 0),
        judged=sum(by_verdict.values()) - by_verdict.get("not_testable", 0),
        listed=min(len(incidents), settings.listed_changes * 2),
    )


def _answer(overall: FailureRate | None, moved_count: int, likely: int, has_causes: bool) -> Markup:
    parts = []
    if overall is None:
        parts.append(escape("No change with a known outcome is on record."))
    else:
        parts.append(
            Markup("<strong>{} of {}</strong> failed or were backed out: {}.").format(
                f.integer(overall.failed_count),
                f.counted(overall.change_count, "change"),
                failure_words(overall),
            )
        )
    if moved_count:
        parts.append(
            Markup("<strong>{}</strong> moved load or capacity.").format(f.counted(moved_count, "change"))
        )
    if has_causes:
        parts.append(
            Markup(
                "Of the incidents of the last 120 days, capacity likely caused <strong>{}</strong>."
            ).format(f.integer(likely))
        )
    return Markup(" ").join(parts)
