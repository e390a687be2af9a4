"""ServiceNow through its Table API, read by keyset; incidents with their history from `sys_audit`.

Rows are asked for in the order of (sys_updated_on, sys_id) behind the last one seen, because offsets skip rows when
others are deleted. Access rules hide rows after the page was cut: an empty page is not the end (KB3047115), so its
`Link` is followed. Values, not display values, are read: those are in the user's zone and language (KB0534905).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from assets.connectors.base import Window
from assets.connectors.http import Client
from assets.connectors.paged import PagedConnector, as_text
from assets.connectors.paged_settings import Mapped, TableSettings
from assets.connectors.servicenow_history import Change, history
from assets.connectors.servicenow_records import (
    APPROVED,
    MADE,
    REQUEST_OF,
    add_approved,
    add_decision,
    add_known_error,
    as_minutes,
    is_known_error,
)
from assets.connectors.servicenow_settings import REFERENCES, ServiceNowSource
from assets.connectors.sign_in import BasicSignIn, SignIn, secret
from assets.landing.contracts import contract
from assets.landing.spool import Cursor, Page, RawRow

API = "/api/now/table/"
#: Identities in one question: the address stays below 8 KiB.
IDS_A_QUESTION = 100
#: What the connector itself adds to an incident's fields.
_MADE = ("is_derived", "made_sla")
_ENDED = ("6", "7")
_TIME = "%Y-%m-%d %H:%M:%S"
Cells = dict[str, str | None]


@dataclass(frozen=True)
class OAuthSignIn:
    """Client credentials for a token that expires (RFC 6749, 4.4); asked again when it has."""

    source: str
    client_id: str
    variable: str
    can_renew: bool = True

    @property
    def names(self) -> str:
        """The variable."""
        return self.variable

    def __call__(self, client: Client) -> tuple[dict[str, str], tuple[str, ...]]:
        """The header with a new token."""
        password = secret(self.source, self.variable)
        form = {"grant_type": "client_credentials", "client_id": self.client_id, "client_secret": password}
        body = client.ask("POST", "/oauth_token.do", form=form, signed=False).body
        token = body.get("access_token") if isinstance(body, dict) else None
        if not isinstance(token, str):
            raise client.error("oauth_token.do gave no access_token", "check the OAuth application registry")
        return {"Authorization": f"Bearer {token}"}, (token, password)


class ServiceNowConnector(PagedConnector):
    """Reads one instance. Opens nothing before `batches` is iterated."""

    _source: ServiceNowSource
    rights = "read on the table and its fields (itil, or snc_read_only with ACLs; sys_audit needs an ACL of its own)"

    def sign_in(self) -> SignIn | None:
        """Basic or OAuth; None: the token."""
        source = self._source
        if source.user is not None:
            return BasicSignIn(source.name, source.user, source.password_env or "")
        if source.client_id is not None:
            return OAuthSignIn(source.name, source.client_id, source.client_secret_env or "")
        return None

    def first(self, table: str, window: Window | None) -> Cursor:
        """From the window's first second on. Incidents have no end: one changed later has its events inside."""
        if window is None:
            return {"from": None, "until": None, "after": None, "offset": 0}
        until = None if table == "incidents" else _text(_midnight(window.end + timedelta(days=1)))
        day = {"last": window.end.isoformat()}
        return {
            "from": _text(_midnight(window.start)),
            "until": until,
            "after": None,
            "offset": 0,
            **(day if table == "incidents" else {}),
        }

    def page(self, client: Client, table: str, cursor: Cursor) -> Page:
        """One page of a table; incidents with the events of their history that lie in the window."""
        mapped = self._source.mapped(table)
        made = MADE.get(table, ())
        asked = (
            _plain_fields(mapped)
            if table == "incidents"
            else [name for name in mapped.source_fields if name not in made]
        )
        rows, following, announced = self._ask(client, mapped.source, mapped.filter, asked, cursor)
        keys = tuple(row.get("sys_id") or _made_up_key(row) for row in rows)
        if table != "incidents":
            self._complete(client, table, mapped, rows)
            found = tuple(
                RawRow(key, _moment(row.get("sys_updated_on")), row)
                for key, row in zip(keys, rows, strict=True)
            )
            return Page(found, following, announced)
        events, warnings = self._events(client, mapped, rows, cursor)
        return Page(tuple(events), following, announced, keys, warnings)

    def census_page(self, client: Client, table: str, cursor: Cursor | None) -> Page:
        """Keys of a whole table in the order of sys_id, which no update changes."""
        mapped = self._source.mapped(table)
        key = mapped.columns[contract(table).key[0]]
        start: Cursor = cursor or {"from": None, "until": None, "after": None, "offset": 0}
        fields = (key, "sys_created_on")
        rows, following, announced = self._ask(client, mapped.source, mapped.filter, fields, start)
        found = tuple(
            RawRow(
                row.get(key) or "", _moment(row.get("sys_updated_on")), {"created": row.get("sys_created_on")}
            )
            for row in rows
        )
        return Page(
            found, following, announced, tuple(row.get("sys_id") or _made_up_key(row) for row in rows)
        )

    # --- questions ---

    def _ask(
        self, client: Client, source: str, condition: str | None, fields: Iterable[str], cursor: Cursor
    ) -> tuple[list[Cells], Cursor | None, int | None]:
        """Rows of one answer, the cursor behind it, and the announced number if this is the first page."""
        limit = self._source.page_rows
        answer = client.ask(
            "GET",
            API + source,
            params={
                "sysparm_query": _query(condition, cursor),
                "sysparm_fields": ",".join(dict.fromkeys([*fields, "sys_id", "sys_updated_on"])),
                "sysparm_display_value": "false",
                "sysparm_exclude_reference_link": "true",
                "sysparm_limit": limit,
                "sysparm_offset": cursor["offset"],
            },
            rights=f"read on {source} ({self.rights})",
        )
        result = answer.body.get("result") if isinstance(answer.body, dict) else None
        if not isinstance(result, list) or not all(isinstance(row, dict) for row in result):
            raise client.error(f"{source}: the answer has no list `result`", "check that url is an instance")
        rows = [{name: _value(cell) for name, cell in row.items()} for row in result]
        has_more = len(rows) >= limit or re.search(r'rel="?next"?', answer.headers.get("link", ""))
        following = _behind(rows, cursor, limit) if has_more else None
        is_first = cursor["after"] is None and cursor["offset"] == 0
        total = answer.headers.get("x-total-count", "")
        return rows, following, int(total) if is_first and total.isdigit() else None

    def _all(
        self, client: Client, source: str, condition: str, fields: Sequence[str], since: str | None = None
    ) -> Iterator[Cells]:
        """Every row of a bounded question, ordered by sys_id."""
        where = condition if since is None else f"{condition}^sys_created_on>={since}"
        cursor: Cursor | None = {"from": None, "until": None, "after": None, "offset": 0}
        while cursor is not None:
            rows, cursor, _ = self._ask(client, source, where, fields, cursor)
            yield from rows

    def _complete(self, client: Client, table: str, mapped: Mapped, rows: Sequence[Cells]) -> None:
        """Put what a table's contract wants in the place of what ServiceNow gives."""
        kinds = {column: contract(table).fields[field].type for field, column in mapped.columns.items()}
        lengths = [column for field, column in mapped.columns.items() if field.endswith("_minutes")]
        for row in rows:
            for name in [column for column, kind in kinds.items() if kind == "date"]:
                row[name] = (row.get(name) or "")[:10] or None  # they come with a time of day
            for name in lengths:
                row[name] = as_minutes(row.get(name))
        if table in APPROVED:
            requests = self._requests(client, APPROVED[table], rows)
            for row in rows:
                add_decision(row, mapped.columns["state"])
                add_approved(row, APPROVED[table], requests)
        if table == "problems":
            ids = [row["sys_id"] or "" for row in rows if is_known_error(row) and row.get("sys_id")]
            trail = self._trail(client, "problem", ids, None, "known_error")
            for row in rows:
                add_known_error(row, trail.get(row.get("sys_id") or "", ()))

    def _requests(self, client: Client, reference: str, rows: Sequence[Cells]) -> dict[str, str | None]:
        """Numbers of the requests to which what these approvals are about belongs, by the sys_id of the part."""
        found: dict[str, str | None] = {}
        for source, request in REQUEST_OF.items():
            parts = {
                row.get(reference) or "" for row in rows if row.get(f"{reference}.sys_class_name") == source
            }
            for some in _chunks(sorted(parts - {""})):
                for row in self._all(client, source, f"sys_idIN{','.join(some)}", ("sys_id", request)):
                    found[row.get("sys_id") or ""] = row.get(request)
        return found

    # --- incidents ---

    def _events(
        self, client: Client, mapped: Mapped, rows: list[Cells], cursor: Cursor
    ) -> tuple[list[RawRow], tuple[str, ...]]:
        """What happened to these incidents in the window, one row an update, as they were after it."""
        first = str(cursor["from"])
        last = _text(_midnight(date.fromisoformat(str(cursor["last"])) + timedelta(days=1)))
        ids = [row["sys_id"] or "" for row in rows if row.get("sys_id")]
        trail = self._trail(client, "incident", ids, first)
        kept_target = self._kept_target(client, ids) if "made_sla" in mapped.source_fields else {}
        events: list[RawRow] = []
        silent = 0
        for row in rows:
            key = row.get("sys_id") or _made_up_key(row)
            changes = trail.get(key, [])
            found = history(row, changes, first)
            silent += any(event["is_derived"] == "true" for event in found)
            for event in found:
                moment = event.get("sys_updated_on") or ""
                if _moment(moment) is None or first <= moment < last:
                    ended = event.get("state") in _ENDED
                    event["made_sla"] = kept_target.get(key) if ended else None
                    events.append(RawRow(f"{key}/{event.get('sys_mod_count')}", _moment(moment), event))
        self._resolve(client, mapped, events)
        if not silent:
            return events, ()
        return events, (
            f"incidents: {silent} were changed, but sys_audit shows no history of them; "
            "fix: audit the table incident and let the account read sys_audit",
        )

    def _trail(
        self, client: Client, source: str, ids: Sequence[str], since: str | None, field: str | None = None
    ) -> dict[str, list[Change]]:
        """Audited changes (of one field) by record. sys_audit is append-only and keeps values, not what users see."""
        fields = (
            "documentkey",
            "fieldname",
            "oldvalue",
            "newvalue",
            "record_checkpoint",
            "sys_created_on",
        )
        found: dict[str, list[Change]] = {}
        for some in _chunks(ids):
            where = f"tablename={source}^documentkeyIN{','.join(some)}"
            where += f"^fieldname={field}" if field else ""
            for row in self._all(client, "sys_audit", where, fields, since):
                count = row.get("record_checkpoint") or ""
                if count.isdigit() and row.get("documentkey") and _moment(row.get("sys_created_on")):
                    found.setdefault(row["documentkey"] or "", []).append(
                        Change(
                            int(count),
                            row["sys_created_on"] or "",
                            row.get("fieldname") or "",
                            row.get("oldvalue") or "",
                        )
                    )
        return found

    def _kept_target(self, client: Client, ids: Sequence[str]) -> dict[str, str]:
        """Whether ServiceNow says that an incident kept its target: no agreed clock of it is breached."""
        found: dict[str, str] = {}
        for some in _chunks(ids):
            where = f"taskIN{','.join(some)}^{self._source.sla_filter}"
            for row in self._all(client, "task_sla", where, ("task", "has_breached", "stage")):
                if row.get("stage") != "cancelled":
                    task = row.get("task") or ""
                    kept = found.get(task) != "false" and row.get("has_breached") != "true"
                    found[task] = "true" if kept else "false"
        return found

    def _resolve(self, client: Client, mapped: Mapped, events: list[RawRow]) -> None:
        """Fields behind a reference, such as problem_id.number, of the record it led to at the time."""
        for column in mapped.source_fields:
            reference, _, field = column.partition(".")
            if not field:
                continue
            ids = sorted({event.cells[reference] or "" for event in events if event.cells.get(reference)})
            names: dict[str, str | None] = {}
            for some in _chunks(ids):
                for row in self._all(
                    client, REFERENCES[reference], f"sys_idIN{','.join(some)}", ("sys_id", field)
                ):
                    names[row.get("sys_id") or ""] = row.get(field)
            for event in events:
                cells: Any = event.cells
                value = cells.get(reference)
                cells[column] = names.get(value, value) if value else None
        plain = set(mapped.source_fields)
        for event in events:
            gone: Any = event.cells
            for name in [name for name in gone if name in REFERENCES and name not in plain]:
                del gone[name]


def _plain_fields(mapped: Mapped) -> tuple[str, ...]:
    """Fields of an incident's own record: references as they stand, nothing that the connector makes."""
    fields = (name.partition(".")[0] for name in mapped.source_fields if name not in _MADE)
    return tuple(dict.fromkeys([*fields, "sys_mod_count", "sys_created_on"]))


def _query(condition: str | None, cursor: Cursor) -> str:
    """The encoded query of a cursor.

    ^NQ joins whole queries by "or" and a condition holds only in its own (KB0564887): each repeats all of them.
    """
    own = [condition] if condition else []
    if cursor["from"] is None:
        after = [f"sys_id>{cursor['after'][1]}"] if cursor["after"] else []
        return "^".join([*own, *after, "ORDERBYsys_id"])
    own += [f"sys_updated_on<{cursor['until']}"] if cursor["until"] else []
    order = ["ORDERBYsys_updated_on", "ORDERBYsys_id"]
    if cursor["after"] is None:
        return "^".join([f"sys_updated_on>={cursor['from']}", *own, *order])
    moment, key = cursor["after"]
    later = "^".join([f"sys_updated_on>{moment}", *own])
    return "^NQ".join([later, "^".join([f"sys_updated_on={moment}", f"sys_id>{key}", *own, *order])])


def _behind(rows: list[Cells], cursor: Cursor, limit: int) -> Cursor:
    """Where to go on: behind the last row that can be placed, or, when all are hidden, behind the whole page."""
    for row in reversed(rows):
        moment, key = row.get("sys_updated_on"), row.get("sys_id")
        if key and (cursor["from"] is None or _moment(moment) is not None):
            return {**cursor, "after": [moment, key], "offset": 0}
    return {**cursor, "offset": cursor["offset"] + limit}


def _value(cell: Any) -> str | None:
    """A cell as text: of a reference or a value with its display value, the value."""
    if isinstance(cell, Mapping) and "value" in cell:
        cell = cell["value"]
    return as_text(cell)


def _made_up_key(row: Cells) -> str:
    """An identity for a row that came without one, so that it is not lost."""
    return "content:" + hashlib.sha256(json.dumps(row, sort_keys=True).encode()).hexdigest()[:32]


def _chunks(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(ids), IDS_A_QUESTION):
        yield ids[start : start + IDS_A_QUESTION]


def _moment(text: str | None) -> datetime | None:
    """A time of the Table API: UTC without saying so."""
    try:
        return datetime.strptime(text or "", _TIME).replace(tzinfo=UTC)
    except ValueError:
        return None


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _text(moment: datetime) -> str:
    return moment.strftime(_TIME)


__all__ = ["ServiceNowConnector", "ServiceNowSource", "TableSettings"]
