"""A service desk in a database, the connector that reads it, and faults on the way: for test_guarantees_sql*.py."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pymysql
import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from assets.connectors.base import Batch, Window
from assets.connectors.remote import RetryPolicy, SourceError
from assets.connectors.sql import SqlConnector, SqlSource
from tests.connectors.proxy import Proxy
from tests.connectors.test_sql import CHANGES, DAY, run

WINDOW = Window(DAY, DAY)
START = datetime(2026, 3, 28, 8)  # noqa: DTZ001 (the column has no zone)
PAGE_ROWS = 4
MOMENT = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql")
Act = Callable[[], object]


class Desk:
    """The changes of a service desk in one database, edited from a connection of its own."""

    def __init__(self, address: str, reader: str, server: Any = None, proxy: Proxy | None = None) -> None:
        self.address, self.reader, self.server, self.proxy = address, reader, server, proxy
        self.engine = sa.create_engine(address, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
        self.kind = self.engine.dialect.name
        self.table = sa.Table(
            "c",
            sa.MetaData(),
            sa.Column("change_id", sa.String(200), primary_key=True),
            sa.Column("updated_at", MOMENT),
            sa.Column("state", sa.String(20)),
            sa.Column("planned", sa.String(40)),
            sa.Column("title", sa.Text().with_variant(mysql.LONGTEXT(), "mysql")),
        )

    def fill(self, rows: int) -> Desk:
        """Begin anew with a number of rows."""
        self.run("drop table if exists c", *(["pragma journal_mode = wal"] if self.kind == "sqlite" else []))
        with self.engine.connect() as connection:
            self.table.create(connection)
            found = [self._row(number) for number in range(rows)]
            if found:
                connection.execute(sa.insert(self.table), found)
        return self

    def run(self, *statements: str) -> None:
        with self.engine.connect() as connection:
            run(connection, *statements)

    def _row(self, number: int) -> dict[str, Any]:
        # Three share each moment, so that page borders fall into ties.
        moment = START + timedelta(minutes=number // 3)
        return {"change_id": f"CHG{number:04}", "updated_at": moment, "state": "closed", "title": "x" * 40}

    def held(self) -> dict[str, datetime]:
        with self.engine.connect() as connection:
            rows = connection.execute(sa.select(self.table.c.change_id, self.table.c.updated_at))
            return {row[0]: row[1] for row in rows}

    # Each moves a row behind all others, or out of the table.

    def add(self, _position: int = 0) -> None:
        held = self.held()
        row = self._row(max((int(key[3:]) for key in held), default=-1) + 1)
        self._execute(sa.insert(self.table).values(row | {"updated_at": self._latest(held)}))

    def change(self, position: int) -> None:
        if held := self.held():
            later = self._latest(held) + timedelta(seconds=1)
            self._execute(sa.update(self.table).where(self._at(held, position)).values(updated_at=later))

    def remove(self, position: int) -> None:
        if held := self.held():
            self._execute(sa.delete(self.table).where(self._at(held, position)))

    def _latest(self, held: dict[str, datetime]) -> datetime:
        return max(held.values(), default=START)

    def _at(self, held: dict[str, datetime], position: int) -> sa.ColumnElement[bool]:
        return self.table.c.change_id == sorted(held)[position % len(held)]

    def _execute(self, statement: Any) -> None:
        with self.engine.connect() as connection:
            connection.execute(statement)

    # Faults that the server itself makes.

    def kill_others(self) -> None:
        """End every other connection to this database, as an administrator would."""
        if self.kind == "postgresql":
            self.run(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where datname = current_database() and pid <> pg_backend_pid()"
            )
            return
        with self.engine.connect() as connection:
            found = connection.exec_driver_sql(
                "select id from information_schema.processlist"
                " where db = database() and id <> connection_id()"
            )
            run(connection, *(f"kill {number}" for number in found.scalars().all()))


def connect(spool: Path | None = None, **changes: Any) -> SqlConnector:
    table = {**CHANGES, "table": "c", "columns": {"planned_start_at": "planned"}}
    given = {
        "type": "sql",
        "name": "desk",
        "url_env": "DESK_URL",
        "page_rows": PAGE_ROWS,
        "lookback_days": 0,
        "census_every_days": None,
        "tables": {"changes": table},
        **changes,
    }
    retries = RetryPolicy(3, sleep=lambda _seconds: None)
    return SqlConnector(SqlSource.model_validate(given), spool=spool, retries=retries)


def read(connector: SqlConnector, window: Window = WINDOW) -> dict[str, datetime]:
    """Rows of all batches by key, each of which must occur once, with its time of change."""
    found: dict[str, datetime] = {}
    for batch in connector.batches("changes", window, lambda *_: False):
        assert isinstance(batch, Batch), batch
        for row in batch.frame.to_pylist():
            assert row["change_id"] not in found
            found[row["change_id"]] = datetime.fromisoformat(row["updated_at"])
        batch.landed()
    return found


def read_to_the_end(connector: SqlConnector, tries: int = 8) -> dict[str, datetime]:
    """As a data engineer would: after an error that says what to do, run again."""
    for _ in range(tries):
        try:
            return read(connector)
        except SourceError as error:
            assert error.fix
    raise AssertionError("the source never answered")


@dataclass(frozen=True)
class Ours:
    """What the connector asks; statements of the desk's own connection are not counted."""

    statements: list[str]

    @property
    def pages(self) -> list[str]:
        """Those that fetch rows by pages."""
        return [one for one in self.statements if "ullage_order_0" in one and "LIMIT" in one.upper()]


@contextmanager
def before_statements(
    desk: Desk, acts: dict[int, Act] | None = None, *, page: int = -1, act: Act | None = None
) -> Iterator[Ours]:
    """Before the connector's statement, or its page, of a number something happens; it may raise the driver's error."""
    asked, numbers, acts = Ours([]), count(), {} if acts is None else acts
    on_page = [act] if act is not None else []

    def listen(_cursor: Any, statement: str, _parameters: Any, context: Any) -> None:
        if context.root_connection.engine is desk.engine:
            return
        asked.statements.append(statement)
        now = acts.pop(next(numbers), None)
        if len(asked.pages) == page + 1 and on_page:
            now = on_page.pop()
        if now is not None:
            now()

    sa.event.listen(sa.Engine, "do_execute", listen)
    try:
        yield asked
    finally:
        sa.event.remove(sa.Engine, "do_execute", listen)


def raises(error: Exception) -> Act:
    def act() -> None:
        raise error

    return act


interrupted = raises(KeyboardInterrupt())
#: What drivers say of faults that pass.
SAID: dict[str, dict[str, Exception]] = {
    "postgresql": {
        "statement timeout": psycopg.errors.QueryCanceled("canceling statement due to statement timeout"),
        "serialization": psycopg.errors.SerializationFailure("could not serialize access"),
        "deadlock": psycopg.errors.DeadlockDetected("deadlock detected"),
        "recovery": psycopg.errors.CannotConnectNow("the database system is starting up"),
    },
    "mysql": {
        "statement timeout": pymysql.err.OperationalError(1969, "max_statement_time exceeded"),
        "deadlock": pymysql.err.OperationalError(1213, "Deadlock found when trying to get lock"),
        "lock wait": pymysql.err.OperationalError(1205, "Lock wait timeout exceeded"),
        "gone": pymysql.err.OperationalError(2006, "MySQL server has gone away"),
    },
    "sqlite": {
        "locked": sqlite3.OperationalError("database is locked"),
        "interrupted": sqlite3.OperationalError("interrupted"),
        "disk": sqlite3.OperationalError("disk I/O error"),
    },
}


def way(desk: Desk) -> dict[str, Act]:
    """What may happen to any statement and passes when asked again."""
    found = {name: raises(error) for name, error in SAID[desk.kind].items()}
    if desk.proxy is not None:
        found["cut in the middle of an answer"] = lambda: desk.proxy and desk.proxy.cut_after(60)
        found["killed"] = desk.kill_others
    return found
