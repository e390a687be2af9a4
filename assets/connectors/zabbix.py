"""Zabbix 6.0 and 7.x by JSON-RPC: numbers of history (and, where it is gone, of trends), and hosts.

`history.get` has no pages. Each question is for a span of time of all items of one value type, sorted by time and
limited; the last second of a full answer may have more rows, so the next question begins with it. The span follows
what the answers hold.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from assets.connectors.base import Batch, BrokenRow, IsLanded, Window, frame_digest
from assets.connectors.http import Client
from assets.connectors.paged import PagedConnector, Probe, as_text
from assets.connectors.paged_settings import Mapped, PagedSource, TableSettings
from assets.connectors.remote import RetryPolicy, TransientError
from assets.connectors.sign_in import SignIn
from assets.connectors.zabbix_api import ZabbixSession, ZabbixSignIn, call
from assets.connectors.zabbix_items import (
    FLOAT,
    PLACEHOLDER,
    UNSIGNED,
    Item,
    Refusal,
    matches,
    read_items,
    state_of,
)
from assets.landing.declaration import Unit
from assets.landing.spool import Cursor, Page, RawRow

SAMPLES = "metric_samples"
DAY_SECONDS, HOUR_SECONDS = 86_400, 3600
#: Statistics of an hour that trends keep, and their fields.
TRENDS = {"avg": "value_avg", "min": "value_min", "max": "value_max"}
#: In which order the rows of a query are asked for. Trends know no value type; last comes what may still grow.
PARTS = ("trends", FLOAT, UNSIGNED)
#: Cells of a sample that only this connector reads, and those of one that cannot land.
OWN = ("trend",)
REFUSED = ("reason", "fix", "field")
_SERVICE = ("itemid", "clock", "ns", "num", *TRENDS.values())
#: Hours of one question for trends, however many items there are.
LEAST_HOURS = 6
#: How often masters are asked for the masters of dependent items.
_MASTER_DEPTH = 3


class ZabbixQuery(BaseModel):
    """One metric: the items that feed it, and how each names its configuration item.

    `item_key` may hold *. `ci` is made of {host}, {name}, {hostid} and {1} to {9}, the parameters of the key; `ci_map`
    renames what it gives. `unit` and `interval_seconds` go before what the items say. Where history is gone, `trends`
    of an hour land instead (null: nothing).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    metric: str = Field(min_length=1, max_length=512)
    item_key: str = Field(min_length=1, max_length=2048)
    unit: Unit | None = None
    kind: Literal["gauge", "counter"] = "gauge"
    ci: str = "{host}"
    ci_map: dict[str, str] = Field(default_factory=dict)
    interval_seconds: int | None = Field(default=None, gt=0, le=DAY_SECONDS)
    trends: Literal["avg", "min", "max"] | None = "avg"

    @field_validator("ci")
    @classmethod
    def _names_something(cls, ci: str) -> str:
        if "{" in PLACEHOLDER.sub("", ci) or not PLACEHOLDER.search(ci):
            raise ValueError(f"{ci!r} names no item; fix: use {{host}}, {{name}}, {{hostid}}, {{1}} to {{9}}")
        return ci

    @property
    def statistic(self) -> str | None:
        """The field of trends that lands; a counter has none: of an hour its mean says nothing."""
        return TRENDS[self.trends] if self.trends and self.kind == "gauge" else None


class ZabbixSource(PagedSource):
    """Configuration of one server. Signs in with `token_env` (an API token), or `user` and `password_env`.

    `url` is the address of the frontend. `host_groups` limits what is read to hosts of these groups.
    """

    type: Literal["zabbix"]
    user: str | None = None
    password_env: str | None = None
    host_groups: tuple[str, ...] = ()
    queries: tuple[ZabbixQuery, ...] = ()
    tables: dict[str, TableSettings] = Field(default_factory=dict)
    page_rows: int = Field(10_000, ge=1, le=100_000)

    @field_validator("url")
    @classmethod
    def _frontend(cls, url: str) -> str:
        return url.rstrip("/").removesuffix("/api_jsonrpc.php")

    @field_validator("queries")
    @classmethod
    def _one_query_a_metric(cls, queries: tuple[ZabbixQuery, ...]) -> tuple[ZabbixQuery, ...]:
        names = [query.metric for query in queries]
        for position, name in enumerate(names):
            if name in names[:position]:
                raise ValueError(
                    f"{position}.metric: {name!r} has a query already; fix: give it its own name"
                )
        return queries

    @model_validator(mode="after")
    def _reads_something(self) -> ZabbixSource:
        if not self.queries and not self.tables:
            raise ValueError("queries: nothing is read; fix: name items under queries, or hosts under tables")
        for table, settings in self.tables.items():
            if settings.filter is not None:
                raise ValueError(f"tables.{table}.filter: hosts know none; fix: use host_groups")
        return self

    @model_validator(mode="after")
    def _one_way_to_sign_in(self) -> ZabbixSource:
        if (self.user is None) != (self.password_env is None):
            raise ValueError("user and password_env belong together; fix: give both or neither")
        if (self.user is None) == (self.token_env is None):
            raise ValueError("needs one way to sign in; fix: give token_env, or user and password_env")
        return self

    def query(self, name: str) -> ZabbixQuery | None:
        """The query of a metric."""
        return next((query for query in self.queries if query.metric == name), None)

    def mapped(self, table: str) -> Mapped:
        """The mapping of a table, or of the query of a metric."""
        query = self.query(table)
        if query is None:
            return super().mapped(table)
        said = query.model_dump(mode="json", exclude_defaults=True)
        return Mapped(
            source="history.get",
            filter=json.dumps({**said, **({"host_groups": self.host_groups} if self.host_groups else {})}),
            fields=(*OWN, *REFUSED),
            columns={
                "ci_id": "ci",
                "observed_at": "at",
                "value": "value",
                "unit": "unit",
                "interval_seconds": "interval",
            },
            constants={"metric": query.metric, "kind": query.kind},
        )


@dataclass(frozen=True)
class _Items:
    """The items of a query, and what a person should know of them."""

    items: Sequence[Item]
    warnings: tuple[str, ...]

    def ids(self, part: str) -> list[str]:
        """Items that have rows in one of `PARTS`: of refused ones, which quarantine keeps, only history."""
        return [
            item.itemid
            for item in self.items
            if (item.is_number and item.refusal is None if part == "trends" else item.value_type == part)
        ]


class ZabbixConnector(PagedConnector):
    """Reads one server. Opens nothing before `batches` is iterated."""

    _source: ZabbixSource
    rights = "read on the host groups, and a role that may call item.get, history.get, trend.get and host.get"

    def __init__(
        self, source: PagedSource, *, spool: Path | None = None, retries: RetryPolicy | None = None
    ) -> None:
        super().__init__(source, spool=spool, retries=retries)
        self._items: dict[str, _Items] = {}

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
        begin, until = _seconds(window.start), _seconds(window.end + timedelta(days=1))
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
            return Page(_unreadable(known, cursor), None, warnings=known.warnings)
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
        return Page((*rows, *_unreadable(known, cursor)), following, warnings=warnings)

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
                first, last = _seconds(window.start), _seconds(window.end + timedelta(days=1)) - 1
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
        frame = _without_covered_trends(batch.frame)
        from_trends = len(frame) - frame["trend"].null_count
        whole = hashlib.sha256(f"zabbix history\n{query.model_dump_json()}".encode()).hexdigest()
        has_less = from_trends > 0 or not frame.num_rows
        if has_less and is_landed(batch.batch_id, whole):
            return None
        numbers = pa.array(range(1, len(frame) + 1), pa.int64())
        is_good = pc.is_null(frame["reason"])
        bad = frame.append_column("number", numbers).filter(pc.invert(is_good)).to_pylist()
        broken = tuple(_broken(row) for row in bad)
        frame = frame.filter(is_good).drop_columns([*REFUSED])
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
            source_rows=numbers.filter(is_good.combine_chunks()),
            input_sha256=_digest(frame, broken),
            warnings=tuple(warnings),
            version_fingerprint=None if has_less else whole,
        )

    # --- items and hosts ---

    def _items_of(self, client: Client, query: ZabbixQuery) -> _Items:
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
            self._items[query.metric] = _Items(items, tuple(warnings))
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

    def _history(self, client: Client, known: _Items, cursor: Cursor) -> tuple[list[RawRow], int, int]:
        """Rows of a span, the second behind them, and the span to ask for next."""
        limit, part, at = self._source.page_rows, cursor["part"], cursor["at"]
        items = {item.itemid: item for item in known.items if item.value_type == part}
        span = cursor["span"] or _first_span(items.values(), limit)
        till = min(at + span, cursor["until"])
        found = self._ask_history(client, part, [*items], at, till - 1, limit=limit)
        if len(found) < limit:
            return _rows(items, found), till, span if len(found) > limit // 2 else min(2 * span, DAY_SECONDS)
        last = max((clock for clock in map(_clock, found) if clock is not None), default=at)
        if last > at:
            # The last second may have more rows than came.
            found = [row for row in found if (_clock(row) or at) < last]
            return _rows(items, found), last, last - at
        found = self._ask_history(client, part, [*items], at, at)
        return _rows(items, found), at + 1, 1

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
        return _asked_for(
            "history.get", call(client, "history.get", params, rights=self.rights), ids, first, last
        )

    def _trends(
        self, client: Client, query: ZabbixQuery, known: _Items, cursor: Cursor
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
        found = _asked_for("trend.get", answer, [*items], at, till - 1)
        return _rows(items, found, query.statistic), till, span


def _asked_for(method: str, answer: Any, ids: Iterable[str], first: int, last: int) -> list[dict[str, Any]]:
    """Rows of the question. Raises `TransientError` for others."""
    if not isinstance(answer, list) or not all(isinstance(row, dict) for row in answer):
        raise TransientError(f"{method}: the answer is no list of values")
    known = set(ids)
    for row in answer:
        clock = _clock(row)
        if str(row.get("itemid")) not in known or (clock is not None and not first <= clock <= last):
            raise TransientError(f"{method}: the answer holds values that were not asked for")
    return answer


def _rows(
    items: Mapping[str, Item], found: Iterable[Mapping[str, Any]], statistic: str | None = None
) -> list[RawRow]:
    """Values as rows. Where an item has two at one moment both come: which is right would be a guess."""
    rows: list[RawRow] = []
    seen: dict[str, int] = {}
    known = {*_SERVICE, "value"}
    of_all = {itemid: _of_all(item, statistic) for itemid, item in items.items()}
    for one in found:
        item, clock = items[str(one["itemid"])], _clock(one)
        nanos = str(one.get("ns", "0"))
        key = f"{item.itemid}/{one.get('clock')}/{nanos}" + ("/trend" if statistic else "")
        seen[key] = seen.get(key, 0) + 1
        moment = None if clock is None else _moment(clock, nanos)
        cells = {
            **of_all[item.itemid],
            "at": as_text(one.get("clock")) if moment is None else moment.isoformat(),
            "value": as_text(one.get(statistic or "value")),
        }
        if not one.keys() <= known:
            cells |= {name: as_text(cell) for name, cell in one.items() if name not in known}
        rows.append(RawRow(key if seen[key] == 1 else f"{key}/{seen[key]}", moment, cells))
    return rows


def _of_all(item: Item, statistic: str | None) -> dict[str, str | None]:
    """Cells that all values of an item have."""
    if item.refusal is not None:
        return _why(item, item.refusal)
    said = {
        "ci": item.ci,
        "unit": item.unit,
        "interval": str(HOUR_SECONDS if statistic else item.interval_seconds),
    }
    return {**said, "trend": statistic} if statistic else said


def _unreadable(known: _Items, cursor: Cursor) -> tuple[RawRow, ...]:
    """One row for each item that holds no numbers: it goes to quarantine with the last day."""
    if not cursor["is_first"]:
        return ()
    return tuple(
        RawRow(
            f"{item.itemid}/item",
            None,
            _why(item, item.refusal),
        )
        for item in known.items
        if item.refusal is not None and not item.is_number
    )


def _why(item: Item, refusal: Refusal) -> dict[str, str | None]:
    return {"ci": item.shown, "reason": refusal.reason, "fix": refusal.fix, "field": refusal.field}


def _without_covered_trends(frame: pa.Table) -> pa.Table:
    """Samples without the trends of hours of which history has a value of the same item."""
    is_trend = pc.is_valid(frame["trend"])
    if not pc.any(is_trend).as_py():
        return frame
    hours = pc.binary_join_element_wise(frame["ci"], pc.utf8_slice_codeunits(frame["at"], 0, 13), "/")
    covered = pc.is_in(hours, value_set=pc.unique(hours.filter(pc.invert(is_trend))))
    return frame.filter(pc.invert(pc.and_(is_trend, pc.fill_null(covered, False))))


def _broken(row: Mapping[str, Any]) -> BrokenRow:
    said = {name: cell for name, cell in row.items() if cell is not None and name not in (*REFUSED, "number")}
    text = json.dumps(said, sort_keys=True, ensure_ascii=False)
    return BrokenRow(row["number"], text, row["reason"], row["fix"], row["field"])


def _digest(frame: pa.Table, broken: Iterable[BrokenRow]) -> str:
    digest = hashlib.sha256(frame_digest(frame).encode())
    for row in broken:
        digest.update(f"{row.source_row}\t{row.text}\n".encode())
    return digest.hexdigest()


def _first_span(items: Iterable[Item], limit: int) -> int:
    """Seconds in which as many values come as fill half an answer; a minute where no interval is known."""
    a_second = sum(1 / (item.interval_seconds or 60) for item in items)
    return max(1, min(DAY_SECONDS, int(limit / 2 / a_second)))


def _clock(row: Mapping[str, Any]) -> int | None:
    """The second of a value; None: it is none."""
    try:
        return int(row["clock"])
    except (KeyError, TypeError, ValueError):
        return None


def _moment(clock: int, nanos: str) -> datetime:
    micros = int(nanos) // 1000 if nanos.isdigit() else 0
    return datetime.fromtimestamp(clock, UTC).replace(microsecond=min(micros, 999_999))


def _seconds(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
