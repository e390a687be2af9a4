"""Request Tracker 5 through REST 2, read by keyset on (LastUpdated, id); incidents with their transactions.

RT reads times in searches in the zone of the account: it has to be UTC, and each run makes sure. Tickets come from
searches alone: asked for a single one that was merged, RT answers with the ticket that it went into.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from pydantic import Field, model_validator

from assets.connectors.base import Window
from assets.connectors.http import Client
from assets.connectors.paged import PagedConnector, as_text
from assets.connectors.paged_settings import Mapped, PagedSource, TableSettings
from assets.connectors.remote import ForbiddenError, NotThereError, RetryPolicy, TransientError
from assets.connectors.request_tracker_history import (
    AT,
    DERIVED,
    SEQUENCE,
    Cells,
    Ticket,
    Transaction,
    custom_field,
    history,
    old_value,
)
from assets.connectors.sign_in import SignIn, TokenSignIn
from assets.landing.contracts import contract
from assets.landing.spool import Cursor, Page, RawRow

API = "/REST/2.0"
#: RT gives no more rows an answer.
MAX_PAGE = 100
#: Columns of a ticket. Of an unknown one RT says nothing: it is empty in every row.
COLUMNS = (
    "id", "Subject", "Status", "SLA", "Priority", "InitialPriority", "FinalPriority", "TimeEstimated", "TimeWorked",
    "TimeLeft", "Created", "LastUpdated", "Starts", "Started", "Due", "Told", "Resolved",
)  # fmt: skip
#: Fields that are objects with a name, and what REST calls those.
NAMED = {"Queue": "queue", "Owner": "user"}
LEVEL = "priority.level"
_CUSTOM = re.compile(r"CF\.\{(.+)\}")
_TIME = "%Y-%m-%d %H:%M:%S"
_NOT_RT = "check that url is a Request Tracker 5"
#: Transactions that everybody sees who sees the ticket. Comments and mails need more rights.
_KINDS = ("Create", "Status", "Set", "Correspond")


class RequestTrackerSource(PagedSource):
    """Configuration of one instance. `queues` says which queues hold the tickets of a table, beside its `filter`.

    `priority_from` are the lowest priorities in RT that count as 1, 2, 3 and 4; below is 5.
    """

    type: Literal["request_tracker"]
    token_env: str
    queues: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    priority_from: tuple[int, int, int, int] = (90, 70, 40, 10)
    page_rows: int = Field(MAX_PAGE, ge=1, le=MAX_PAGE)

    def mapped(self, table: str) -> Mapped:
        """The mapping of one table as configured, its queues part of the filter."""
        found = super().mapped(table)
        parts = [_any_of("Queue", self.queues.get(table, ())), f"({found.filter})" if found.filter else ""]
        return found.model_copy(update={"filter": " AND ".join(part for part in parts if part) or None})

    @model_validator(mode="after")
    def _tickets_have_a_kind(self) -> RequestTrackerSource:
        for table in self.queues:
            if table not in self.tables:
                raise ValueError(f"queues.{table}: this table is not read; fix: add it to tables")
        for table, settings in self.tables.items():
            if not self.queues.get(table) and not settings.filter:
                raise ValueError(
                    f"tables.{table}: RT does not tell kinds of tickets apart; "
                    f"fix: name their queues under queues.{table}, or give a filter"
                )
        if list(self.priority_from) != sorted(set(self.priority_from), reverse=True):
            raise ValueError(
                "priority_from: must fall from priority 1 to 4; fix: write such as [90, 70, 40, 10]"
            )
        return self

    @model_validator(mode="after")
    def _fields_are_there(self) -> RequestTrackerSource:
        for table in self.tables:
            for name in self.mapped(table).source_fields:
                if not _is_known(name):
                    raise ValueError(
                        f"tables.{table}.columns: RT's tickets have no {name!r}; "
                        "fix: name a column, Queue.Name, Owner.Name, priority.level or a custom field as CF.{name}"
                    )
        return self


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
        start["since"] = _midnight(window.start).strftime(_TIME)
        if table == "incidents":
            return {**start, "days": [window.start.isoformat(), window.end.isoformat()]}
        return {**start, "until": _midnight(window.end + timedelta(days=1)).strftime(_TIME)}

    def page(self, client: Client, table: str, cursor: Cursor) -> Page:
        """One page of a table; incidents with the events of their history that lie in the window."""
        if cursor["is_first"]:
            self._see_queues(client, table)
            self._see_zone(client, table, cursor["since"])
        names = self._source.mapped(table).source_fields
        items, following, announced = self._ask(client, table, cursor, names)
        keys = tuple(str(item["id"]) for item in items)
        tickets = [_ticket(item, names) for item in items]
        warnings = _unlike_the_mapping(table, items, names)
        if table == "incidents":
            events, more = self._events(client, items, tickets, cursor)
            return Page(tuple(events), following, announced, keys, (*warnings, *more))
        rows = [
            RawRow(key, _moment(ticket.cells["LastUpdated"]), self._cells(ticket.cells, names))
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
            cells = self._cells(_ticket(item, names).cells, names)
            created = _moment(cells["Created"])
            spoken = {"created": created.isoformat() if created else None}
            rows.append(RawRow(cells[key] or "", _moment(cells["LastUpdated"]), spoken))
        return Page(tuple(rows), following, announced, tuple(str(item["id"]) for item in items))

    # --- questions ---

    def _ask(
        self, client: Client, table: str, cursor: Cursor, names: Sequence[str]
    ) -> tuple[list[dict[str, Any]], Cursor | None, int | None]:
        """Tickets of one search, the cursor behind them, on the first page the announced number."""
        limit = self._source.page_rows
        condition = self._source.mapped(table).filter
        body = _answer(
            client,
            "tickets",
            [*([condition] if condition else []), *_behind(cursor)],
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
        _see_that_asked_for(client, items, cursor)
        following = None
        if cursor["page"] * limit < total:
            following = {**cursor, "page": cursor["page"] + 1, "is_first": False}
            if items:
                following |= {"page": 1, "after": [_plain(items[-1]["LastUpdated"]), int(items[-1]["id"])]}
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
            _answer(client, "tickets", [every, f"LastUpdated >= '{since}'"], **by_time)["items"]
            if since
            else []
        )
        if not items:
            items = _answer(client, "tickets", [every], is_falling=True, **by_time)["items"]
        if not items:
            return
        number, at = str(items[0]["id"]), str(items[0]["LastUpdated"])
        itself = f"id = {number}"
        then = [itself, f"LastUpdated >= '{_plain(at)}'", f"LastUpdated <= '{_plain(at)}'"]
        for question in (then, [itself]):
            found = _answer(client, "tickets", question, **one)["items"]
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
        first, last = _midnight(start), _midnight(end + timedelta(days=1))
        names = _Names(client, self._names, frozenset(mapped.source_fields))
        logs = _transactions(client, items, names)
        events, silent = [], 0
        for ticket in tickets:
            key = ticket.cells["id"] or ""
            found = history(ticket, logs.get(key, ()), ended, mapped.columns.get("state", "Status"))
            silent += any(event[DERIVED] == "true" for event in found)
            for event in found:
                moment = _moment(event[AT])
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


class _Names:
    """Names of queues and owners by the numbers that transactions have. `known` is kept between pages."""

    def __init__(
        self, client: Client, known: dict[tuple[str, str], str | None], wanted: frozenset[str]
    ) -> None:
        self._client = client
        self._known = known
        self.wanted = wanted
        self.warnings: list[str] = []

    def of(self, kind: str, number: str | None) -> str | None:
        """The name, asked once; None (and a warning) for what is gone or not shown."""
        if number is None:
            return None
        key = (kind, number)
        if key not in self._known:
            try:
                body = self._client.ask("GET", f"{API}/{NAMED[kind]}/{quote(number, safe='')}").body
                self._known[key] = as_text(body.get("Name"))
            except (ForbiddenError, NotThereError):
                self._known[key] = None
        if self._known[key] is None:
            right = "grant SeeQueue on it" if kind == "Queue" else "make the account privileged"
            self.warnings.append(
                f"incidents: the account does not see {NAMED[kind]} {number}, which some had before; fix: {right}"
            )
        return self._known[key]


def _transactions(
    client: Client, items: Sequence[Mapping[str, Any]], names: _Names
) -> dict[str, list[Transaction]]:
    """The transactions of tickets that change what is read, by ticket.

    Those of custom fields are asked for only where the account sees the field: hidden rows would look like the end.
    """
    alike: dict[frozenset[tuple[str, str]], list[str]] = {}
    for item in items:
        shown = frozenset(
            (str(one["id"]), str(one["name"]))
            for one in _custom(item)
            if custom_field(str(one["name"])) in names.wanted
        )
        alike.setdefault(shown, []).append(str(item["id"]))
    found: dict[str, list[Transaction]] = {}
    for shown, tickets in alike.items():
        for row in _rows_of(client, tickets, sorted(number for number, _ in shown)):
            found.setdefault(str(row["ObjectId"]), []).append(_transaction(row, dict(shown), names))
    return found


def _rows_of(client: Client, tickets: Sequence[str], fields: Sequence[str]) -> Iterator[Mapping[str, Any]]:
    """Rows of transactions in the order of their numbers. RT gives no total here: the end is where no more come.

    Each question begins with the row before, so that no answer but ours can look like the end.
    """
    custom = f"(Type = 'CustomField' AND {_any_of('Field', fields)})" if fields else ""
    kinds = " OR ".join([*(f"Type = '{kind}'" for kind in _KINDS), *([custom] if custom else [])])
    asked = set(tickets)
    query = ["ObjectType = 'RT::Ticket'", _any_of("ObjectId", tickets, quoted=False), f"({kinds})"]
    after = 0
    while True:
        body = _answer(
            client,
            "transactions",
            [*query, f"id >= {after}"],
            fields=("ObjectId", "Type", "Field", "OldValue", "NewValue", "Created"),
            order=("id",),
            limit=MAX_PAGE,
        )
        found = body["items"]
        if after and (not found or int(found[0]["id"]) != after):
            raise TransientError("the source leaves out a transaction that it gave before")
        new = found[1:] if after else found
        for row in new:
            if int(row["id"]) <= after or str(row["ObjectId"]) not in asked:
                raise TransientError("the source answers with transactions that were not asked for")
            after = int(row["id"])
            yield row
        if not new or body.get("total") == len(found):
            return


def _transaction(row: Mapping[str, Any], shown: Mapping[str, str], names: _Names) -> Transaction:
    kind, name = str(row["Type"]), as_text(row.get("Field")) or None
    old, new = old_value(row.get("OldValue")), old_value(row.get("NewValue"))
    is_custom = kind == "CustomField"
    if is_custom:
        name = shown[name or ""]
    elif name in NAMED:
        kind_of, name = name, f"{name}.Name"
        old = names.of(kind_of, old) if name in names.wanted else None
    return Transaction(int(row["id"]), kind, str(row["Created"]), name, is_custom, old, new)


def _answer(
    client: Client,
    what: str,
    query: Sequence[str],
    *,
    fields: Sequence[str],
    limit: int,
    order: Sequence[str] = (),
    is_falling: bool = False,
    page: int | None = None,
    fix: str = "",
) -> dict[str, Any]:
    """The answer to one search, its items as objects. Raises `SourceError`."""
    wanted = dict.fromkeys(_asked_field(name) for name in fields)
    body = client.ask(
        "GET",
        f"{API}/{what}",
        params={
            "query": " AND ".join(query),
            "fields": ",".join(name for name in wanted if name),
            **{f"fields[{name}]": "Name" for name in NAMED if name in wanted},
            **(
                {"orderby": list(order), "order": ["DESC" if is_falling else "ASC"] * len(order)}
                if order
                else {}
            ),
            "per_page": limit,
            **({"page": page} if page else {}),
        },
        fix=fix,
    ).body
    items = body.get("items") if isinstance(body, dict) else None
    if not isinstance(items, list) or not all(isinstance(item, dict) and "id" in item for item in items):
        raise client.error(f"{what}: the answer is no search result", _NOT_RT)
    if (body.get("per_page"), body.get("page")) != (limit, page or 1):
        raise TransientError(f"{what}: the source answers with another page than asked for")
    return body


def _asked_field(name: str) -> str | None:
    """What REST is asked for to get a field of the mapping; None for what it does not give."""
    if _CUSTOM.fullmatch(name):
        return "CustomFields"
    if name == LEVEL:
        return "Priority"
    return None if name.startswith("event.") or name == "id" else name.removesuffix(".Name")


def _is_known(name: str) -> bool:
    return (
        name in (*COLUMNS, LEVEL, SEQUENCE, AT, DERIVED, *(f"{one}.Name" for one in NAMED))
        or _CUSTOM.fullmatch(name) is not None
    )


def _behind(cursor: Cursor) -> list[str]:
    """The conditions of a cursor. Of times `=` would mean the whole day."""
    found = []
    if cursor["since"] is None:
        found.append(f"id > {cursor['after'][1] if cursor['after'] else 0}")
    elif cursor["after"] is None:
        found.append(f"LastUpdated >= '{cursor['since']}'")
    else:
        at, number = cursor["after"]
        found.append(f"(LastUpdated > '{at}' OR (LastUpdated >= '{at}' AND id > {number}))")
    if cursor["until"]:
        found.append(f"LastUpdated < '{cursor['until']}'")
    return found


def _see_that_asked_for(client: Client, items: Sequence[Mapping[str, Any]], cursor: Cursor) -> None:
    """Raise `TransientError` for rows of another question, as from a stale cache."""
    by_time = cursor["since"] is not None
    before = (cursor["since"] or "", 0) if cursor["after"] is None else (*cursor["after"],)
    for item in items:
        at = _plain(item.get("LastUpdated"))
        if not at:
            raise client.error(f"ticket {item['id']} comes without LastUpdated", _NOT_RT)
        here = (at, int(item["id"]))
        fits = here > before if by_time else here[1] > before[1]
        if not fits or (cursor["until"] and at >= cursor["until"]):
            raise TransientError("the source answers with tickets that were not asked for")
        before = here


def _any_of(name: str, values: Iterable[str], *, quoted: bool = True) -> str:
    """A condition that one of the values meets; empty without any."""
    found = [f"{name} = {_quoted(value) if quoted else value}" for value in values]
    return f"({' OR '.join(found)})" if found else ""


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _ticket(item: Mapping[str, Any], names: Sequence[str]) -> Ticket:
    """A ticket as REST gives it, by the names of the mapping."""
    custom = {
        str(one["name"]): tuple(str(value) for value in one.get("values") or ()) for one in _custom(item)
    }
    cells: Cells = {"Priority": _cell(item.get("Priority"))}
    for name in names:
        match = _CUSTOM.fullmatch(name)
        if match:
            cells[name] = next(iter(custom.get(match[1], ())), None)
        elif not name.startswith("event.") and name != LEVEL:
            cells[name] = _cell(item.get(name.removesuffix(".Name")))
    return Ticket(cells, custom)


def _custom(item: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The custom fields of a ticket; where it has none RT gives an empty text."""
    found = item.get("CustomFields")
    return found if isinstance(found, list) else []


def _cell(value: Any) -> str | None:
    """A value as text: of an object its name, of several the first."""
    if isinstance(value, list):
        value = value[0] if value else None
    if isinstance(value, dict):
        value = value.get("Name", value.get("id"))
    return as_text(value)


def _unlike_the_mapping(
    table: str, items: Sequence[Mapping[str, Any]], names: Sequence[str]
) -> tuple[str, ...]:
    """What a person should know: custom fields that some queues do not show, or that have several values."""
    found: set[str] = set()
    for item in items:
        shown = {custom_field(str(one["name"])): one.get("values") or () for one in _custom(item)}
        for name in names:
            if not _CUSTOM.fullmatch(name):
                continue
            if name not in shown:
                found.add(
                    f"{table}: tickets of queue {_cell(item.get('Queue'))} show no {name}; "
                    "fix: correct the name, apply the field to the queue, or grant SeeCustomField"
                )
            elif len(shown[name]) > 1:
                found.add(f"{table}: some have several {name}; the first counts")
    return tuple(sorted(found))


def _plain(text: Any) -> str:
    """A time of an answer as searches take it; empty for what is none."""
    moment = _moment(as_text(text))
    return moment.strftime(_TIME) if moment else ""


def _moment(text: str | None) -> datetime | None:
    """A time of the source in UTC."""
    try:
        return datetime.strptime(text or "", "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        return None


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


__all__ = ["RequestTrackerConnector", "RequestTrackerSource", "TableSettings"]
