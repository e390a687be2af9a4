"""The simulated estate's tickets in the shape of Request Tracker: rows of a real server's database.

Teams are queues. What people did is written as the transactions that RT itself writes (test_request_tracker.py has them
made through its API), because RT takes no time but now, and a third of a second for each.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from datetime import datetime
from typing import Any

from tests.servers import RequestTrackerServer

Row = dict[str, Any]
#: States of the estate → statuses of RT's default lifecycle, by table.
STATES = {
    "incidents": {"new": "new", "assigned": "open", "in_progress": "open", "on_hold": "stalled", "resolved": "resolved",
                  "closed": "resolved", "cancelled": "rejected"},
    "service_requests": {"new": "new", "in_progress": "open", "on_hold": "stalled", "fulfilled": "resolved",
                         "closed": "resolved", "cancelled": "rejected"},
    "changes": {"new": "new", "assessed": "new", "authorised": "stalled", "scheduled": "stalled",
                "implementing": "open", "review": "open", "closed": "resolved", "cancelled": "rejected"},
    "problems": {"new": "new", "investigating": "open", "known_error": "open", "resolved": "resolved",
                 "closed": "resolved"},
}  # fmt: skip
_PRIORITIES = {1: 95, 2: 80, 3: 50, 4: 20}
#: RT numbers all tickets together.
_FIRST = {"INC": 10_000, "REQ": 20_000, "CHG": 30_000, "PRB": 40_000}
#: The queue whose rights and custom fields others get.
_LIKE = "Incidents"
_NOBODY = 6


def ticket_number(number: str) -> str:
    """INC0000012 → 10012."""
    return str(_FIRST[number[:3]] + int(number[3:]))


class Tickets:
    """Writes tickets below RT. Queues that are made stay; `load` puts tickets in the place of all others."""

    def __init__(self, server: RequestTrackerServer) -> None:
        self._server = server
        self._queues: dict[str, int] = {}
        self._fields: dict[str, int] = {}

    def load(self, incidents: Iterable[Sequence[Row]], others: dict[str, Iterable[Row]]) -> None:
        """Incidents by their updates; of `others`, rows by table, tickets without transactions."""
        with closing(sqlite3.connect(self._server.database, timeout=30)) as database, database:
            database.execute("pragma synchronous = off")
            database.execute("update Tickets set Status = 'deleted'")
            self._fields = dict(database.execute("select Name, id from CustomFields").fetchall())
            for updates in incidents:
                self._incident(database, updates)
            for table, rows in others.items():
                for row in rows:
                    self._other(database, table, row)

    def _incident(self, database: sqlite3.Connection, updates: Sequence[Row]) -> None:
        first, last = updates[0], updates[-1]
        number = int(ticket_number(last["incident_id"]))
        shown = [self._values(database, update) for update in updates]
        self._ticket(
            database, number, last, shown[-1], Priority=_PRIORITIES[last["priority"]], Subject=last["title"],
            Created=last["opened_at"], Resolved=last["resolved_at"],
        )  # fmt: skip
        self._custom(database, number, Kind="Incident", Category=last["category"])
        self._custom(database, number, Service=last["service_id"], CI=last["ci_id"])
        self._transaction(database, number, first["updated_at"], "Create")
        for update, before, after in zip(updates[1:], shown, shown[1:], strict=False):
            # The requestor is always told, which is a transaction of its own.
            self._transaction(database, number, update["updated_at"], "Correspond")
            for name in after:
                if before[name] != after[name]:
                    kind = "Status" if name == "Status" else "Set"
                    self._transaction(
                        database, number, update["updated_at"], kind, name, before[name], after[name]
                    )

    def _values(self, database: sqlite3.Connection, update: Row) -> Row:
        """What transactions show, by field."""
        return {
            "Status": STATES["incidents"][update["state"]],
            "Queue": self._queue(database, update["team_id"]),
            "Priority": _PRIORITIES[update["priority"]],
        }

    def _other(self, database: sqlite3.Connection, table: str, row: Row) -> None:
        key, opened, ended = {
            "service_requests": ("request_id", "opened_at", "fulfilled_at"),
            "changes": ("change_id", "requested_at", "ended_at"),
            "problems": ("problem_id", "opened_at", "resolved_at"),
        }[table]
        number = int(ticket_number(row[key]))
        queue = self._queue(database, row.get("team_id", "Changes"))
        shown = {"Status": STATES[table][row["state"]], "Queue": queue, "Priority": 0}
        self._ticket(
            database, number, row, shown, Subject=row.get("title") or "A request", Created=row[opened],
            Resolved=row[ended], Starts=row.get("planned_start_at"), Due=row.get("planned_end_at"),
            Started=row.get("started_at"),
        )  # fmt: skip
        self._custom(database, number, Kind=table, Service=row["service_id"], CI=row.get("ci_id"))

    # --- rows ---

    def _ticket(self, database: sqlite3.Connection, number: int, row: Row, shown: Row, **fields: Any) -> None:
        given = {"id": number, "EffectiveId": number, "Type": "ticket", "Owner": _NOBODY, **shown, **fields}
        _insert(database, "Tickets", {**given, "LastUpdated": row["updated_at"]}, "replace")
        for table in ("Transactions", "ObjectCustomFieldValues"):
            database.execute(
                f"delete from {table} where ObjectType = 'RT::Ticket' and ObjectId = ?", [number]
            )

    def _transaction(
        self, database: sqlite3.Connection, number: int, at: datetime, kind: str, field: str | None = None,
        old: Any = None, new: Any = None,
    ) -> None:  # fmt: skip
        row = {
            "ObjectType": "RT::Ticket",
            "ObjectId": number,
            "Type": kind,
            "Field": field,
            "Creator": _NOBODY,
        }
        values = {
            "OldValue": None if old is None else str(old),
            "NewValue": None if new is None else str(new),
        }
        _insert(database, "Transactions", {**row, **values, "Created": at})

    def _custom(self, database: sqlite3.Connection, number: int, **values: str | None) -> None:
        for name, value in values.items():
            if value is not None:
                row = {"CustomField": self._fields[name], "ObjectType": "RT::Ticket", "ObjectId": number}
                _insert(database, "ObjectCustomFieldValues", {**row, "Content": value})

    def _queue(self, database: sqlite3.Connection, name: str) -> int:
        """Its number. One that is not there gets the rights and custom fields of `_LIKE`."""
        if name in self._queues:
            return self._queues[name]
        found = database.execute("select id from Queues where Name = ?", [name]).fetchone()
        if found is None:
            (like,) = database.execute("select id from Queues where Name = ?", [_LIKE]).fetchone()
            made = _insert(database, "Queues", {"Name": name, "Lifecycle": "default"})
            for table, condition in (("ACL", "ObjectType = 'RT::Queue' and"), ("ObjectCustomFields", "")):
                columns = [row[1] for row in database.execute(f"pragma table_info({table})")]
                kept = ", ".join(column for column in columns if column not in ("id", "ObjectId"))
                database.execute(
                    f"insert into {table} ({kept}, ObjectId) select {kept}, ? from {table} "
                    f"where {condition} ObjectId = ?",
                    [made, like],
                )
            found = (made,)
        self._queues[name] = int(found[0])
        return self._queues[name]


def _insert(database: sqlite3.Connection, table: str, row: Row, otherwise: str = "abort") -> int:
    """One row; times as RT's database has them."""
    values = [one.strftime("%Y-%m-%d %H:%M:%S") if isinstance(one, datetime) else one for one in row.values()]
    marks = ", ".join("?" * len(row))
    made = database.execute(
        f"insert or {otherwise} into {table} ({', '.join(row)}) values ({marks})", values
    ).lastrowid
    assert made is not None
    return made
