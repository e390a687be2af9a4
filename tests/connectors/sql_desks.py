"""A service desk in a database, the connector that reads it, and faults on the way: for test_guarantees_sql*.py."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
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
        #: Of the desk itself; all others are the connector's.
        self.engines = [self.engine]
        #: The connector's own connection, as its driver has it, at the statement before which something happens.
        self.session: Any = None
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

    # An account of the connector's own, which may only read; servers only.

    @property
    def account(self) -> str:
        """Accounts belong to the whole server, so each database has its own."""
        name = f"reader_{self.engine.url.database}"
        return name if self.kind == "postgresql" else f"{name}@'127.0.0.1'"

    def account_url(self, password: str) -> str:
        """The connector's way to the database by that account; makes it."""
        if self.kind == "postgresql":
            self.run(f"create role {self.account} login password '{password}'")
        else:
            self.run(f"create user {self.account} identified by '{password}'")
        self.run(f"grant select on c to {self.account}")
        url = sa.make_url(self.reader).set(username=self.account.partition("@")[0], password=password)
        return url.render_as_string(hide_password=False)

    # Faults that the server itself makes.

    def in_session(self, *statements: str) -> None:
        """Say something in the connector's own session: what the database answers is the connector's error."""
        cursor = self.session.cursor()
        for statement in statements:
            cursor.execute(statement)
            cursor.fetchall() if cursor.description else None

    @contextmanager
    def held_by_another(self, *statements: str) -> Iterator[sa.Connection]:
        """Another session that has said something in a transaction, and holds its locks."""
        engine = sa.create_engine(self.address, poolclass=sa.NullPool)
        self.engines.append(engine)
        with engine.connect() as other:
            run(other, *statements)
            yield other
            other.rollback()

    def while_it_waits(self, statement: str, act: Act) -> None:
        """Our session's statement takes long; meanwhile, from elsewhere, something happens."""
        sleeping = {
            "postgresql": "pg_stat_activity where datname = current_database() and wait_event = 'PgSleep'",
            "mysql": "information_schema.processlist where db = database() and state = 'User sleep'",
        }[self.kind]

        def once_it_does() -> None:
            self.wait_for(sleeping)
            act()

        meanwhile = threading.Thread(target=once_it_does)
        meanwhile.start()
        try:
            self.in_session(statement)
        finally:
            meanwhile.join()

    def wait_for(self, what: str) -> None:
        """Until the database shows such a row, or not for much longer: a session that is gone never does."""
        end = time.monotonic() + 2
        with self.engine.connect() as connection:
            while (
                time.monotonic() < end
                and not connection.exec_driver_sql(f"select count(*) from {what}").scalar()
            ):
                time.sleep(0.01)

    def sessions(self) -> list[int]:
        """Numbers of all other connections to this database."""
        question = {
            "postgresql": "select pid from pg_stat_activity where datname = current_database()"
            " and pid <> pg_backend_pid()",
            "mysql": "select id from information_schema.processlist where db = database() and id <> connection_id()",
        }[self.kind]
        with self.engine.connect() as connection:
            return list(connection.exec_driver_sql(question).scalars().all())

    def kill_others(self) -> None:
        """End every other connection to this database, as an administrator would."""
        kill = "select pg_terminate_backend({})" if self.kind == "postgresql" else "kill {}"
        self.run(*(kill.format(number) for number in self.sessions()))

    def cancel_others(self) -> None:
        """End what every other connection does, and leave it open."""
        cancel = "select pg_cancel_backend({})" if self.kind == "postgresql" else "kill query {}"
        self.run(*(cancel.format(number) for number in self.sessions()))


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

    def listen(cursor: Any, statement: str, _parameters: Any, context: Any) -> None:
        if any(context.root_connection.engine is one for one in desk.engines):
            return
        desk.session = cursor.connection
        asked.statements.append(statement)
        due = acts.pop(next(numbers), None)
        if len(asked.pages) == page + 1 and on_page:
            due = on_page.pop()
        if due is not None:
            due()

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
#: What drivers say of faults that pass and that no server can be made to say to a session that only reads.
SAID: dict[str, dict[str, Exception]] = {
    "postgresql": {
        # To a session that only reads a primary never says it; a standby does when what is read goes.
        "serialization": psycopg.errors.SerializationFailure("could not serialize access"),
        # A server that starts says so for milliseconds, or for hours behind a crash.
        "recovery": psycopg.errors.CannotConnectNow("the database system is starting up"),
    },
    # Said where the server closed the connection before the statement was sent: a race against its packet.
    "mysql": {"gone": pymysql.err.OperationalError(2006, "MySQL server has gone away")},
    # It takes a broken disk.
    "sqlite": {"disk": sqlite3.OperationalError("disk I/O error")},
}


def way(desk: Desk) -> dict[str, Act]:
    """What may happen to any statement and passes when asked again: done by the database wherever it can be."""
    found = {name: raises(error) for name, error in SAID[desk.kind].items()}
    if desk.kind == "sqlite":
        return {**found, "locked": lambda: _locked_file(desk), "interrupted": lambda: _interrupted(desk)}
    assert desk.proxy is not None
    found["cut in the middle of an answer"] = lambda: desk.proxy and desk.proxy.cut_after(60)
    found["killed"] = desk.kill_others
    slow = "select pg_sleep(5)" if desk.kind == "postgresql" else "select sleep(5)"
    found["killed in the middle of a statement"] = lambda: desk.while_it_waits(slow, desk.kill_others)
    found["cancelled"] = lambda: desk.while_it_waits(slow, desk.cancel_others)
    if desk.kind == "postgresql":
        found["statement timeout"] = lambda: desk.in_session("set local statement_timeout = 50", slow)
        found["lock timeout"] = lambda: _lock_timeout(desk)
        found["deadlock"] = lambda: _deadlock(desk)
    else:
        found["statement timeout"] = lambda: desk.in_session(
            f"set statement max_statement_time = 0.05 for {slow}"
        )
        found["lock wait"] = lambda: _lock_wait(desk)
    return found


def _lock_timeout(desk: Desk) -> None:
    """LockNotAvailable."""
    with desk.held_by_another("select pg_advisory_xact_lock(1)"):
        desk.in_session("set local lock_timeout = 50", "select pg_advisory_xact_lock(1)")


def _deadlock(desk: Desk) -> None:
    """DeadlockDetected: each holds what the other waits for, and ours looks first."""
    with desk.held_by_another("select pg_advisory_xact_lock(2)") as other:
        desk.in_session("set local deadlock_timeout = 10", "select pg_advisory_xact_lock(1)")
        waiting = threading.Thread(target=lambda: run(other, "select pg_advisory_xact_lock(1)"))
        waiting.start()
        try:
            desk.wait_for("pg_locks where not granted and locktype = 'advisory'")
            desk.in_session("select pg_advisory_xact_lock(2)")
        finally:
            waiting.join()


def _lock_wait(desk: Desk) -> None:
    """1205: another session alters what ours wants to read."""
    desk.run("create table if not exists busy (n int)")
    with desk.held_by_another("lock tables busy write"):
        desk.in_session("set session lock_wait_timeout = 0", "select * from busy")


def _locked_file(desk: Desk) -> None:
    """Of another file: in one that the reader has open behind a write-ahead log nobody can lock it out."""
    path = f"{desk.address.removeprefix('sqlite:///')}.busy"
    with closing(sqlite3.connect(path)) as other, closing(sqlite3.connect(path, timeout=0)) as ours:
        other.execute("begin exclusive")
        ours.execute("select * from sqlite_master")


def _interrupted(desk: Desk) -> None:
    """The next step of the connector's own statement is not taken."""
    desk.session.set_progress_handler(lambda: 1, 1)
