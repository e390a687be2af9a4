"""GLPI through its REST API (`apirest.php`), read by keyset; incidents with their history from the item's log.

A search sorts by one column only, and its offsets shift when rows change: rows are asked for behind the last time of
change seen, and where more rows share a second than a page holds, behind the last id of that second. So no range
begins behind the end, which would be an error (400).
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import field_validator, model_validator

from assets.connectors.base import Window
from assets.connectors.glpi_history import AT, DERIVED, SEQUENCE, Cells, Logged, history
from assets.connectors.http import Client
from assets.connectors.paged import PagedConnector, as_text
from assets.connectors.paged_settings import PagedSource, TableSettings
from assets.connectors.remote import NotThereError, RetryPolicy, SourceError, TransientError, hide
from assets.connectors.sign_in import BasicSignIn, SignIn, secret
from assets.landing.contracts import contract
from assets.landing.spool import Cursor, Page, RawRow

API = "/apirest.php"
#: Items in one question: the address stays below 8 KiB, and PHP takes 1,000 variables.
ITEMS_A_QUESTION = 50
_TIME = "%Y-%m-%d %H:%M:%S"
_SECOND = timedelta(seconds=1)
#: Where clocks are put back, one local hour stands for two.
_CLOCK_CHANGE = timedelta(hours=1)
_CONDITION = re.compile(r"(\S+) (contains|equals|notequals|lessthan|morethan|under|notunder) (.+)")
#: How a join says that the actor is the assigned one (CommonITILActor::ASSIGN), as SQL or as an array.
_ASSIGNED = re.compile(r"type\W+2\b")
_NUMBERED = re.compile(r"\s*\(\d+\)$")


class GlpiSource(PagedSource):
    """Configuration of one instance. Signs in with `token_env` (a user's API token), or `user` and `password_env`.

    `zone` is the IANA zone of its times, which carry none. `app_token_env` holds the token of the API client.
    """

    type: Literal["glpi"]
    zone: str
    user: str | None = None
    password_env: str | None = None
    app_token_env: str | None = None

    @field_validator("zone")
    @classmethod
    def _known_zone(cls, zone: str) -> str:
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError):
            raise ValueError(
                f"'{zone}' is no IANA time zone; fix: use a name such as Europe/Berlin"
            ) from None
        return zone

    @model_validator(mode="after")
    def _one_way_to_sign_in(self) -> GlpiSource:
        if (self.user is None) != (self.password_env is None):
            raise ValueError("user and password_env belong together; fix: give both or neither")
        if (self.user is None) == (self.token_env is None):
            raise ValueError("needs one way to sign in; fix: give token_env, or user and password_env")
        return self

    @model_validator(mode="after")
    def _filters_are_criteria(self) -> GlpiSource:
        for table, settings in self.tables.items():
            try:
                conditions(settings.filter)
            except ValueError as error:
                raise ValueError(f"tables.{table}.filter: {error}") from None
        return self


@dataclass(frozen=True)
class SessionSignIn:
    """A session of the API, over all entities that the account may see; made anew when it has ended."""

    source: GlpiSource
    can_renew: bool = True
    sign_out_path: str = f"{API}/killSession"
    sign_out_body: None = None

    @property
    def names(self) -> str:
        """The variables."""
        found = (self.source.token_env, self.source.password_env, self.source.app_token_env)
        return " and ".join(name for name in found if name)

    def __call__(self, client: Client) -> tuple[dict[str, str], tuple[str, ...]]:
        """The headers of the session."""
        source = self.source
        secrets: list[str] = []
        app: dict[str, str] = {}
        if source.app_token_env is not None:
            app["App-Token"] = secret(source.name, source.app_token_env)
            secrets.append(app["App-Token"])
        if source.token_env is not None:
            token = secret(source.name, source.token_env)
            proof, coded = {"Authorization": f"user_token {token}"}, [token]
        else:
            proof, hidden = BasicSignIn(source.name, source.user or "", source.password_env or "")(client)
            coded = [*hidden]
        secrets += coded
        try:
            body = client.ask("GET", f"{API}/initSession", headers={**app, **proof}, signed=False).body
            session = body.get("session_token") if isinstance(body, dict) else None
            if not isinstance(session, str):
                raise client.error(
                    "initSession gave no session_token", "check url, and that the REST API is on"
                )
            secrets.append(session)
            signed = {**app, "Session-Token": session}
            # A session begins in the account's default entity alone and then finds no ticket of the others.
            # Without entities_id all are meant; GLPI takes the word "all" for the number 0, the root entity.
            every = {"is_recursive": True}
            path = f"{API}/changeActiveEntities"
            if not client.ask("POST", path, json_body=every, headers=signed, signed=False).body:
                raise client.error(
                    "changeActiveEntities was refused: the account is in no entity",
                    "give it a profile in one",
                )
        except SourceError as error:
            raise SourceError(source.name, hide(error.problem, *secrets), error.fix) from None
        return signed, tuple(secrets)


@dataclass(frozen=True)
class Options:
    """Numbers of search options by uid (they differ between instances), and the uids whose values are names."""

    numbers: Mapping[str, str]
    names: frozenset[str]


class GlpiConnector(PagedConnector):
    """Reads one instance. Opens nothing before `batches` is iterated."""

    _source: GlpiSource
    rights = "a profile that sees all of them (tickets: See all tickets), and read on Logs"

    def __init__(
        self, source: PagedSource, *, spool: Path | None = None, retries: RetryPolicy | None = None
    ) -> None:
        super().__init__(source, spool=spool, retries=retries)
        self._options: dict[str, Options] = {}

    def sign_in(self) -> SignIn | None:
        """A session."""
        return SessionSignIn(self._source)

    def headers(self) -> Mapping[str, str]:
        """What the API wants on every question."""
        return {"Content-Type": "application/json"}

    def zone(self, client: Client, table: str) -> str | None:  # noqa: ARG002
        """As configured."""
        return self._source.zone

    def first(self, table: str, window: Window | None) -> Cursor:
        """From just before the window on. Incidents have no end: one changed later has its events inside.

        Rows come behind the time `after`, or (`at`) of that second behind the number `id`, or (neither) behind `id`.
        """
        start: dict[str, Any] = {
            "after": None,
            "until": None,
            "at": None,
            "id": 0,
            "offset": 0,
            "is_first": True,
        }
        if window is None:
            return start
        begin = _midnight(window.start) - _CLOCK_CHANGE - _SECOND
        end = _midnight(window.end + timedelta(days=1)) + _CLOCK_CHANGE
        if table == "incidents":
            days = [window.start.isoformat(), window.end.isoformat()]
            return {**start, "after": self._local(begin), "days": days}
        return {**start, "after": self._local(begin), "until": self._local(end)}

    def page(self, client: Client, table: str, cursor: Cursor) -> Page:
        """One page of a table; incidents with the events of their history that lie in the window."""
        itemtype = self._source.mapped(table).source
        rows, following, announced, warnings = self._ask(client, table, cursor)
        keys = tuple(row[f"{itemtype}.id"] or "" for row in rows)
        if table != "incidents":
            moments = [self._moment(row.get(f"{itemtype}.date_mod")) for row in rows]
            found = tuple(RawRow(*one) for one in zip(keys, moments, rows, strict=True))
            return Page(found, following, announced, warnings=warnings)
        events, more = self._events(client, rows, cursor)
        return Page(tuple(events), following, announced, keys, (*warnings, *more))

    def census_page(self, client: Client, table: str, cursor: Cursor | None) -> Page:
        """All of a table in the order of its numbers, which no update changes."""
        mapped = self._source.mapped(table)
        itemtype, key = mapped.source, mapped.columns[contract(table).key[0]]
        rows, following, announced, _ = self._ask(client, table, cursor or self.first(table, None))
        found = []
        for row in rows:
            opened = self._moment(row.get(f"{itemtype}.date"))
            created = opened.isoformat() if opened else None
            changed = self._moment(row.get(f"{itemtype}.date_mod"))
            found.append(RawRow(row.get(key) or "", changed, {"created": created}))
        return Page(tuple(found), following, announced, tuple(row[f"{itemtype}.id"] or "" for row in rows))

    # --- questions ---

    def _ask(
        self, client: Client, table: str, cursor: Cursor
    ) -> tuple[list[Cells], Cursor | None, int | None, tuple[str, ...]]:
        """Rows of one search by uid, the cursor behind them, on the first page the announced number, warnings."""
        mapped, limit = self._source.mapped(table), self._source.page_rows
        itemtype = mapped.source
        key, changed = f"{itemtype}.id", f"{itemtype}.date_mod"
        options = self._options_of(client, table)
        by_time = cursor["after"] is not None and cursor["at"] is None
        answer = client.ask(
            "GET",
            f"{API}/search/{itemtype}",
            params={
                **_criteria([*conditions(mapped.filter), *_behind(cursor, key, changed)], options),
                "sort": options.numbers[changed if by_time else key],
                "order": "ASC",
                "range": f"{cursor['offset']}-{cursor['offset'] + limit - 1}",
                **{f"forcedisplay[{place}]": one for place, one in enumerate(options.numbers.values())},
            },
            rights=f"read on {itemtype}: {self.rights}",
        )
        body = answer.body if isinstance(answer.body, dict) else {}
        # Where nothing is found there is no `data`.
        found, total = body.get("data", []), body.get("totalcount")
        if not isinstance(found, list) or not isinstance(total, int):
            raise client.error(
                f"search/{itemtype}: the answer is no search result", "check that url is a GLPI"
            )
        rows = [
            {uid: _cell(row.get(number)) for uid, number in options.numbers.items() if number in row}
            for row in found
        ]
        _see_that_asked_for(rows, cursor, key, changed)
        kept, following = _following(rows, cursor, key, changed, cursor["offset"] + limit < total, limit)
        several = {
            uid for row in found for uid, number in options.numbers.items() if _is_several(row.get(number))
        }
        warnings = [f"{table}: some have several {uid}; the first counts" for uid in sorted(several)]
        return kept, following, total if cursor["is_first"] else None, tuple(warnings)

    def _options_of(self, client: Client, table: str) -> Options:
        """The numbers of the fields that are read. Raises `SourceError` for one that is not there."""
        if table in self._options:
            return self._options[table]
        mapped = self._source.mapped(table)
        itemtype = mapped.source
        found = client.ask("GET", f"{API}/listSearchOptions/{itemtype}", rights=f"read on {itemtype}").body
        known = {number: one for number, one in found.items() if number.isdigit()}
        wanted = [*mapped.source_fields, *(uid for uid, _, _ in conditions(mapped.filter))]
        numbers: dict[str, str] = {}
        for uid in dict.fromkeys(uid for uid in wanted if not uid.startswith("event.")):
            fits = [number for number, one in known.items() if uid in (one.get("uid"), number)]
            if len(fits) > 1:
                fits = self._assigned(client, itemtype, fits)
            if len(fits) != 1:
                raise client.error(
                    f"{itemtype} has {len(fits)} search options {uid!r}",
                    f"see listSearchOptions, and name another, or its number, under tables.{table}.columns",
                )
            numbers[uid] = fits[0]
        names = frozenset(uid for uid, one in numbers.items() if known[one].get("datatype") == "dropdown")
        self._options[table] = Options(numbers, names)
        return self._options[table]

    def _assigned(self, client: Client, itemtype: str, numbers: Sequence[str]) -> list[str]:
        """Of options with one uid (groups that ask, watch and are assigned have the same) that of the assigned."""
        raw = client.ask("GET", f"{API}/listSearchOptions/{itemtype}", params={"raw": "1"}).body
        return [one for one in numbers if _ASSIGNED.search(json.dumps(raw.get(one, {}).get("joinparams")))]

    # --- incidents ---

    def _events(
        self, client: Client, rows: Sequence[Cells], cursor: Cursor
    ) -> tuple[list[RawRow], tuple[str, ...]]:
        """What happened to these tickets in the window, one row a logged second, as they were after it."""
        start, end = (date.fromisoformat(day) for day in cursor["days"])
        first, last = _midnight(start), _midnight(end + timedelta(days=1))
        logs = self._logs(client, [row["Ticket.id"] or "" for row in rows])
        events, silent = [], 0
        for row in rows:
            key = row["Ticket.id"] or ""
            found = history(row, logs.get(key, ()))
            silent += any(event[DERIVED] == "true" for event in found)
            for event in found:
                moment = self._moment(event[AT])
                if moment is None or first <= moment < last:
                    events.append(RawRow(f"{key}/{event[SEQUENCE]}", moment, event))
        if not silent:
            return events, ()
        return events, (
            f"incidents: {silent} were changed, but no log shows how; "
            "fix: let the profile read Logs, and see how long GLPI keeps them",
        )

    def _logs(self, client: Client, ids: Sequence[str]) -> dict[str, list[Logged]]:
        """The log of each ticket."""
        options = self._options_of(client, "incidents")
        fields = {number: uid for uid, number in options.numbers.items()}
        found: dict[str, list[Logged]] = {}
        for begin in range(0, len(ids), ITEMS_A_QUESTION):
            for item in self._items(client, ids[begin : begin + ITEMS_A_QUESTION]):
                logs = item.get("_logs")
                # Rows keyed by number, an empty list, or, without the right to see them, an error in their place.
                rows = (
                    [one for one in logs.values() if isinstance(one, dict)] if isinstance(logs, dict) else []
                )
                found[str(item["id"])] = [_logged(one, fields, options.names) for one in rows]
        return found

    def _items(self, client: Client, ids: Sequence[str]) -> list[Mapping[str, Any]]:
        """Tickets with their logs. One that is gone makes GLPI refuse the whole question: then the halves are asked."""
        params = {"with_logs": "1", "get_hateoas": "0"}
        for place, number in enumerate(ids):
            params |= {f"items[{place}][itemtype]": "Ticket", f"items[{place}][items_id]": number}
        try:
            body = client.ask(
                "GET", f"{API}/getMultipleItems", params=params, rights="read on Ticket and Logs"
            ).body
        except NotThereError:
            if len(ids) == 1:
                return []
            half = len(ids) // 2
            return [*self._items(client, ids[:half]), *self._items(client, ids[half:])]
        if not isinstance(body, list) or [str(item.get("id")) for item in body] != list(ids):
            raise TransientError("getMultipleItems: the source answers with items that were not asked for")
        return body

    # --- times ---

    def _moment(self, text: str | None) -> datetime | None:
        """A time of the source in UTC."""
        try:
            found = datetime.strptime(text or "", _TIME).replace(tzinfo=ZoneInfo(self._source.zone))
        except ValueError:
            return None
        return found.astimezone(UTC)

    def _local(self, moment: datetime) -> str:
        """As the source writes a time."""
        return moment.astimezone(ZoneInfo(self._source.zone)).strftime(_TIME)


def conditions(text: str | None) -> list[tuple[str, str, str]]:
    """`<uid> <searchtype> <value>`, joined by AND. Raises ValueError."""
    found = []
    for one in (text or "").split(" AND ") if text else ():
        match = _CONDITION.fullmatch(one.strip())
        if match is None:
            raise ValueError(
                f"{one!r} is no condition; fix: write one such as Ticket.type equals 1, joined by AND"
            )
        found.append((match[1], match[2], match[3]))
    return found


def _criteria(asked: Sequence[tuple[str, str, str]], options: Options) -> dict[str, str]:
    found: dict[str, str] = {}
    for place, (uid, searchtype, value) in enumerate(asked):
        name = f"criteria[{place}]"
        found |= {f"{name}[link]": "AND", f"{name}[field]": options.numbers[uid]}
        found |= {f"{name}[searchtype]": searchtype, f"{name}[value]": value}
    return found


def _behind(cursor: Cursor, key: str, changed: str) -> list[tuple[str, str, str]]:
    """The conditions of a cursor.

    Times know only before and after, and `equals` compares minutes; numbers are compared by a sign in the value.
    """
    if cursor["at"] is not None:
        at = datetime.fromisoformat(cursor["at"])
        return [
            (changed, "morethan", (at - _SECOND).strftime(_TIME)),
            (changed, "lessthan", (at + _SECOND).strftime(_TIME)),
            (key, "contains", f">{cursor['id']}"),
        ]
    if cursor["after"] is None:
        return [(key, "contains", f">{cursor['id']}")]
    until = [(changed, "lessthan", cursor["until"])] if cursor["until"] else []
    return [(changed, "morethan", cursor["after"]), *until]


def _see_that_asked_for(rows: Sequence[Cells], cursor: Cursor, key: str, changed: str) -> None:
    """Raise `TransientError` for rows of another question, as from a stale cache."""
    for row in rows:
        number, at = row.get(key) or "", row.get(changed) or ""
        if cursor["at"] is not None:
            fits = at == cursor["at"] and number.isdigit() and int(number) > cursor["id"]
        elif cursor["after"] is None:
            fits = number.isdigit() and int(number) > cursor["id"]
        else:
            fits = at > cursor["after"] and number.isdigit()
        if not fits:
            raise TransientError("the source answers with rows that were not asked for")


def _following(
    rows: list[Cells], cursor: Cursor, key: str, changed: str, has_more: bool, limit: int
) -> tuple[list[Cells], Cursor | None]:
    """The rows that count, and where to go on.

    The last second of a page may have more rows on the next: it is left to that, or, when the page has no other, gone
    through by number. A page whose rows are all hidden is skipped.
    """
    behind = {**cursor, "offset": 0, "is_first": False}
    if not has_more:
        return rows, None if cursor["at"] is None else {**behind, "after": cursor["at"], "at": None, "id": 0}
    if not rows:
        return rows, {**behind, "offset": cursor["offset"] + limit}
    if cursor["at"] is not None or cursor["after"] is None:
        return rows, {**behind, "id": int(rows[-1][key] or 0)}
    last = rows[-1][changed] or ""
    whole = [row for row in rows if (row[changed] or "") < last]
    if whole:
        return whole, {**behind, "after": whole[-1][changed]}
    return [], {**behind, "at": last, "id": 0}


def _is_several(value: Any) -> bool:
    return isinstance(value, list) and len(value) > 1


def _cell(value: Any) -> str | None:
    """A value as text: of several the first; without the HTML entities in which GLPI keeps texts up to version 10."""
    if isinstance(value, list):
        value = value[0] if value else None
    text = as_text(value)
    return None if text is None else html.unescape(text).strip("\xa0 ") or None


def _logged(row: Mapping[str, Any], fields: Mapping[str, str], names: frozenset[str]) -> Logged:
    """A log row; a name is logged as `name (number)`."""
    field = fields.get(str(row.get("id_search_option"))) if str(row.get("linked_action")) == "0" else None
    old = _cell(row.get("old_value"))
    if field in names and old is not None:
        old = _NUMBERED.sub("", old) or None
    return Logged(int(row["id"]), str(row.get("date_mod")), int(row.get("linked_action") or 0), field, old)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


__all__ = ["GlpiConnector", "GlpiSource", "TableSettings"]
