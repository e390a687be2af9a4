"""Zabbix 6.0 and 7.x by JSON-RPC: numbers of history (and, where it is gone, of trends), and hosts.

`history.get` has no pages. Each question is for a span of time of all items of one value type, sorted by time and
limited; the last second of a full answer may have more rows, so the next question begins with it. The span follows
what the answers hold.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from assets.connectors import census, zabbix_census
from assets.connectors.base import Batch, IsLanded, RejectedInput, Window, rows_digest
from assets.connectors.http import Client
from assets.connectors.paged import PagedConnector, Probe, as_text
from assets.connectors.paged_settings import PagedSource
from assets.connectors.remote import RetryPolicy
from assets.connectors.sign_in import SignIn
from assets.connectors.zabbix_api import ZabbixSession, ZabbixSignIn, call
from assets.connectors.zabbix_items import (
    FLOAT,
    PARTS,
    UNSIGNED,
    KnownItems,
    matches,
    read_items,
    state_of,
)
from assets.connectors.zabbix_settings import DAY_SECONDS, HOUR_SECONDS, ZabbixQuery, ZabbixSource
from assets.connectors.zabbix_values import (
    asked_for,
    clock_of,
    first_span,
    rows_of,
    seconds_at,
    unreadable,
    without_covered_trends,
    without_refused,
)
from assets.landing.spool import Cursor, Page, RawRow, Spool
from assets.landing.store import slug

__all__ = ["ZabbixConnector", "ZabbixSource"]

SAMPLES = "metric_samples"
#: Hours of one question for trends, however many items there are.
LEAST_HOURS = 6
#: How often masters are asked for the masters of dependent items.
_MASTER_DEPTH = 3


class ZabbixConnector(PagedConnector):
    """Reads one server. Opens nothing before `batches` is iterated."""

    _source: ZabbixSource
    rights = "read on the host groups, and a role that may call item.get, history.get, trend.get and host.get"

    def __init__(
        self, source: PagedSource, *, spool: Path | None = None, retries: RetryPolicy | None = None
    ) -> None:
        super().__init__(source, spool=spool, retries=retries)
        self._items: dict[str, KnownItems] = {}

    # --- what the base asks for ---

    def sign_in(self) -> SignIn | None:
        """A token or a session, in header or body as the server's version wants."""
        source = self._source
        if source.user is not None:
            return ZabbixSession(source.name, source.password_env or "", user=source.user)
        return ZabbixSignIn(source.name, source.token_env or "")

    def tables(self) -> list[str]:
        """`metric_samples` where there are queries, then the configured tables."""
        return [*([SAMPLES] if self._source.queries else []), *super().tables()]

    def is_by_day(self, table: str) -> bool:
        """Samples are."""
        return table == SAMPLES or super().is_by_day(table)

    def questions(self, table: str) -> Sequence[str]:
        """Each metric by itself."""
        return [query.metric for query in self._source.queries] if table == SAMPLES else (table,)

    def first(self, table: str, window: Window | None) -> Cursor:  # noqa: ARG002
        """A query begins with trends at the first second of the window."""
        if window is None:
            return {"hosts": True}
        begin, until = seconds_at(window.start), seconds_at(window.end + timedelta(days=1))
        return {"part": PARTS[0], "at": begin, "begin": begin, "until": until, "span": None, "is_first": True}

    def page(self, client: Client, table: str, cursor: Cursor) -> Page:
        """One span of a query's history or trends, or all hosts."""
        query = self._source.query(table)
        if query is None:
            return self._hosts(client, table)
        known = self._items_of(client, query)
        first = PARTS.index(cursor["part"])
        left = [part for part in PARTS[first:] if known.ids(part) and (part != "trends" or query.statistic)]
        if not left:
            return Page(unreadable(known, cursor), None, warnings=known.warnings)
        here = dict(cursor)
        if left[0] != cursor["part"]:
            here = {**cursor, "part": left[0], "at": cursor["begin"], "span": None}
        if here["part"] == "trends":
            rows, at, span = self._trends(client, query, known, here)
        else:
            rows, at, span = self._history(client, known, here)
        following: Cursor | None = {**here, "at": at, "span": span, "is_first": False}
        if at >= here["until"]:
            part = left[1] if len(left) > 1 else None
            begin = {"part": part, "at": here["begin"], "span": None}
            following = None if part is None else {**here, **begin, "is_first": False}
        warnings = known.warnings if cursor["is_first"] else ()
        return Page((*rows, *unreadable(known, cursor)), following, warnings=warnings)

    def probe(self, window: Window) -> Probe:
        """Items of each query and one of their values: may they be seen and read?

        Raises `SourceError` for the first that cannot be read.
        """
        empty, notes = [], []
        with self.client() as client:
            for query in self._source.queries:
                known = self._items_of(client, query)
                notes += [warning for warning in known.warnings if known.items]
                refused = [item.refusal for item in known.items if item.refusal is not None]
                notes += [f"{query.metric}: {one.reason}; fix: {one.fix}" for one in refused[:1]]
                ids = {part: known.ids(part) for part in (FLOAT, UNSIGNED)}
                first, last = seconds_at(window.start), seconds_at(window.end + timedelta(days=1)) - 1
                found = [
                    # Unsorted: putting weeks in order to show one value would keep a large database busy.
                    self._ask_history(client, part, some, first, last, limit=1, is_sorted=False)
                    for part, some in ids.items()
                    if some
                ]
                if not any(found):
                    empty.append(query.metric)
            for table in self._source.tables:
                empty += [] if self._hosts(client, table).rows else [table]
            return Probe(tuple(empty), (*client.warnings, *notes))

    def refine(self, batch: Batch, is_landed: IsLanded) -> Batch | None:
        """Samples without the trends of hours that have history, and with refused ones apart.

        A day that landed from history stays when less of it is left: Zabbix deletes history after days or weeks.
        """
        if batch.table != SAMPLES:
            return batch
        query = self._source.query(batch.declaration.constants["metric"])
        assert query is not None
        columns = dict(zip(batch.frame.column_names, batch.frame.columns, strict=True))
        # Let go: the frame is put together from its columns, one by one.
        batch = replace(batch, frame=batch.frame.schema.empty_table())
        frame = without_covered_trends(columns)
        from_trends = len(frame) - frame["trend"].null_count
        whole = hashlib.sha256(f"zabbix history\n{query.model_dump_json()}".encode()).hexdigest()
        has_less = from_trends > 0 or not frame.num_rows
        if has_less and is_landed(batch.batch_id, whole):
            return None
        frame, numbers, broken = without_refused(frame)
        warnings = list(batch.warnings)
        if from_trends:
            warnings.append(
                f"{query.metric}: {from_trends} hours have no history (any more); "
                f"what landed of them is the {query.trends} of each hour, from trends"
            )
        return replace(
            batch,
            frame=frame,
            broken=broken,
            source_rows=numbers,
            input_sha256=rows_digest(frame, broken),
            warnings=tuple(warnings),
            version_fingerprint=None if has_less else whole,
        )

    def take_census(
        self, client: Client, home: Path, table: str, window: Window, is_landed: IsLanded
    ) -> Iterator[Batch | RejectedInput]:
        """When it is due: count the values of days that landed before, and read those again of which there are more.

        Of what the server holds less of nothing is read: the housekeeper deletes history, and what has landed stays.
        """
        if table != SAMPLES:
            return
        before, day = census.read(home, self.name, table), window.end
        if not census.is_due(before, day, self._source.census_every_days):
            return
        total, first = 0, self.read_days(window).start
        days = Window(first - timedelta(days=self._source.census_days), first - timedelta(days=1))
        for query in self._source.queries:
            metric = query.metric
            shown = self._source.mapped(metric).filter
            landed = zabbix_census.landed_values(home, self.name, table, days, metric, shown)
            if not landed:
                continue
            with contextlib.ExitStack() as stack:
                asked = json.dumps([self._source.url, shown, day.isoformat(), sorted(map(str, landed))])
                spool = self._spooled(stack, f"{slug(metric)}.census", asked)
                held = self._count(client, query, landed, spool)
                total += sum(held.values())
                more = sorted(one for one, values in held.items() if values > landed[one])
                for again in census.windows(more):
                    yield from self._read(client, table, metric, f"{slug(metric)}.late", again, is_landed)
                spool.remove()
        census.write(home, self.name, table, census.Census(day, total, {}))

    def _count(
        self, client: Client, query: ZabbixQuery, days: Iterable[date], spool: Spool
    ) -> dict[date, int]:
        """Values of each day, counted by the server: one number a day and value type, however many there are."""
        asked = zabbix_census.questions(self._items_of(client, query), days)

        def ask(cursor: Cursor) -> Page:
            number: int = cursor["number"]
            part, day, params = asked[number]
            answer = call(client, "history.get", params, rights=self.rights)
            row = zabbix_census.counted(client, part, day, answer)
            return Page((row,), zabbix_census.following(number, asked))

        if asked:
            self._fetch(
                client,
                spool,
                {"number": 0},
                lambda cursor: self._page(client, lambda: ask(cursor), cursor),
            )
        return zabbix_census.by_day(spool.rows())

    # --- items and hosts ---

    def _items_of(self, client: Client, query: ZabbixQuery) -> KnownItems:
        """The items of a query, asked for once a run."""
        if query.metric not in self._items:
            key = query.item_key
            wanted = {"search": {"key_": key}, "searchWildcardsEnabled": True}
            raws = self._ask_items(client, wanted if "*" in key else {"filter": {"key_": key}})
            raws = [raw for raw in raws if matches(key, raw["key_"])]
            items = read_items(
                raws,
                self._masters(client, raws),
                ci=query.ci,
                ci_map=query.ci_map,
                unit=query.unit,
                seconds=query.interval_seconds,
            )
            warnings = state_of(query.metric, raws)
            if not items:
                warnings.append(
                    f"{query.metric}: no item {key!r} can be seen; "
                    f"fix: correct item_key, or grant the account {self.rights}"
                )
            self._items[query.metric] = KnownItems(items, tuple(warnings))
        return self._items[query.metric]

    def _masters(self, client: Client, raws: Iterable[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
        """The items that dependent ones come with, by id: those know the interval."""
        masters: dict[str, Mapping[str, Any]] = {}
        left: Sequence[Mapping[str, Any]] = list(raws)
        for _ in range(_MASTER_DEPTH):
            ids = {str(raw.get("master_itemid") or "0") for raw in left} - {"0", *masters}
            if not ids:
                break
            left = self._ask_items(client, {"itemids": sorted(ids, key=int)})
            masters |= {str(raw["itemid"]): raw for raw in left}
        return masters

    def _ask_items(self, client: Client, wanted: Mapping[str, Any]) -> list[dict[str, Any]]:
        params = {
            "output": [
                "itemid",
                "hostid",
                "key_",
                "value_type",
                "units",
                "delay",
                "status",
                "state",
                "master_itemid",
            ],
            "selectHosts": ["host", "name", "status"],
            # An item of a template has no values.
            "templated": False,
            "webitems": True,
            **self._groups(client),
            **wanted,
        }
        found = call(client, "item.get", params, rights=self.rights)
        if not isinstance(found, list) or not all(
            isinstance(one, dict) and one.get("hosts") for one in found
        ):
            raise client.error(
                "item.get: the answer is no list of items", "check that url is a Zabbix frontend"
            )
        return found

    def _groups(self, client: Client) -> dict[str, list[str]]:
        """The groups that are read, as a condition. Raises `SourceError` for one that is not there."""
        names = self._source.host_groups
        if not names:
            return {}
        asked = {"output": ["groupid", "name"], "filter": {"name": [*names]}}
        found = {
            one["name"]: one["groupid"] for one in call(client, "hostgroup.get", asked, rights=self.rights)
        }
        missing = [name for name in names if name not in found]
        if missing:
            raise client.error(
                f"the host group {missing[0]!r} is not there, or not for this account",
                "correct host_groups, or grant the account read on it",
            )
        return {"groupids": sorted(found.values(), key=int)}

    def _hosts(self, client: Client, table: str) -> Page:
        """All hosts, monitored or not, in one answer."""
        wanted = self._source.mapped(table).source_fields
        inventory = [name.removeprefix("inventory.") for name in wanted if name.startswith("inventory.")]
        params = {
            "output": [name for name in wanted if not name.startswith("inventory.")],
            **({"selectInventory": inventory} if inventory else {}),
            **self._groups(client),
        }
        rows = []
        for one in call(client, "host.get", params, rights=self.rights):
            # A host without inventory has a list there.
            kept = one.pop("inventory", None) or {}
            cells = {**one, **{f"inventory.{name}": kept.get(name) for name in inventory}}
            rows.append(
                RawRow(str(one["hostid"]), None, {name: as_text(cell) for name, cell in cells.items()})
            )
        return Page(tuple(rows), None)

    # --- values ---

    def _history(self, client: Client, known: KnownItems, cursor: Cursor) -> tuple[list[RawRow], int, int]:
        """Rows of a span, the second behind them, and the span to ask for next."""
        limit, part, at = self._source.page_rows, cursor["part"], cursor["at"]
        items = {item.itemid: item for item in known.items if item.value_type == part}
        span = cursor["span"] or first_span(items.values(), limit)
        till = min(at + span, cursor["until"])
        found = self._ask_history(client, part, [*items], at, till - 1, limit=limit)
        if len(found) < limit:
            return (
                rows_of(items, found),
                till,
                span if len(found) > limit // 2 else min(2 * span, DAY_SECONDS),
            )
        last = max((clock for clock in map(clock_of, found) if clock is not None), default=at)
        if last > at:
            # The last second may have more rows than came.
            found = [row for row in found if (clock_of(row) or at) < last]
            return rows_of(items, found), last, last - at
        found = self._ask_history(client, part, [*items], at, at)
        return rows_of(items, found), at + 1, 1

    def _ask_history(
        self,
        client: Client,
        part: str,
        ids: list[str],
        first: int,
        last: int,
        *,
        limit: int | None = None,
        is_sorted: bool = True,
    ) -> list[dict[str, Any]]:
        """Values of the seconds from `first` to `last`, both included."""
        params = {
            "output": ["itemid", "clock", "ns", "value"],
            # Without it only unsigned values come.
            "history": int(part),
            "itemids": ids,
            "time_from": first,
            "time_till": last,
            **({"sortfield": "clock", "sortorder": "ASC"} if is_sorted else {}),
            **({} if limit is None else {"limit": limit}),
        }
        return asked_for(
            "history.get", call(client, "history.get", params, rights=self.rights), ids, first, last
        )

    def _trends(
        self, client: Client, query: ZabbixQuery, known: KnownItems, cursor: Cursor
    ) -> tuple[list[RawRow], int, int]:
        """Trends of some hours. They know no order, so a limit would leave out any: an item has one an hour."""
        wanted = set(known.ids("trends"))
        items = {item.itemid: item for item in known.items if item.itemid in wanted}
        span = max(LEAST_HOURS, self._source.page_rows // len(items)) * HOUR_SECONDS
        at, till = cursor["at"], min(cursor["at"] + span, cursor["until"])
        params = {
            "output": ["itemid", "clock", "num", query.statistic],
            "itemids": [*items],
            "time_from": at,
            "time_till": till - 1,
        }
        answer = call(client, "trend.get", params, rights=self.rights)
        found = asked_for("trend.get", answer, [*items], at, till - 1)
        return rows_of(items, found, query.statistic), till, span
