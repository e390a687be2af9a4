"""What records of ServiceNow say only indirectly: durations, decisions, since when an error is known. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from assets.connectors.servicenow_history import Cells, Change

#: Columns that are made of others, by contract table.
MADE = {"approvals": ("decided_at",), "problems": ("known_error_at",)}
_DECIDED = ("approved", "rejected")
_ENDED = ("106", "107")
_TRUE = ("1", "true")
_TIME = "%Y-%m-%d %H:%M:%S"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def as_minutes(text: str | None) -> str | None:
    """A duration (`1970-01-02 06:30:00` is 30.5 hours) in minutes; what is none stays as it is."""
    try:
        length = datetime.strptime(text or "", _TIME).replace(tzinfo=UTC) - _EPOCH
    except ValueError:
        return text
    return repr(length.total_seconds() / 60)


def add_decision(row: Cells) -> None:
    """When an approval was given or refused: sysapproval_approver has no field for it but that of its last change."""
    row["decided_at"] = row.get("sys_updated_on") if row.get("state") in _DECIDED else None


def is_known_error(row: Cells) -> bool:
    """Whether the problem's box Known error is ticked."""
    return row.get("known_error") in _TRUE


def add_known_error(row: Cells, changes: Sequence[Change]) -> None:
    """Since when an error is known, of the audited `changes` of the box, and the state that our contract has for it."""
    since: str | None = None
    for change in sorted(changes, key=lambda one: one.at):
        since = None if change.old in _TRUE else change.at
    row["known_error_at"] = since if is_known_error(row) else None
    if is_known_error(row) and row.get("state") not in _ENDED:
        row["state"] = "known_error"
