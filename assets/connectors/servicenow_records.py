"""What records of ServiceNow say only indirectly: durations, decisions and what they are about, known errors. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from assets.connectors.servicenow_history import Cells, Change

#: The reference to what is to be approved, by contract table.
APPROVED = {"approvals": "sysapproval", "group_approvals": "parent"}
#: Parts of a request that are approved by themselves, and where they name their request. A reference to `task` leads to
#: the fields of `task` alone, so these are asked of the part (servicenow.com/community/developer-forum/
#: obtaining-all-related-data-for-a-bundle-with-rest/m-p/1479278: request of an item, request_item of a catalog task).
REQUEST_OF = {"sc_req_item": "request.number", "sc_task": "request_item.request.number"}
#: Columns that are made of others, by contract table.
MADE = {
    **dict.fromkeys(APPROVED, ("decided_at", "record_id", "item_id")),
    "problems": ("known_error_at",),
}
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


def add_decision(row: Cells, state: str) -> None:
    """When an approval was given or refused: its only field is that of the last change. `state`: field of its state."""
    row["decided_at"] = row.get("sys_updated_on") if row.get(state) in _DECIDED else None


def add_approved(row: Cells, reference: str, requests: Mapping[str, str | None]) -> None:
    """What an approval is about: a record, or an item of the request that `requests` names for it, by sys_id."""
    is_part = row.get(f"{reference}.sys_class_name") in REQUEST_OF
    number = row.get(f"{reference}.number")
    row["record_id"] = requests.get(row.get(reference) or "") if is_part else number
    row["item_id"] = number if is_part else None


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
