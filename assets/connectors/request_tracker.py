"""Request Tracker 5 through REST 2, read by keyset on (LastUpdated, id); incidents with their transactions.

RT reads times in searches in the zone of the account: it has to be UTC, and each run makes sure. Tickets come from
searches alone: asked for a single one that was merged, RT answers with the ticket that it went into.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

from assets.connectors.base import Window
from assets.connectors.http import Client
from assets.connectors.paged import PagedConnector
from assets.connectors.paged_settings import PagedSource
from assets.connectors.remote import RetryPolicy, TransientError
from assets.connectors.request_tracker_history import AT, DERIVED, SEQUENCE, Cells, Ticket, history
from assets.connectors.request_tracker_search import (
    API,
    LEVEL,
    TIME,
    behind,
    midnight,
    moment_of,
    plain_time,
    search,
    see_that_asked_for,
    ticket_of,
    unlike_the_mapping,
)
from assets.connectors.request_tracker_settings import RequestTrackerSource
from assets.connectors.request_tracker_transactions import Names, transactions_of
from assets.connectors.sign_in import SignIn, TokenSignIn
from assets.landing.contracts import contract
from assets.landing.spool import Cursor, Page, RawRow

__all__ = ["RequestTrackerConnector", "RequestTrackerSource"]


class RequestTrackerConnector(PagedConnector):
    """Reads one instance. Opens nothing before `batches` is iterated."""

    _source: RequestTrackerSource
    rights = "SeeQueue, ShowTicket and SeeCustomField on the configured queues"

    def __init__(
        self, source: PagedSource, *, spool: Path | None = None, retries: RetryPolicy | None = None
    ) -> None:
        super().__init__(source, spool=spool, retries=retries)
        # Names by kind and number, None for those that the account may not see.
        self._names: dict[tuple[str, str], str | None] = {}
        self._seen: set[str] = set()
        self._is_utc = False

    def sign_in(self) -> SignIn | None:
        """A token of the account."""
        return TokenSignIn(self._source.name, self._source.token_env, scheme="token")

    def first(self, table: str, window: Window | None) -> Cursor:
        """From the window's start on. Incidents have no end: one changed later has its events inside.

        Rows come behind the time and number of `after`; without `since` all of them, by number. `page` counts answers
        of nothing but hidden rows.
        """
        start: dict[str, Any] = {"since": None, "until": None, "after": None, "page": 1, "is_first": True}
        if window is None:
            return start
        start["since"] = midnight(window.start).strftime(TIME)
        if table == "incidents":
            return {**start, "days": [window.start.isoformat(), window.end.isoformat()]}
        return {**start, "until": midnight(window.end + timedelta(days=1)).strftime(TIME)}

    def page(self, client: Client, table: str, cursor: Cursor) -> Page:
        """One page of a table; incidents with the events of their history that lie in the window."""
        if cursor["is_first"]:
            self._see_queues(client, table)
            self._see_zone(client, table, cursor["since"])
        names = self._source.mapped(table).source_fields
        items, following, announced = self._ask(client, table, cursor, names)
        keys = tuple(str(item["id"]) for item in items)
        tickets = [ticket_of(item, names) for item in items]
        warnings = unlike_the_mapping(table, items, names)
        if table == "incidents":
            events, more = self._events(client, items, tickets, cursor)
            return Page(tuple(events), following, announced, keys, (*warnings, *more))
        rows = [
            RawRow(key, moment_of(ticket.cells["LastUpdated"]), self._cells(ticket.cells, names))
            for key, ticket in zip(keys, tickets, strict=True)
        ]
        return Page(tuple(rows), following, announced, warnings=warnings)

    def census_page(self, client: Client, table: str, cursor: Cursor | None) -> Page:
        """All of a table by number, which no update changes. Deleted and merged tickets are not found."""
        asked = cursor or self.first(table, None)
        if asked["is_first"]:
            self._see_queues(client, table)
        key = self._source.mapped(table).columns[contract(table).key[0]]
        names = (key, "id", "Created", "LastUpdated")
        items, following, announced = self._ask(client, table, asked, names)
        rows = []
        for item in items:
            cells = self._cells(ticket_of(item, names).cells, names)
            created = moment_of(cells["Created"])
            spoken = {"created": created.isoformat() if created else None}
            rows.append(RawRow(cells[key] or "", moment_of(cells["LastUpdated"]), spoken))
        return Page(tuple(rows), following, announced, tuple(str(item["id"]) for item in items))

    # --- questions ---

    def _ask(
        self, client: Client, table: str, cursor: Cursor, names: Sequence[str]
    ) -> tuple[list[dict[str, Any]], Cursor | None, int | None]:
        """Tickets of one search, the cursor behind them, on the first page the announced number."""
        limit = self._source.page_rows
        condition = self._source.mapped(table).filter
        body = search(
            client,
            "tickets",
            [*([condition] if condition else []), *behind(cursor)],
            fields=names,
            order=("id",) if cursor["since"] is None else ("LastUpdated", "id"),
            limit=limit,
            page=cursor["page"],
            fix=f"correct tables.{table}.filter",
        )
        items, total = body["items"], body.get("total")
        if not isinstance(total, int):
            # Hidden rows and the end then look alike: pages are short or empty, and no next page is named.
            raise client.error(
                "RT does not say how many tickets there are, as it checks rights ticket by ticket",
                "turn $UseSQLForACLChecks on, as it is by default, or grant the account ShowTicket globally",
            )
        see_that_asked_for(client, items, cursor)
        following = None
        if cursor["page"] * limit < total:
            following = {**cursor, "page": cursor["page"] + 1, "is_first": False}
            if items:
                following |= {
                    "page": 1,
                    "after": [plain_time(items[-1]["LastUpdated"]), int(items[-1]["id"])],
                }
        return items, following, total if cursor["is_first"] else None

    def _see_queues(self, client: Client, table: str) -> None:
        """Raise `SourceError` for a queue that is not there or not shown: searches find nothing in it."""
        for name in self._source.queues.get(table, ()):
            if name not in self._seen and "/" not in name:
                rights = (
                    f"SeeQueue and ShowTicket on queue {name!r}, or correct its name under queues.{table}"
                )
                client.ask("GET", f"{API}/queue/{quote(name, safe='')}", rights=rights)
            self._seen.add(name)

    def _see_zone(self, client: Client, table: str, since: str | None) -> None:
        """Raise `SourceError` when RT reads the times of our searches in another zone than UTC.

        Found out with a ticket: a search for its own time of change must find it, unless it was changed meanwhile.
        """
        if self._is_utc:
            return
        every = self._source.mapped(table).filter or "id > 0"
        one: Any = {"fields": ("LastUpdated",), "limit": 1, "fix": f"correct tables.{table}.filter"}
        by_time: Any = {**one, "order": ("LastUpdated",)}
        items = (
            search(client, "tickets", [every, f"LastUpdated >= '{since}'"], **by_time)["items"]
            if since
            else []
        )
        if not items:
            items = search(client, "tickets", [every], is_falling=True, **by_time)["items"]
        if not items:
            return
        number, at = str(items[0]["id"]), str(items[0]["LastUpdated"])
        itself = f"id = {number}"
        then = [itself, f"LastUpdated >= '{plain_time(at)}'", f"LastUpdated <= '{plain_time(at)}'"]
        for question in (then, [itself]):
            found = search(client, "tickets", question, **one)["items"]
            if any(str(row.get("id")) != number for row in found):
                raise TransientError("the source answers with a ticket that was not asked for")
            if question is then and found:
                self._is_utc = True
                return
            if found and found[0].get("LastUpdated") == at:
                raise client.error(
                    f"RT reads times in searches in another zone than UTC: it does not find ticket {number} at {at}",
                    "set the time zone of the account to UTC (signed in as it: Settings, About me)",
                )

    def _cells(self, cells: Cells, names: Sequence[str]) -> Cells:
        """What landing reads: the fields of the mapping alone."""
        found = {name: cells.get(name) for name in names}
        if LEVEL in found:
            found[LEVEL] = self._level(cells.get("Priority"))
        return found

    def _level(self, priority: str | None) -> str | None:
        """RT's priority as one of 1 to 5; what is no number stays, for landing to say so."""
        if priority is None or not re.fullmatch(r"-?\d{1,9}", priority):
            return priority
        limits = self._source.priority_from
        return str(next((place for place, low in enumerate(limits, 1) if int(priority) >= low), 5))

    # --- incidents ---

    def _events(
        self,
        client: Client,
        items: Sequence[Mapping[str, Any]],
        tickets: Sequence[Ticket],
        cursor: Cursor,
    ) -> tuple[list[RawRow], tuple[str, ...]]:
        """What happened to these tickets in the window, one row a second, as they were after it."""
        mapped = self._source.mapped("incidents")
        states = mapped.replace.get("state", {})
        ended = frozenset(status for status, state in states.items() if state in ("resolved", "closed"))
        start, end = (date.fromisoformat(day) for day in cursor["days"])
        first, last = midnight(start), midnight(end + timedelta(days=1))
        names = Names(client, self._names, frozenset(mapped.source_fields))
        logs = transactions_of(client, items, names)
        events, silent = [], 0
        for ticket in tickets:
            key = ticket.cells["id"] or ""
            found = history(ticket, logs.get(key, ()), ended, mapped.columns.get("state", "Status"))
            silent += any(event[DERIVED] == "true" for event in found)
            for event in found:
                moment = moment_of(event[AT])
                if moment is None or first <= moment < last:
                    cells = self._cells(event, mapped.source_fields)
                    events.append(RawRow(f"{key}/{event[SEQUENCE]}", moment, cells))
        warnings = list(names.warnings)
        if silent:
            warnings.append(
                f"incidents: {silent} were changed, but no transaction shows how; "
                "fix: see whether transactions are shredded, or tickets were imported without them"
            )
        return events, tuple(warnings)
