"""GLPI through its REST API (`apirest.php`), read by keyset; incidents with their history from the item's log.

A search sorts by one column only, and its offsets shift when rows change: rows are asked for behind the last time of
change seen, and where more rows share a second than a page holds, behind the last id of that second. So no range
begins behind the end, which would be an error (400).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from assets.connectors.base import Window
from assets.connectors.glpi_history import AT, DERIVED, SEQUENCE, Cells, Logged, history
from assets.connectors.glpi_search import (
    SECOND,
    TIME,
    Options,
    behind,
    cell,
    criteria,
    following_of,
    is_several,
    see_that_asked_for,
)
from assets.connectors.glpi_session import API, SessionSignIn
from assets.connectors.glpi_settings import GlpiSource, conditions
from assets.connectors.http import Client
from assets.connectors.paged import PagedConnector
from assets.connectors.paged_settings import PagedSource, TableSettings
from assets.connectors.remote import NotThereError, RetryPolicy, TransientError
from assets.connectors.sign_in import SignIn
from assets.landing.contracts import contract
from assets.landing.spool import Cursor, Page, RawRow

#: Items in one question: the address stays below 8 KiB, and PHP takes 1,000 variables.
ITEMS_A_QUESTION = 50
#: Where clocks are put back, one local hour stands for two.
_CLOCK_CHANGE = timedelta(hours=1)
#: How a join says that the actor is the assigned one (CommonITILActor::ASSIGN), as SQL or as an array.
_ASSIGNED = re.compile(r"type\W+2\b")
_NUMBERED = re.compile(r"\s*\(\d+\)$")


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
        begin = _midnight(window.start) - _CLOCK_CHANGE - SECOND
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
                **criteria([*conditions(mapped.filter), *behind(cursor, key, changed)], options),
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
            {uid: cell(row.get(number)) for uid, number in options.numbers.items() if number in row}
            for row in found
        ]
        see_that_asked_for(rows, cursor, key, changed)
        kept, following = following_of(rows, cursor, key, changed, cursor["offset"] + limit < total, limit)
        several = {
            uid for row in found for uid, number in options.numbers.items() if is_several(row.get(number))
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
            found = datetime.strptime(text or "", TIME).replace(tzinfo=ZoneInfo(self._source.zone))
        except ValueError:
            return None
        return found.astimezone(UTC)

    def _local(self, moment: datetime) -> str:
        """As the source writes a time."""
        return moment.astimezone(ZoneInfo(self._source.zone)).strftime(TIME)


def _logged(row: Mapping[str, Any], fields: Mapping[str, str], names: frozenset[str]) -> Logged:
    """A log row; a name is logged as `name (number)`."""
    field = fields.get(str(row.get("id_search_option"))) if str(row.get("linked_action")) == "0" else None
    old = cell(row.get("old_value"))
    if field in names and old is not None:
        old = _NUMBERED.sub("", old) or None
    return Logged(int(row["id"]), str(row.get("date_mod")), int(row.get("linked_action") or 0), field, old)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


__all__ = ["GlpiConnector", "GlpiSource", "TableSettings"]
