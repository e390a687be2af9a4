"""Cycles of Jira's SLAs: a clock that is stopped and begun anew has several. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from assets.connectors.jira_history import Cells
from assets.landing.spool import RawRow

#: What of a cycle becomes a cell.
CYCLE_FIELDS = (
    "cycle.id",
    "cycle.name",
    "cycle.measure",
    "cycle.state",
    "cycle.started",
    "cycle.stopped",
    "cycle.goal",
    "cycle.elapsed",
    "cycle.breached",
)
#: The SLA of delivered service projects that our targets know, beside the one that the settings name.
FIRST_RESPONSE = "Time to first response"
_MINUTE_MILLIS = 60_000


def cycles(sla: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The completed ones and the one that goes on."""
    ongoing = sla.get("ongoingCycle")
    return [*(sla.get("completedCycles") or []), *([ongoing] if ongoing else [])]


def is_breached(cycle: Mapping[str, Any]) -> bool:
    """As Jira says, or by the milliseconds that were left."""
    said = cycle.get("breached")
    left = _millis(cycle, "remainingTime", "millis")
    return bool(said) if said is not None else left is not None and left < 0


def kept_target(sla: Mapping[str, Any]) -> str | None:
    """Whether no cycle is breached; None while none is completed."""
    if any(is_breached(cycle) for cycle in cycles(sla)):
        return "false"
    return "true" if sla.get("completedCycles") else None


def cycle_cells(issue: str, sla: Mapping[str, Any], resolution: str) -> Iterator[Cells]:
    """The cycles of one SLA of an issue as cells (`CYCLE_FIELDS`), numbered from 1 by their start.

    `resolution` names the SLA on resolution.
    """
    name = str(sla.get("name"))
    measures = {
        FIRST_RESPONSE: "incident_response_minutes",
        resolution: "incident_resolution_minutes",
    }
    ongoing = sla.get("ongoingCycle")
    ordered = sorted(cycles(sla), key=lambda one: _millis(one, "startTime", "epochMillis") or 0)
    for number, cycle in enumerate(ordered, start=1):
        running = "paused" if cycle.get("paused") else "running"
        yield {
            "cycle.id": f"{issue}/{sla.get('id') or name}/{number}",
            "cycle.name": name,
            "cycle.measure": measures.get(name),
            "cycle.state": running if cycle is ongoing else "completed",
            "cycle.started": _instant(cycle, "startTime"),
            "cycle.stopped": _instant(cycle, "stopTime"),
            "cycle.goal": _minutes(cycle, "goalDuration"),
            "cycle.elapsed": _minutes(cycle, "elapsedTime"),
            "cycle.breached": "true" if is_breached(cycle) else "false",
        }


def shown_slas(issue: Mapping[str, Any], fields: Iterable[tuple[str, str]]) -> list[Mapping[str, Any]]:
    """The SLAs that come as `fields` (id, name) of an issue and have a cycle."""
    came = [(label, issue["fields"].get(field)) for field, label in fields]
    return [{"name": label, **one} for label, one in came if isinstance(one, Mapping) and cycles(one)]


def held_cycles(
    issue: Mapping[str, Any], fields: Iterable[tuple[str, str]], resolution: str, updated: datetime | None
) -> list[RawRow]:
    """The cycles that come with an issue, for a census; otherwise all that it may have, of which no day is known."""
    key = str(issue["key"])
    shown = [cells for sla in shown_slas(issue, fields) for cells in cycle_cells(key, sla, resolution)]
    return [RawRow(str(one["cycle.id"]), updated, {}) for one in shown] or [RawRow(f"{key}/", None, {})]


def _millis(cycle: Mapping[str, Any], name: str, below: str) -> int | None:
    found = (cycle.get(name) or {}).get(below)
    return found if isinstance(found, int) else None


def _minutes(cycle: Mapping[str, Any], name: str) -> str | None:
    millis = _millis(cycle, name, "millis")
    return None if millis is None else repr(millis / _MINUTE_MILLIS)


def _instant(cycle: Mapping[str, Any], name: str) -> str | None:
    millis = _millis(cycle, name, "epochMillis")
    if millis is None:
        return None
    seconds, rest = divmod(millis, 1000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest * 1000).isoformat()
