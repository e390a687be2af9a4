"""The improvement register: what to do first, what it brings, and whether what was done came true. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
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
    brings: str
    spread: str
    costs: tuple[str, ...]
    measured: str
    verdict: Verdict | None


@dataclass(frozen=True)
class Register:
    """The improvement register: what is open, what was decided. Changes of size stand with the sizes while proposed."""

    answer: str
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
        return tuple(improvement_line(row, levels) for row in rows)

    waiting = [i for i in improvements if i.state in OPEN_STATES and (i.is_current or i.state == "accepted")]
    tasks = [i for i in waiting if not i.is_size or i.state == "accepted"]
    done = sorted(
        (i for i in improvements if i.state == "done"),
        key=lambda i: (-(i.done_date or date.min).toordinal(), i.improvement_id),
    )
    rejected = [i for i in improvements if i.state == "rejected"]
    return Register(
        answer=answer(waiting, done, as_of),
        open=lines(tasks[: settings.listed_improvements]),
        open_count=len(tasks),
        size_count=len(waiting) - len(tasks),
        done=lines(done[: settings.listed_improvements]),
        rejected=lines(rejected[: settings.listed_improvements]),
    )


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
    low, high = row.expected_benefit_low_value, row.expected_benefit_high_value
    spread = ""
    if low is not None and high is not None and low != high:
        spread = f"{benefit(row, low)} to {benefit(row, high)}"
    verdict = _VERDICTS.get(row.verdict or "")
    return ImprovementLine(
        improvement=row,
        task=task(row, levels),
        brings=benefit(row, row.expected_benefit_value),
        spread=spread,
        costs=costs(row),
        measured=benefit(row, row.measured_benefit_value),
        verdict=Verdict(*verdict) if verdict else None,
    )


def task(row: Improvement, levels: Levels) -> str:
    """What to do, in words; the register's own title where it has been entered by hand."""
    target = levels.get((row.service_id or "", row.subject.removeprefix(f"{row.service_id}/")))
    if row.kind == "extend_capacity" and row.redundancy_group:
        unit = unit_of_pool(row.amount_unit or "1", row.pooling, row.member_count)
        amount = f" by {f.quantity(row.amount_value, unit)}" if row.amount_value else ""
        return f"Extend {f.resource(row.resource)} of {f.shorten(row.redundancy_group, 60)}{amount}"
    if row.kind == "resolve_recurring_events" and row.ci_name:
        return f"Resolve the recurring {f.resource(row.resource)} events of {f.shorten(row.ci_name, 60)}"
    if row.kind == "meet_target" and target is not None:
        return f"Meet the target: {targets.agreed(target)}"
    return f.shorten(row.title or row.subject, 160)


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
