"""The states of a ServiceNow record after each of its updates, from what it is now and what was audited. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

Cells = dict[str, str | None]


@dataclass(frozen=True)
class Change:
    """One audited field of one update. `count` numbers the record's updates from 1; `at` is UTC text."""

    count: int
    at: str
    field: str
    old: str


def history(record: Cells, changes: Sequence[Change], since: str) -> list[Cells]:
    """The record after each update since `since`, oldest first; its opening (update 0) when it was created since then.

    Goes back from the record as it is: before an update its fields had their old values. Changes newer than the
    record as read are left out; it will be read again. A record that was changed although nothing was audited has
    its opening made up as new (`is_derived`), and is as read at its last change.
    """
    version = int(record.get("sys_mod_count") or 0) if (record.get("sys_mod_count") or "0").isdigit() else 0
    created = record.get("sys_created_on") or ""
    updates: dict[int, list[Change]] = {}
    for change in changes:
        if 0 < change.count <= version:
            updates.setdefault(change.count, []).append(change)
    cells: Cells = {**record, "is_derived": "false"}
    if not updates:
        return _unaudited(cells, version, created, since)
    events = []
    for count in sorted(updates, reverse=True):
        at = max(change.at for change in updates[count])
        events.append({**cells, "sys_mod_count": str(count), "sys_updated_on": at})
        cells = {**cells, **{change.field: change.old for change in updates[count] if change.field in cells}}
    if created >= since:
        events.append({**cells, "sys_mod_count": "0", "sys_updated_on": created})
    return events[::-1]


def _unaudited(cells: Cells, version: int, created: str, since: str) -> list[Cells]:
    if version == 0:
        return [{**cells, "sys_mod_count": "0"}]
    if created < since:
        return [{**cells, "is_derived": "true"}]
    opening = {
        "state": "1",
        "sys_mod_count": "0",
        "sys_updated_on": created,
        "is_derived": "true",
        "resolved_at": None,
        "closed_at": None,
    }
    return [{**cells, **opening}, {**cells, "is_derived": "true"}]
