"""Any SQL database through SQLAlchemy: a table or a query of the owner's feeds one contract table.

With `updated_column` one batch holds what was last changed on one UTC day, read in bounded pages ordered by
(updated_column, key); without it one batch is the whole table, in pages ordered by its key. Pages are durable: the
next run goes on from the last one. Only bound parameters carry values; SQLAlchemy quotes the names.
"""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import TypeVar
from zoneinfo import ZoneInfo

from assets.connectors import census, sql_reading
from assets.connectors.base import Batch, IsLanded, RejectedInput, Window, frame_digest
from assets.connectors.remote import RetryPolicy, SourceError
from assets.connectors.sql_database import Database
from assets.connectors.sql_sessions import Session, Source
from assets.connectors.sql_settings import SqlSource, SqlTable
from assets.connectors.tape import Tape
from assets.connectors.traffic import Traffic
from assets.landing.contracts import contract
from assets.landing.frame_spool import FrameSpool, Part, SpoolBusyError
from assets.landing.spool_folder import Outstanding

__all__ = ["SqlConnector", "SqlSource", "SqlTable"]

Answer = TypeVar("Answer")


@dataclass
class _Reading:
    """One call of `batches`: the table that is read, and what the database said of it."""

    database: Database
    table: str
    settings: SqlTable
    spool: FrameSpool
    source: Source | None = None
    outstanding: Outstanding = field(init=False)

    def __post_init__(self) -> None:
        self.outstanding = Outstanding(self.spool.remove)

    @property
    def place(self) -> str:
        """Where it is read, without the address."""
        return self.settings.table or "query"


class SqlConnector:
    """Reads one database. Opens nothing before `batches` is iterated.

    `spool` is the folder for unfinished questions in an estate's home, beside what has landed (None: not kept).
    """

    def __init__(
        self, source: SqlSource, *, spool: Path | None = None, retries: RetryPolicy | None = None
    ) -> None:
        self._source = source
        self._retries = retries or RetryPolicy(attempts=3)
        self._traffic = Traffic()
        self._spool = spool
        #: Records what is asked, or plays in place of the database.
        self.tape: Tape | None = None

    @property
    def name(self) -> str:
        """Name of the source in the configuration."""
        return self._source.name

    @property
    def traffic(self) -> Traffic:
        """What was exchanged for the table read last."""
        return self._traffic

    def tables(self) -> list[str]:
        """The configured contract tables, and `tombstones` where a census is taken."""
        return [*self._source.tables, *([census.TOMBSTONES] if self._counted() else [])]

    def batches(self, table: str, window: Window, is_landed: IsLanded) -> Iterator[Batch | RejectedInput]:
        """A batch a day of `updated_column` (empty days included), or one snapshot. Raises `SourceError`.

        Rows whose `updated_column` is null or no date belong to no day: they come as a batch of their own. When a
        census is due, days on which it misses rows follow.
        """
        self._traffic = Traffic()
        if table == census.TOMBSTONES and self._home is not None:
            yield from census.tombstones(self._home, self.name, self._counted())
        settings = self._source.tables.get(table)
        if settings is None:
            return
        wide = Window(window.start - timedelta(days=self._source.lookback_days), window.end)
        database = Database(self._source, self.tape)
        with contextlib.ExitStack() as stack:
            stack.callback(database.close)
            question = self._question(database, table, settings, wide)
            reading = _Reading(database, table, settings, self._spooled(stack, table, question))
            for item in self._read_all(reading, wide, window.end):
                if isinstance(item, Batch) and is_landed(item.batch_id, item.fingerprint):
                    item.landed()
                else:
                    yield item
            reading.outstanding.all_given()

    def _read_all(self, reading: _Reading, wide: Window, day: date) -> Iterator[Batch | RejectedInput]:
        if reading.settings.updated_column is None:
            yield self._batch(reading, None)
            return
        for number in range((wide.end - wide.start).days + 1):
            yield self._batch(reading, wide.start + timedelta(days=number))
        undated = self._batch(reading, None)
        if isinstance(undated, RejectedInput) or undated.frame.num_rows:
            yield undated
        else:
            undated.landed()
        if reading.table in self._counted() and self._home is not None:
            yield from self._census(reading, self._home, day, wide)

    # --- one batch ---

    def _batch(self, reading: _Reading, day: date | None) -> Batch | RejectedInput:
        table, settings = reading.table, reading.settings
        part = reading.spool.part("all" if day is None else day.isoformat())
        announced, statement = self._asked(
            reading,
            lambda session: self._read(session, reading, day, part),
        )
        frame = part.frame()
        self._traffic.pages += part.fetched_pages
        self._traffic.rows += part.fetched_rows
        self._traffic.bytes += frame.nbytes
        self._traffic.resumed_pages += part.resumed_pages
        path = self._path(reading)
        if day is not None:
            batch_id = f"{table}/{day.isoformat()}"
        else:
            batch_id = f"{table}/undated" if settings.updated_column else table
        if part.rows != announced:
            part.clear()
            return RejectedInput(
                source=self.name,
                table=table,
                batch_id=batch_id,
                input_path=path,
                reason=f"{path}: the database announced {announced} rows and gave {frame.num_rows}",
                fix="run again; if it stays, check that the key columns identify a row",
                input_sha256=frame_digest(frame),
                input_bytes=frame.nbytes,
                frame=frame,
            )
        return Batch(
            source=self.name,
            table=table,
            batch_id=batch_id,
            frame=frame,
            declaration=settings.declaration(table),
            input_path=path,
            input_sha256=frame_digest(frame),
            input_bytes=frame.nbytes,
            query=statement,
            window=None if day is None else Window(day, day),
            when_landed=reading.outstanding.take(),
        )

    def _read(self, session: Session, reading: _Reading, day: date | None, part: Part) -> tuple[int, str]:
        """Let `part` hold the rows of a day, or those of none; gives the announced number and the statement."""
        source, settings = self._columns(session, reading), reading.settings
        key, updated = settings.key_columns(reading.table), settings.updated_column
        zone = ZoneInfo(settings.zone)
        try:
            if updated is None:
                question = sql_reading.whole(source, key)
            elif day is None:
                question = sql_reading.undated(session, source, key, updated, zone)
            else:
                question = sql_reading.of_day(session, source, key, updated, day, zone)
        except TypeError as error:
            raise self._error(
                str(error),
                "name a timestamp column as updated_column, or leave it out to read the whole table",
            ) from None
        return sql_reading.read_pages(session, question, self._source.page_rows, part), question.shown

    def _columns(self, session: Session, reading: _Reading) -> Source:
        """What the database says of the table, asked once. Raises `SourceError` when a column is not there."""
        settings, table = reading.settings, reading.table
        if reading.source is None:
            found = session.source(settings.table, settings.query)
            needed = [*settings.key_columns(table), *filter(None, [settings.updated_column])]
            missing = [name for name in needed if name not in found.clause.c]
            if missing:
                have = ", ".join(found.names)
                raise self._error(
                    f"column {missing[0]!r}, needed for {table}, is not there (the source has {have})",
                    f"correct columns or updated_column of tables.{table}",
                )
            reading.source = found
        return reading.source

    # --- census ---

    @property
    def _home(self) -> Path | None:
        return None if self._spool is None else self._spool.parent

    def _counted(self) -> list[str]:
        """Tables whose keys are counted: those that are read by day. Of others each run reads everything."""
        if self._source.census_every_days is None:
            return []
        tables = self._source.tables
        return [table for table in tables if tables[table].counted_column(table) is not None]

    def _census(
        self, reading: _Reading, home: Path, day: date, read: Window
    ) -> Iterator[Batch | RejectedInput]:
        """Take a census when one is due, note what is gone, and read days again on which something was missed.

        Days of `read` were just read: what they miss is for the next census.
        """
        before = census.read(home, self.name, reading.table)
        if not census.is_due(before, day, self._source.census_every_days):
            return
        table = reading.table
        held, rows = self._asked(reading, lambda session: self._held(session, reading))
        known = census.landed(home, self.name, table)
        gone = census.gone(before, known, held, day)
        if lost := census.lost_too_many(gone, before, known):
            path = self._path(reading)
            yield RejectedInput(
                source=self.name,
                table=table,
                batch_id=f"{table}/census",
                input_path=path,
                reason=f"{path}: {lost} of {len(known.newest)} landed records are gone from the source at once",
                fix="see whether the account still sees all rows; "
                "if the records were really deleted, remove the landed table and read it anew",
            )
            return
        missed = {*census.missed_days(known, held, by_history=contract(table).time is not None)}
        # Of an update that became visible late the record may be known: its day then has more rows than were read.
        missed |= {one for one, count in known.rows.items() if rows.get(one, 0) > count}
        for one in sorted(missed):
            if not read.start <= one <= read.end:
                yield self._batch(reading, one)
        census.write(home, self.name, table, census.Census(day, len(held), gone))

    def _held(self, session: Session, reading: _Reading) -> tuple[list[census.Held], dict[date, int]]:
        """Every record with the UTC days of its first and last row, and how many rows each day has."""
        settings, table = reading.settings, reading.table
        column, updated = settings.counted_column(table), settings.updated_column
        assert column is not None
        assert updated is not None
        days: dict[str, tuple[date, date] | None] = {}
        rows: dict[date, int] = {}
        strips = contract(table).key[0] in settings.strip
        found = sql_reading.keys_and_days(
            session, self._columns(session, reading), column, updated, ZoneInfo(settings.zone)
        )
        for key, day in found:
            if key is None or key in settings.nulls:
                continue
            name = " ".join(key.split()) if strips else key
            span = days.setdefault(name, None)
            if day is not None:
                rows[day] = rows.get(day, 0) + 1
                days[name] = (day, day) if span is None else (min(span[0], day), max(span[1], day))
        held = [census.Held(key, *(span or (None, None))) for key, span in days.items()]
        return held, rows

    # --- the database ---

    def _path(self, reading: _Reading) -> str:
        return f"{reading.database.dialect}:{self._source.url_env}/{reading.place}"

    def _question(self, database: Database, table: str, settings: SqlTable, window: Window) -> str:
        """What tells one question from others."""
        days = [window.start, window.end] if settings.updated_column else []
        asked = [*database.identity, table]
        return json.dumps([*asked, settings.model_dump(mode="json"), *map(str, days), self._source.page_rows])

    def _spooled(self, stack: contextlib.ExitStack, table: str, question: str) -> FrameSpool:
        root = self._spool
        if root is None:
            root = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ullage-spool-")))
        try:
            return stack.enter_context(FrameSpool(root / self.name / table, question))
        except SpoolBusyError as error:
            raise self._error(str(error), "let one run at a time read a source") from None

    def _asked(self, reading: _Reading, ask: Callable[[Session], Answer]) -> Answer:
        return reading.database.ask(reading.table, self._traffic.counting(self._retries), ask)

    def _error(self, problem: str, fix: str) -> SourceError:
        return SourceError(self._source.name, problem, fix)
