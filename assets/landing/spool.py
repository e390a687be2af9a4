"""Pages of one question to a source, durable before the next is asked for: a killed run goes on where it stood.

A page is one file that holds its rows and the cursor of the next page, written under a temporary name, fsynced and
renamed; so rows and cursor are there together or not at all. Rows lie in the file by UTC day, so that a day is read
without the others. The spool of a table holds one question; another one begins it anew.
"""

from __future__ import annotations

import hashlib
import json
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import orjson
import pyarrow as pa

from assets.landing.spool_folder import Outstanding, SpoolBusyError, SpoolFolder
from assets.landing.spool_frames import frame_of
from assets.memory import give_back

__all__ = ["Counts", "Cursor", "Outstanding", "Page", "RawRow", "Spool", "SpoolBusyError"]

#: Where to go on; what it holds is the connector's business. Plain JSON values only.
Cursor = Mapping[str, Any]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NO_TIME = np.iinfo(np.int64).min


@dataclass(frozen=True)
class RawRow:
    """One row of a source: its identity there, when it was last changed (aware; None: unreadable), its fields."""

    key: str
    updated: datetime | None
    cells: Mapping[str, str | None]


@dataclass(frozen=True)
class Page:
    """One answer of a source.

    `next` is the cursor behind it, None at the end. `announced` is how many records the source says that the whole
    question has, and `records` the identities of those that came (None: each row is a record). `warnings` go into
    the receipts.
    """

    rows: tuple[RawRow, ...]
    next: Cursor | None
    announced: int | None = None
    records: tuple[str, ...] | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Counts:
    """Rows that came again unchanged, older versions of rows that came later, and rows that remain."""

    repeated: int
    superseded: int
    kept: int


@dataclass(frozen=True)
class _Part:
    """The rows of one day in one page file: where they lie, and the number of the first in the spool."""

    path: Path
    offset: int
    size: int
    first: int
    count: int

    def read(self) -> list[Any]:
        """The rows as they were written."""
        with self.path.open("rb") as stream:
            stream.seek(self.offset)
            found: list[Any] = orjson.loads(stream.read(self.size))
        return found


class Spool:
    """The pages of one question. A context manager that holds a lock; `remove` it when all has landed.

    Raises `SpoolBusyError` when another process has it open.
    """

    def __init__(self, folder: Path, question: str) -> None:
        self._folder = SpoolFolder(folder, question)
        self._keys, self._updated, self._records = array("Q"), array("q"), array("Q")
        self._parts: dict[date | None, list[_Part]] = {}
        self._winners: np.ndarray | None = None
        self.pages = 0
        self.next: Cursor | None = None
        self.announced: int | None = None
        self.warnings: list[str] = []

    def __enter__(self) -> Spool:
        self._folder.__enter__()
        while (path := self._folder.path / self._file(self.pages + 1)).exists():
            self._index(path)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._folder.__exit__(kind, error, trace)

    @property
    def is_complete(self) -> bool:
        """True when the last page is there."""
        return self.pages > 0 and self.next is None

    def append(self, page: Page) -> None:
        """Make a page durable. Its rows count from then on."""
        by_day: dict[date | None, list[RawRow]] = {}
        for row in page.rows:
            by_day.setdefault(_day(row.updated), []).append(row)
        texts = {day: _text([_plain(row) for row in rows]) for day, rows in by_day.items()}
        head = {
            "next": page.next,
            "announced": page.announced,
            "records": page.records,
            "warnings": page.warnings,
            "parts": [[day and day.isoformat(), len(text)] for day, text in texts.items()],
        }
        parts = [json.dumps(head).encode() + b"\n", *texts.values()]
        self._index(self._folder.write(self._file(self.pages + 1), parts))

    def count(self) -> Counts:
        """How many rows came, and which of them remain: of each key the newest, of equally new ones the last."""
        winners = self._kept()
        keys = np.frombuffer(self._keys, dtype=np.uint64)
        updated = np.frombuffer(self._updated, dtype=np.int64)
        if winners.all():
            return Counts(0, 0, len(winners))
        newest = dict(zip(keys[winners].tolist(), updated[winners].tolist(), strict=True))
        lost = ~winners
        repeated = sum(
            newest[key] == when for key, when in zip(keys[lost].tolist(), updated[lost].tolist(), strict=True)
        )
        return Counts(repeated, int(lost.sum()) - repeated, int(winners.sum()))

    def records(self) -> int:
        """How many different records came; 0 where the source announced none, as nothing is compared with it."""
        return len(np.unique(np.frombuffer(self._records, dtype=np.uint64)))

    def rows(self, days: Iterable[date | None] | None = None) -> Iterator[RawRow]:
        """The rows that remain, in the order of (updated, key): those of the given UTC days, or all.

        The day None holds rows whose `updated` could not be read.
        """
        winners = self._kept()
        found: list[RawRow] = []
        for day in self._parts if days is None else days:
            for part in self._parts.get(day, ()):
                rows = part.read()
                kept = winners[part.first : part.first + part.count]
                found += [_row(row) for row, keep in zip(rows, kept, strict=True) if keep]
        return iter(sorted(found, key=lambda row: (row.updated or _EPOCH, row.key)))

    def frame(
        self,
        fields: Sequence[str],
        days: Iterable[date | None] | None = None,
        moment: str | None = None,
    ) -> pa.Table:
        """The rows that remain, in the order of `rows`; see `frame_of`."""
        winners = self._kept()
        parts = [part for day in (self._parts if days is None else days) for part in self._parts.get(day, ())]
        kept = [winners[part.first : part.first + part.count] for part in parts]
        pages = (
            [row for row, keep in zip(part.read(), keeps, strict=True) if keep]
            for part, keeps in zip(parts, kept, strict=True)
        )
        frame = frame_of(fields, pages, sum(int(keeps.sum()) for keeps in kept), moment)
        give_back()
        return frame

    def remove(self) -> None:
        """Forget the question: all of it has landed."""
        self._folder.remove()

    def _kept(self) -> np.ndarray:
        if self._winners is None:
            keys = np.frombuffer(self._keys, dtype=np.uint64)
            updated = np.frombuffer(self._updated, dtype=np.int64)
            order = np.lexsort((np.arange(len(keys)), updated, keys))
            last = np.ones(len(keys), dtype=bool)
            last[:-1] = keys[order][1:] != keys[order][:-1]
            self._winners = np.zeros(len(keys), dtype=bool)
            self._winners[order[last]] = True
        return self._winners

    @staticmethod
    def _file(number: int) -> str:
        return f"{number:08d}.page"

    def _index(self, path: Path) -> None:
        """Take one durable page into account."""
        with path.open("rb") as stream:
            head = json.loads(stream.readline())
            offset, keys = stream.tell(), []
            for text, size in head["parts"]:
                rows = orjson.loads(stream.read(size))
                day = date.fromisoformat(text) if text else None
                part = _Part(path, offset, size, len(self._keys), len(rows))
                self._parts.setdefault(day, []).append(part)
                offset += size
                for key, updated, _ in rows:
                    keys.append(_hash(key))
                    self._keys.append(keys[-1])
                    self._updated.append(_NO_TIME if updated is None else updated)
        if self.pages == 0:
            self.announced = head["announced"]
        if self.announced is not None:
            self._records.extend(keys if head["records"] is None else [_hash(key) for key in head["records"]])
        self._winners = None
        self.warnings += head["warnings"]
        self.next = head["next"]
        self.pages += 1


def _day(moment: datetime | None) -> date | None:
    return None if moment is None else moment.astimezone(UTC).date()


def _plain(row: RawRow) -> list[Any]:
    if row.updated is None:
        return [row.key, None, row.cells]
    since = row.updated - _EPOCH
    return [row.key, (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds, row.cells]


def _text(rows: list[list[Any]]) -> bytes:
    """Rows as JSON. Half a surrogate pair, as a text cut off within an emoji has, becomes U+FFFD."""
    try:
        return orjson.dumps(rows)
    except TypeError:
        whole = (
            json.dumps(rows, ensure_ascii=False).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        )
        return whole.encode()


def _row(plain: list[Any]) -> RawRow:
    key, micros, cells = plain
    if micros is None:
        return RawRow(key, None, cells)
    seconds, rest = divmod(micros, 1_000_000)
    return RawRow(key, datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest), cells)


def _hash(key: str) -> int:
    return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest())
