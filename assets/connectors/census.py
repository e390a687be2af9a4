"""The census of a source's table: every key that it holds, compared with what has landed. Knows no protocol.

Keys that are gone from the source become tombstones; days on which the source holds rows that never landed are read
again. Samples have no keys of their own: they are counted, or their days read again. The last census of a table is a
small file under `<home>/census`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from assets.connectors.base import Batch, Window, frame_digest
from assets.durable import sync
from assets.landing.contracts import contract
from assets.landing.declaration import Declaration
from assets.landing.receipts import Receipt, current_receipts

#: The contract table of records that are gone from their source.
TOMBSTONES = "tombstones"
#: More of the landed keys gone at once is rather a lost right than a clean-up.
MAX_GONE_RATIO = 0.5
#: Fewer than this may go whatever their share.
FEW = 10


@dataclass(frozen=True)
class Held:
    """One record of the source: its key in the contract, UTC days of its making (None: unknown) and last change."""

    key: str
    created: date | None
    updated: date | None


@dataclass(frozen=True)
class Landed:
    """What has landed of a table: newest UTC day by key, the days that were read, and rows by day where known."""

    newest: Mapping[str, date]
    days: frozenset[date]
    rows: Mapping[date, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Census:
    """The last census: the day it was taken for, records held, and {key: day on which it was missed first}."""

    day: date
    held: int
    gone: Mapping[str, date]


def landed(home: Path, source: str, table: str) -> Landed:
    """Keys of the current receipts of one source's table. The key is the first field of the contract's."""
    rules = contract(table)
    key, since = rules.key[0], rules.since or rules.time
    newest: dict[str, date] = {}
    days: set[date] = set()
    rows: dict[date, int] = {}
    for receipt in current_receipts(home, source, table):
        if receipt.window is not None:
            days |= set(_each_day(receipt.window.start, receipt.window.end))
            if receipt.window.start == receipt.window.end:
                rows[receipt.window.start] = rows.get(receipt.window.start, 0) + receipt.rows_received
        for file in receipt.landed:
            read_now = pq.read_table(home / file.path, columns=[key, since], partitioning=None)
            latest = pa.table({"key": pc.cast(read_now[key], pa.string()), "at": read_now[since]})
            latest = latest.group_by("key").aggregate([("at", "max")])
            for name, at in zip(latest["key"].to_pylist(), latest["at_max"].to_pylist(), strict=True):
                day = at.date() if isinstance(at, datetime) else at
                newest[name] = max(newest.get(name, day), day)
    return Landed(newest, frozenset(days), rows)


def landed_days(
    home: Path, source: str, table: str, days: Window, is_asked: Callable[[Receipt], bool]
) -> dict[date, Receipt]:
    """Current receipts of single days within `days`, of the batches that `is_asked` says are meant, by day."""
    return {
        receipt.window.start: receipt
        for receipt in current_receipts(home, source, table)
        if receipt.window is not None and days.start <= receipt.window.start <= days.end and is_asked(receipt)
    }


def is_due(before: Census | None, day: date, every_days: int | None) -> bool:
    """Whether a census is to be taken for `day`."""
    return every_days is not None and (before is None or not 0 <= (day - before.day).days < every_days)


def gone(
    before: Census | None,
    known: Landed,
    held: Iterable[Held],
    day: date,
    whole: Callable[[str], str] = lambda key: key,
) -> dict[str, date]:
    """Keys that have landed and that the source no longer holds, each with the day on which that was first known.

    `whole` names what a key belongs to: where the source holds that, the key is not gone.
    """
    there = {one.key for one in held}
    earlier = before.gone if before is not None else {}
    return {
        key: earlier.get(key, day)
        for key in sorted({*earlier, *known.newest})
        if key not in there and whole(key) not in there
    }


def missed_days(known: Landed, held: Iterable[Held], *, by_history: bool) -> list[date]:
    """Days already read on which the source holds a record that has not landed, or not as last changed.

    `by_history`: a record has rows on many days, so all days of its life are read again when none has landed.
    """
    missed: set[date] = set()
    for one in held:
        newest = known.newest.get(one.key)
        if one.updated is None:
            continue
        if by_history and newest is None:
            missed |= set(_each_day(one.created or one.updated, one.updated))
        elif newest is None or (newest < one.updated and not by_history):
            missed.add(one.updated)
    return sorted(missed & known.days)


def windows(days: list[date]) -> list[Window]:
    """Runs of days without a gap."""
    found: list[Window] = []
    for day in days:
        if found and found[-1].end + timedelta(days=1) == day:
            found[-1] = Window(found[-1].start, day)
        else:
            found.append(Window(day, day))
    return found


def lost_too_many(gone_now: Mapping[str, date], before: Census | None, known: Landed) -> int:
    """How many keys went at once, when they are more than may; 0 otherwise."""
    earlier = before.gone if before is not None else {}
    new = sum(key not in earlier for key in gone_now)
    return new if new > max(FEW, MAX_GONE_RATIO * len(known.newest)) else 0


def tombstones(home: Path, source: str, tables: Iterable[str]) -> Iterator[Batch]:
    """What the last censuses of a source's tables missed, as one snapshot; nothing before the first census."""
    found = {table: read(home, source, table) for table in tables}
    if not any(found.values()):
        return
    rows = [
        (source, table, key, day.isoformat())
        for table, one in sorted(found.items())
        for key, day in sorted(one.gone.items() if one else ())
    ]
    names = ("source", "record_table", "record_key", "deleted_known_date")
    frame = pa.table(
        {name: pa.array([row[place] for row in rows], pa.string()) for place, name in enumerate(names)}
    )
    yield Batch(
        source=source,
        table=TOMBSTONES,
        batch_id=TOMBSTONES,
        frame=frame,
        declaration=Declaration(table=TOMBSTONES, zone="UTC"),
        input_path="census",
        input_sha256=frame_digest(frame),
        input_bytes=frame.nbytes,
    )


def read(home: Path, source: str, table: str) -> Census | None:
    """The last census of a table; None before the first."""
    path = _path(home, source, table)
    if not path.exists():
        return None
    plain = json.loads(path.read_text(encoding="utf-8"))
    days = {key: date.fromisoformat(day) for key, day in plain["gone"].items()}
    return Census(date.fromisoformat(plain["day"]), plain["held"], days)


def write(home: Path, source: str, table: str, census: Census) -> None:
    """Make a census the last one, durably."""
    path = _path(home, source, table)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    plain = {
        "day": census.day.isoformat(),
        "held": census.held,
        "gone": {key: day.isoformat() for key, day in sorted(census.gone.items())},
    }
    temporary.write_text(json.dumps(plain, indent=1) + "\n", encoding="utf-8")
    sync(temporary)
    temporary.replace(path)
    sync(path.parent)


def _path(home: Path, source: str, table: str) -> Path:
    return home / "census" / source / f"{table}.json"


def _each_day(first: date, last: date) -> list[date]:
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]
