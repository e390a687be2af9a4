"""Service level targets in words, and their outcome month by month. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from reports import formats as f
from reports import wording
from reports.records.operation import ServiceLevel


@dataclass(frozen=True)
class TargetLine:
    """A target with its outcome month by month (None: not judged in that month)."""

    latest: ServiceLevel
    months: tuple[ServiceLevel | None, ...]


def target_lines(levels: Sequence[ServiceLevel], months: Sequence[date]) -> tuple[TargetLine, ...]:
    """One line a target with its outcome in each of `months`."""
    by_target: dict[str, dict[date, ServiceLevel]] = {}
    for level in levels:
        by_target.setdefault(level.target_id, {})[level.period_start_date] = level
    return tuple(
        TargetLine(latest=found[max(found)], months=tuple(found.get(month) for month in months))
        for found in by_target.values()
    )


#: What the clock of a measure says of an incident.
CLOCKS = {
    "incident_resolution_minutes": "resolved within {value}",
    "incident_response_minutes": "taken up within {value}",
    "incident_next_response_minutes": "taken up again within {value} of the requester's answer",
    "incident_requester_wait_minutes": "kept their requester waiting for at most {value}",
    "incident_agent_work_minutes": "worked on for at most {value}",
    "incident_update_minutes": "updated again within {value}",
}


def is_by_value(level: ServiceLevel) -> bool:
    """True when the month's own value is compared with the target, not a share of what was counted."""
    return level.objective_ratio is None and level.measure in ("availability_ratio", "error_ratio")


def attained(level: ServiceLevel) -> str:
    """What was reached: the month's value, or the share of the counted that met the target."""
    if is_by_value(level):
        return measured(level.measure, level.actual_value)
    count = f" of {f.integer(level.total_count)}" if level.total_count is not None else ""
    return f.percent(level.actual_value) + count


def agreed(level: ServiceLevel) -> str:
    """The target in words: `95 % of priority 1 incidents resolved within 4 h`."""
    is_ratio = level.measure.endswith("_ratio")
    value = f.agreed_percent(level.target_value) if is_ratio else measured(level.measure, level.target_value)
    share = "All" if level.objective_ratio is None else f"{f.agreed_percent(level.objective_ratio)} of"
    bound = "at most" if level.comparator == "<=" else "at least"
    if level.measure in CLOCKS:
        priority = f"priority {level.priority} " if level.priority is not None else ""
        return f"{share} {priority}incidents {CLOCKS[level.measure].format(value=value)}"
    if level.measure == "throughput_per_second":
        return f"{wording.capital(bound)} {value} in {share.lower()} hours"
    if level.measure == "latency_seconds":
        return f"{share} requests answered in {value} or less"
    subject = level.measure.removesuffix("_ratio").replace("_", " ").replace("error", "errors")
    if is_by_value(level):
        return f"{wording.capital(subject)} {bound} {value}"
    return f"{wording.capital(subject)} {bound} {value} on {share.lower()} days"


def measured(measure: str, value: float | None) -> str:
    """A value of a target's measure with its unit."""
    if measure.endswith("_minutes"):
        return f.working_time(value)
    if measure.endswith("_seconds"):
        return f.seconds(value)
    if measure.endswith("_per_second"):
        return f.per_second(value)
    if measure.endswith("_ratio"):
        return f.percent(value)
    return f.number(value)
