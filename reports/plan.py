"""The improvement register: what to do first, what it brings, and whether what was done came true. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from reports import formats as f
from reports import targets
from reports.records.capacity import unit_of_pool
from reports.records.operation import ServiceLevel
from reports.records.planning import Improvement
from reports.settings import ReportSettings

Levels = Mapping[tuple[str, str], ServiceLevel]
OPEN_STATES = ("accepted", "proposed")
_VERDICTS = {
    "realised": ("good-text", "✓", "came true"),
    "partly_realised": ("warn-text", "▲", "came true in part"),
    "not_realised": ("bad-text", "✕", "did not come true"),
    "too_early": ("unknown", "○", "too early to tell"),
    "not_measurable": ("unknown", "○", "cannot be measured"),
}


@dataclass(frozen=True)
class Verdict:
    """Whether a benefit came true: class of the stylesheet, shape and words."""

    key: str
    shape: str
    words: str


@dataclass(frozen=True)
class ImprovementLine:
    """One improvement in words."""

    improvement: Improvement
    task: str
    reason: str
    brings: str
    spread: str
    costs: tuple[str, ...]
    measured: str
    verdict: Verdict | None


@dataclass(frozen=True)
class Register:
    """The improvement register: what is open, what was decided. Changes of size stand with the sizes while proposed."""

    answer: str
    due: int
    open: tuple[ImprovementLine, ...]
    open_count: int
    size_count: int
    done: tuple[ImprovementLine, ...]
    rejected: tuple[ImprovementLine, ...]


def register(
    improvements: Sequence[Improvement], levels: Levels, as_of: date, settings: ReportSettings
) -> Register:
    """The register, most urgent first; `levels` are this month's targets by service and target."""

    def lines(rows: Iterable[Improvement]) -> tuple[ImprovementLine, ...]:
        return tuple(
            improvement_line(replace(row, currency=row.currency or settings.currency), levels) for row in rows
        )

    waiting = [i for i in improvements if i.state in OPEN_STATES and (i.is_current or i.state == "accepted")]
    tasks = [i for i in waiting if not i.is_size or i.state == "accepted"]
    done = sorted(
        (i for i in improvements if i.state == "done"),
        key=lambda i: (-(i.done_date or date.min).toordinal(), i.improvement_id),
    )
    rejected = [i for i in improvements if i.state == "rejected"]
    return Register(
        answer=answer(waiting, done, as_of),
        due=sum(1 for i in waiting if is_due(i, as_of)),
        open=lines(tasks[: settings.listed_improvements]),
        open_count=len(tasks),
        size_count=len(waiting) - len(tasks),
        done=lines(done[: settings.listed_improvements]),
        rejected=lines(rejected[: settings.listed_improvements]),
    )


def levels_by_target(levels: Iterable[ServiceLevel]) -> Levels:
    """Targets by service and target id."""
    return {(level.service_id, level.target_id): level for level in levels}


def is_due(row: Improvement, as_of: date) -> bool:
    """True when the day to decide has passed or comes within 30 days."""
    return row.decision_date is not None and (row.decision_date - as_of).days <= 30


def answer(waiting: Sequence[Improvement], done: Sequence[Improvement], as_of: date) -> str:
    """How much waits for a decision, for how much its day has passed, and how much of what was done came true."""
    if not waiting and not done:
        return "The figures of this day propose no improvement, and none is on record."
    proposed = [i for i in waiting if i.state == "proposed"]
    text = f"{f.counted(len(proposed), 'improvement is', 'improvements are')} proposed"
    passed = sum(1 for i in waiting if i.decision_date is not None and i.decision_date < as_of)
    soon = sum(
        1 for i in waiting if i.decision_date is not None and 0 <= (i.decision_date - as_of).days <= 30
    )
    if passed:
        text += f"; for {passed} the day to decide has passed"
    if soon:
        text += f"; {soon} must be decided within 30 days"
    accepted = len(waiting) - len(proposed)
    if accepted:
        text += f"; {f.counted(accepted, 'is', 'are')} accepted and not done yet"
    judged = [i for i in done if i.verdict in ("realised", "partly_realised", "not_realised")]
    if judged:
        good = sum(1 for i in judged if i.verdict == "realised")
        text += f". Of {f.counted(len(judged), 'benefit')} measured afterwards {good} came true"
    return text + "."


def improvement_line(row: Improvement, levels: Levels) -> ImprovementLine:
    """One improvement in words."""
    target = target_of(row, levels)
    verdict = _VERDICTS.get(row.verdict or "")
    return ImprovementLine(
        improvement=row,
        task=task(row, target),
        reason=reason(row, target),
        brings=benefit(row, row.expected_benefit_value),
        spread=spread(row),
        costs=costs(row),
        measured=benefit(row, row.measured_benefit_value),
        verdict=Verdict(*verdict) if verdict else None,
    )


def target_of(row: Improvement, levels: Levels) -> ServiceLevel | None:
    """The target of this month that the improvement is about."""
    if row.kind != "meet_target" or row.service_id is None:
        return None
    return levels.get((row.service_id, row.subject.removeprefix(f"{row.service_id}/")))


def task(row: Improvement, target: ServiceLevel | None) -> str:
    """What to do, in words; the register's own title for what has been decided, since that is what was decided on."""
    if row.state == "proposed":
        if row.kind == "extend_capacity" and row.redundancy_group:
            amount = f" by {extension(row)}" if row.amount_value else ""
            return f"Extend {f.resource(row.resource)} of {f.shorten(row.redundancy_group, 60)}{amount}"
        if row.kind == "resolve_recurring_events" and row.ci_name:
            return f"Resolve the recurring {f.resource(row.resource)} events of {f.shorten(row.ci_name, 60)}"
        if target is not None:
            return f"Meet the target: {targets.agreed(target)}"
    return f.shorten(row.title or row.subject, 160)


def extension(row: Improvement) -> str:
    """How much more is needed; of members, seats and the like in whole ones: nobody can order a part of one."""
    unit = unit_of_pool(row.amount_unit or "1", row.pooling, row.member_count)
    amount, usable = row.amount_value or 0.0, row.usable_value
    counted = (row.member_count or 0) - (row.tolerance or 0)
    if unit != "{member}" or not usable or counted < 1:
        return f.quantity(math.ceil(amount) if unit.startswith("{") and unit != "{member}" else amount, unit)
    return f.counted(math.ceil(amount * counted / usable), "member")


def reason(row: Improvement, target: ServiceLevel | None) -> str:
    """Why it is proposed; of a target what was reached."""
    if target is not None:
        return f"reached {targets.attained(target)} in {f.month(target.period_start_date)}"
    return f.shorten(row.reason or row.state_reason, 160) if row.reason or row.state_reason else ""


def spread(row: Improvement) -> str:
    """The range of the expected benefit: `11 to 34 points`; empty where it is not known or a single value."""
    low, high = row.expected_benefit_low_value, row.expected_benefit_high_value
    if low is None or high is None or low == high:
        return ""
    if row.benefit_measure in ("headroom_ratio", "target_attainment"):
        return f"{f.number(low * 100, 2)} to {f.points(high)}"
    if row.benefit_measure == "monthly_cost":
        return f"{f.money(low, None)} to {f.money(high, row.currency)}"
    return f"{f.number(low, 2)} to {f.number(high, 2)}"


def benefit(row: Improvement, value: float | None) -> str:
    """A benefit in the words of its measure."""
    if value is None:
        return f.MISSING
    if row.benefit_measure == "headroom_ratio":
        return f"{f.points(value)} of headroom"
    if row.benefit_measure == "monthly_cost":
        return f"{f.money(value, row.currency)} a month"
    if row.benefit_measure == "saturation_minutes":
        return f"{f.duration(value)} less at the limit in 28 days"
    if row.benefit_measure == "event_count":
        return f"{f.number(value, 2)} events fewer in 28 days"
    if row.benefit_measure == "target_attainment":
        return f"{f.points(value)} more within the target"
    return f.number(value)


def costs(row: Improvement) -> tuple[str, ...]:
    """What it costs, once and by month; empty where no cost is known."""
    found = []
    if row.one_off_cost is not None:
        found.append(f"{f.money(row.one_off_cost, row.currency)} once")
    if row.monthly_cost:
        found.append(f"{f.money(row.monthly_cost, row.currency)} a month")
    return tuple(found)
