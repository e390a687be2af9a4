"""The states of a Request Tracker ticket after each second with transactions, from what it is now. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field

from assets.connectors.paged import as_text

Cells = dict[str, str | None]
#: What the connector adds to a ticket's fields.
SEQUENCE, AT, DERIVED = "event.sequence", "event.at", "event.is_derived"
#: How RT writes a date that is not set.
UNSET = "1970-01-01T00:00:00Z"
_SQL_TIME = re.compile(r"(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)")


@dataclass(frozen=True)
class Ticket:
    """A ticket as read: its cells, and the values of its custom fields by name."""

    cells: Cells
    custom: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Transaction:
    """One transaction. `at` is RT's own text. `field` is of the ticket, or (`is_custom`) a custom field's name; None
    where no field that is read changed."""

    number: int
    kind: str
    at: str
    field: str | None = None
    is_custom: bool = False
    old: str | None = None
    new: str | None = None


@dataclass
class _Past:
    """A ticket on its way back in time."""

    cells: Cells
    custom: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def undo(self, row: Transaction) -> None:
        """As it was before one transaction."""
        if row.field is None:
            return
        if row.is_custom:
            values = self.custom.get(row.field, ())
            if row.new in values:
                place = values.index(row.new)
                values = (*values[:place], *([row.old] if row.old else []), *values[place + 1 :])
            elif row.old:
                values = (row.old, *values)
            self.custom[row.field] = values
            self.cells[custom_field(row.field)] = values[0] if values else None
        elif row.field in self.cells:
            self.cells[row.field] = row.old


def custom_field(name: str) -> str:
    """A custom field as mappings and TicketSQL call it."""
    return f"CF.{{{name}}}"


def history(
    ticket: Ticket, transactions: Sequence[Transaction], ended: Set[str], state: str = "Status"
) -> list[Cells]:
    """The ticket after each second, oldest first, numbered by the last transaction of that second.

    Goes back from the ticket as it is: before a change its fields had their old values. Transactions newer than the
    ticket as read are left out; it will be read again. Without one about its making the ticket opens at `Created` as
    event 0. `Resolved` is when the field `state` got the value of `ended` that it has. A ticket that was changed though
    it has no transaction has its opening made up as new.
    """
    read_at, opened = ticket.cells.get("LastUpdated") or "", ticket.cells.get("Created") or ""
    rows = sorted((row for row in transactions if row.at <= read_at), key=lambda row: row.number)
    if not rows:
        return _unlogged(ticket, read_at, opened, ended, state)
    past = _Past({**ticket.cells, DERIVED: "false"}, dict(ticket.custom))
    events: list[Cells] = []
    for place in range(len(rows) - 1, -1, -1):
        row = rows[place]
        if place == len(rows) - 1 or rows[place + 1].at != row.at:
            events.append({**past.cells, SEQUENCE: str(row.number), AT: row.at})
        past.undo(row)
    if rows[0].kind != "Create":
        events.append({**past.cells, SEQUENCE: "0", AT: opened})
    return _resolved(events[::-1], ended, state, ticket.cells.get("Resolved"))


def _resolved(events: list[Cells], ended: Set[str], state: str, last: str | None) -> list[Cells]:
    """`Resolved` of each event: the ticket's own in its last ended stretch, before that when the status came."""
    is_open = [event.get(state) not in ended for event in events]
    stretch = max((place for place, one in enumerate(is_open) if one), default=-1)
    since: str | None = None
    for place, event in enumerate(events):
        since = None if is_open[place] else since or event[AT]
        is_last = place > stretch and last not in (None, "", UNSET)
        event["Resolved"] = since and (last if is_last else since)
    return events


def _unlogged(ticket: Ticket, read_at: str, opened: str, ended: Set[str], state: str) -> list[Cells]:
    resolved = ticket.cells.get("Resolved") if ticket.cells.get(state) in ended else None
    cells = {**ticket.cells, "Resolved": resolved}
    if read_at == opened:
        return [{**cells, SEQUENCE: "0", AT: opened, DERIVED: "false"}]
    return [
        {**cells, state: "new", "Resolved": None, SEQUENCE: "0", AT: opened, DERIVED: "true"},
        {**cells, SEQUENCE: "1", AT: read_at, DERIVED: "true"},
    ]


def old_value(text: object) -> str | None:
    """A value of a transaction as text; times, which RT keeps there as its database has them, as everywhere else."""
    found = as_text(text) or None
    match = _SQL_TIME.fullmatch(found or "")
    return f"{match[1]}T{match[2]}Z" if match else found
