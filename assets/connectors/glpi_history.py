"""The states of a GLPI ticket after each of its logged moments, from what it is now and its `Log` rows. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

Cells = dict[str, str | None]
#: What the connector adds to a ticket's fields.
SEQUENCE, AT, DERIVED = "event.sequence", "event.at", "event.is_derived"
#: `linked_action` of the row that says that the item was made (Log::HISTORY_CREATE_ITEM).
CREATED = 20


@dataclass(frozen=True)
class Logged:
    """One row of the log. `at` is the source's own text; `field` is None where no field that is read changed."""

    number: int
    at: str
    action: int
    field: str | None
    old: str | None


def history(ticket: Cells, logged: Sequence[Logged]) -> list[Cells]:
    """The ticket after each logged second, oldest first, numbered by the last log row of that second.

    Goes back from the ticket as it is: before a change its fields had their old values. Log rows newer than the
    ticket as read are left out; it will be read again. Without a row about its making the ticket opens at its
    `Ticket.date` as event 0. One that was changed although nothing was logged has its opening made up as new.
    """
    read_at, opened = ticket.get("Ticket.date_mod") or "", ticket.get("Ticket.date") or ""
    rows = sorted((row for row in logged if row.at <= read_at), key=lambda row: row.number)
    cells: Cells = {**ticket, DERIVED: "false"}
    if not rows:
        return _unlogged(cells, read_at, opened)
    seconds: list[list[Logged]] = []
    for row in rows:
        if seconds and seconds[-1][-1].at == row.at:
            seconds[-1].append(row)
        else:
            seconds.append([row])
    events = []
    for second in reversed(seconds):
        events.append({**cells, SEQUENCE: str(second[-1].number), AT: second[-1].at})
        for row in reversed(second):
            if row.field in cells:
                cells = {**cells, row.field: row.old}
    if rows[0].action != CREATED:
        events.append({**cells, SEQUENCE: "0", AT: opened})
    return events[::-1]


def _unlogged(cells: Cells, read_at: str, opened: str) -> list[Cells]:
    if read_at == opened:
        return [{**cells, SEQUENCE: "0", AT: opened}]
    made_up: Cells = {
        "Ticket.status": "1",
        "Ticket.solvedate": None,
        "Ticket.closedate": None,
        DERIVED: "true",
    }
    return [
        {**cells, **made_up, SEQUENCE: "0", AT: opened},
        {**cells, SEQUENCE: "1", AT: read_at, DERIVED: "true"},
    ]
