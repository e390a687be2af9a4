"""Values of Zabbix items as rows of a spool, and which of them land. Pure: no network, no clock."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from assets.connectors.base import BrokenRow
from assets.connectors.paged import as_text
from assets.connectors.remote import TransientError
from assets.connectors.zabbix_items import Item, KnownItems, Refusal
from assets.connectors.zabbix_settings import DAY_SECONDS, HOUR_SECONDS, REFUSED, TRENDS
from assets.landing.spool import Cursor, RawRow
from assets.memory import give_back

_SERVICE = ("itemid", "clock", "ns", "num", *TRENDS.values())


def asked_for(method: str, answer: Any, ids: Iterable[str], first: int, last: int) -> list[dict[str, Any]]:
    """Rows of the question. Raises `TransientError` for others."""
    if not isinstance(answer, list) or not all(isinstance(row, dict) for row in answer):
        raise TransientError(f"{method}: the answer is no list of values")
    known = set(ids)
    for row in answer:
        clock = clock_of(row)
        if str(row.get("itemid")) not in known or (clock is not None and not first <= clock <= last):
            raise TransientError(f"{method}: the answer holds values that were not asked for")
    return answer


def rows_of(
    items: Mapping[str, Item], found: Iterable[Mapping[str, Any]], statistic: str | None = None
) -> list[RawRow]:
    """Values as rows. Where an item has two at one moment both come: which is right would be a guess."""
    rows: list[RawRow] = []
    seen: dict[str, int] = {}
    known = {*_SERVICE, "value"}
    of_all = {itemid: _of_all(item, statistic) for itemid, item in items.items()}
    for one in found:
        item, clock = items[str(one["itemid"])], clock_of(one)
        nanos = str(one.get("ns", "0"))
        key = f"{item.itemid}/{one.get('clock')}/{nanos}" + ("/trend" if statistic else "")
        seen[key] = seen.get(key, 0) + 1
        moment = None if clock is None else _moment(clock, nanos)
        cells = {
            **of_all[item.itemid],
            "value": as_text(one.get(statistic or "value")),
        }
        if moment is None:
            cells["at"] = as_text(one.get("clock"))
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


def unreadable(known: KnownItems, cursor: Cursor) -> tuple[RawRow, ...]:
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


def without_covered_trends(columns: dict[str, pa.ChunkedArray]) -> pa.Table:
    """Samples without the trends of hours of which history has a value of the same item. Empties `columns`."""
    is_trend = pc.is_valid(columns["trend"])
    if not pc.any(is_trend).as_py():
        return pa.table(columns)
    hours = _hours(columns["ci"], columns["at"])
    of_history = pc.unique(hours.filter(pc.invert(is_trend)))
    kept = pc.invert(pc.and_(is_trend, pc.is_in(hours, value_set=of_history, skip_nulls=True)))
    del hours, of_history
    give_back()
    return pa.table({name: columns.pop(name).filter(kept) for name in list(columns)})


def _hours(items: pa.ChunkedArray, moments: pa.ChunkedArray) -> pa.Array:
    """A number for each item and hour; null where a row has no item or no time."""
    if not pa.types.is_timestamp(moments.type):
        # Beside times that cannot be read, all are text: as Python writes them, to the hour.
        texts = pc.utf8_slice_codeunits(moments, 0, 13)
        moments = pc.strptime(texts, "%Y-%m-%dT%H", "us", error_is_null=True)
    coded = items.combine_chunks()
    coded = coded if isinstance(coded, pa.DictionaryArray) else coded.dictionary_encode()
    hours = pc.cast(pc.divide(pc.cast(moments, pa.int64()), HOUR_SECONDS * 1_000_000), pa.int32())
    return pc.add(pc.multiply(pc.cast(coded.indices, pa.int64()), 10_000_000), hours.combine_chunks())


def without_refused(frame: pa.Table) -> tuple[pa.Table, pa.Array | None, tuple[BrokenRow, ...]]:
    """Samples without those that no query can read, the numbers of those that stay (None: all), and the others."""
    is_bad = pc.is_valid(frame["reason"])
    if not pc.any(is_bad).as_py():
        return frame.drop_columns([*REFUSED]), None, ()
    numbers = pa.array(np.arange(1, len(frame) + 1))
    bad = frame.append_column("number", numbers).filter(is_bad).to_pylist()
    is_good = pc.invert(is_bad).combine_chunks()
    return (
        frame.filter(is_good).drop_columns([*REFUSED]),
        numbers.filter(is_good),
        tuple(_broken_row(row) for row in bad),
    )


def _broken_row(row: Mapping[str, Any]) -> BrokenRow:
    said = {name: cell for name, cell in row.items() if cell is not None and name not in (*REFUSED, "number")}
    text = json.dumps(said, sort_keys=True, ensure_ascii=False, default=datetime.isoformat)
    return BrokenRow(row["number"], text, row["reason"], row["fix"], row["field"])


def first_span(items: Iterable[Item], limit: int) -> int:
    """Seconds in which as many values come as fill half an answer; a minute where no interval is known."""
    a_second = sum(1 / (item.interval_seconds or 60) for item in items)
    return max(1, min(DAY_SECONDS, int(limit / 2 / a_second)))


def clock_of(row: Mapping[str, Any]) -> int | None:
    """The second of a value; None: it is none."""
    try:
        return int(row["clock"])
    except (KeyError, TypeError, ValueError):
        return None


def _moment(clock: int, nanos: str) -> datetime:
    micros = int(nanos) // 1000 if nanos.isdigit() else 0
    return datetime.fromtimestamp(clock, UTC).replace(microsecond=min(micros, 999_999))


def seconds_at(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
