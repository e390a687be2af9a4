"""What the SQL connector guarantees under faults of databases: real servers of PostgreSQL and MariaDB, and SQLite.

The guarantees are those of `test_guarantees*.py`: after any fault every row that the source holds is landed once or
quarantined; a killed run goes on from its last durable page; secrets show nowhere.
"""

from __future__ import annotations

import logging
import os
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
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy.dialects import mysql

from assets.connectors.base import Batch, Window
from assets.connectors.remote import RetryPolicy, SourceError
from assets.connectors.sql import SqlConnector, SqlSource
from assets.connectors.tape import Tape
from tests.connectors.killing import Killer, at_drawn_moments
from tests.connectors.landing import files_that_show, land_all, landed_bytes, landed_rows, quarantined_rows
from tests.connectors.proxy import Proxy
from tests.connectors.test_sql import CHANGES, DAY, SECRET, run

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


@pytest.fixture(
    params=[
        pytest.param("postgresql", marks=pytest.mark.postgres),
        pytest.param("mariadb", marks=pytest.mark.mariadb),
        "sqlite",
    ]
)
def desk(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """A desk in each database; the connector reaches servers by a way that can be cut."""
    if request.param == "sqlite":
        address = f"sqlite:///{tmp_path / 'desk.db'}"
        monkeypatch.setenv("DESK_URL", address)
        yield Desk(address, address)
        return
    short = "postgres" if request.param == "postgresql" else "maria"
    address = request.getfixturevalue(f"{short}_url")
    server = request.getfixturevalue(f"{short}_server")
    url = sa.make_url(address)
    assert url.port is not None
    with Proxy(url.port) as proxy:
        reader = url.set(port=proxy.port).render_as_string(hide_password=False)
        monkeypatch.setenv("DESK_URL", reader)
        yield Desk(address, reader, server, proxy)


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


# --- faults ---


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


def test_every_row_comes_once_whatever_the_page_borders(desk: Desk) -> None:
    """Ties on the time of change across page borders, and as many rows as pages hold, or one more or less."""
    for rows in (0, 1, PAGE_ROWS, PAGE_ROWS + 1, 3 * PAGE_ROWS):
        desk.fill(rows)
        assert read(connect()) == desk.held()
        assert len(desk.held()) == rows


def test_a_fault_on_the_way_costs_no_row(desk: Desk, tmp_path: Path) -> None:
    desk.fill(11)
    with before_statements(desk) as asked:
        read(connect())
    for place, (name, act) in enumerate(way(desk).items()):
        for number in range(1 + place % 3, len(asked.statements), 7):
            acts = {number: act}
            with before_statements(desk, acts):
                assert read(connect(tmp_path)) == desk.held(), (name, number)
            assert not acts


@pytest.mark.parametrize("desk", ["postgresql", "mariadb"], indirect=True)
def test_a_server_that_is_restarted_costs_no_row(desk: Desk) -> None:
    desk.fill(11)
    with before_statements(desk, page=1, act=desk.server.restart):
        assert read(connect()) == desk.held()


@pytest.mark.parametrize("times", [2, 3])
def test_too_many_connections_pass_or_are_one_clear_error(desk: Desk, times: int) -> None:
    said = {
        "postgresql": psycopg.OperationalError("FATAL:  sorry, too many clients already"),
        "mysql": pymysql.err.OperationalError(1040, "Too many connections"),
        "sqlite": sqlite3.OperationalError("unable to open database file"),
    }[desk.kind]
    desk.fill(5)
    left = [times]

    def refuse(_dialect: Any, _record: Any, _arguments: Any, _named: Any) -> None:
        if left[0]:
            left[0] -= 1
            raise said

    held = desk.held()
    sa.event.listen(sa.Engine, "do_connect", refuse)
    try:
        connector = connect()
        if times < 3:
            assert read(connector) == held
            assert connector.traffic.retries == times
        else:
            with pytest.raises(SourceError, match="no answer after 3 tries"):
                read(connector)
            assert read(connector) == held
    finally:
        sa.event.remove(sa.Engine, "do_connect", refuse)


@pytest.mark.parametrize("act", ["add", "change", "remove"])
def test_rows_that_move_between_pages_are_read_in_one_state(desk: Desk, act: str) -> None:
    """A run sees one moment of the database whole; the next one sees what moved."""
    for position in (0, 10):
        before = desk.fill(11).held()
        move = lambda: getattr(desk, act)(position)  # noqa: B023, E731
        with before_statements(desk, page=1, act=move):
            assert read(connect()) == before
        assert read(connect()) == desk.held() != before


def test_a_clock_that_differs_by_minutes_costs_no_row(desk: Desk) -> None:
    """Rows dated ahead of ours belong to the day they say: those of tomorrow come tomorrow."""
    desk.fill(3)
    desk.run("update c set updated_at = '2026-03-29 00:03:00' where change_id = 'CHG0000'")
    today, tomorrow = read(connect()), read(connect(), Window(DAY + timedelta(1), DAY + timedelta(1)))
    assert (set(today), set(tomorrow)) == ({"CHG0001", "CHG0002"}, {"CHG0000"})


def test_spoilt_rows_are_landed_or_quarantined_with_a_reason(desk: Desk, tmp_path: Path) -> None:
    desk.fill(9)
    spoilt = {
        "planned": "2026-02-30 10:00:00",
        "state": "Unheard of",
        "title": "x" * 2**20,
        "updated_at": None,
    }
    for position, (column, value) in enumerate(spoilt.items()):
        desk._execute(
            sa.update(desk.table).where(desk.table.c.change_id == f"CHG{position:04}").values({column: value})
        )
    desk.run("alter table c add column unasked text")
    (summary,) = land_all(connect(tmp_path / "spool"), tmp_path, WINDOW)
    assert summary.is_conserved
    assert (summary.rows_received, summary.rows_landed) == (9, 5)
    quarantined = quarantined_rows(tmp_path, "desk", "changes")
    assert all(row["reason"] and row["fix"] for row in quarantined)
    assert {row["field"] for row in quarantined} == {"planned_start_at", "state", "title", "updated_at"}


@given(data=st.data(), rows=st.integers(0, 14))
@hypothesis_settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_mix_of_faults_costs_no_row(
    desk: Desk, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, rows: int
) -> None:
    """Faults and moving rows together: a run gives no row twice, and once all is quiet the next has all."""
    faults = data.draw(st.dictionaries(st.integers(0, 25), st.sampled_from(sorted(way(desk))), max_size=4))
    moves = data.draw(
        st.dictionaries(
            st.integers(0, 25),
            st.tuples(st.sampled_from(["add", "change", "remove"]), st.integers(0, 13)),
            max_size=4,
        )
    )
    home = tmp_path_factory.mktemp("mix")
    desk.fill(rows)
    acts: dict[int, Act] = {number: way(desk)[name] for number, name in faults.items()}
    acts |= {number: lambda move=move: getattr(desk, move[0])(move[1]) for number, move in moves.items()}
    with before_statements(desk, acts):
        read_to_the_end(connect(home / "spool"))
    if desk.proxy is not None:
        desk.proxy.cut_after(None)
    assert read(connect(home / "spool")) == desk.held()


# --- resume ---


def landing(home: Path) -> Act:
    """What a child process does: land a day."""
    return lambda: land_all(connect(home / "spool"), home, WINDOW)


@pytest.mark.slow
def test_a_run_killed_at_any_moment_goes_on_from_its_last_page_and_lands_the_same(
    desk: Desk, killer: Killer, tmp_path: Path
) -> None:
    """A real process dies at drawn moments: at most one page is fetched again, and the landing is the same."""
    desk.fill(19)
    with before_statements(desk) as asked:
        landing(tmp_path / "here")()
    pages = len(asked.pages)
    assert pages == 5
    kept = set()

    def check(whole: Path, dead: Path) -> None:
        durable = len(list((dead / "spool").rglob("2026-03-28.*.page")))
        is_done = not durable and any((dead / "landing").rglob("*.json"))
        with before_statements(desk) as asked:
            (summary,) = land_all(connect(dead / "spool"), dead, WINDOW)
        assert landed_bytes(dead) == landed_bytes(whole)
        assert summary.rows_landed == 19
        assert len(asked.pages) == pages - durable or is_done
        assert not list((dead / "spool").rglob("*.page"))
        kept.add(durable)

    # Whoever opens an SQLite database writes a file beside it: no run would come far.
    in_writes = desk.kind != "sqlite"
    at_drawn_moments(killer, f"{__name__}:landing", tmp_path, check, in_writes=in_writes, examples=6)
    assert len(kept) > 1, kept


def test_what_changed_since_the_kill_is_not_mixed_with_what_was_kept(desk: Desk, tmp_path: Path) -> None:
    """Pages that the database no longer counts alike are read anew; a torn run never lands two states at once."""
    for act in ("change", "remove"):
        desk.fill(19)
        with before_statements(desk, page=3, act=interrupted), pytest.raises(KeyboardInterrupt):
            read(connect(tmp_path))
        assert list(tmp_path.rglob("*.page"))
        getattr(desk, act)(0)
        connector = connect(tmp_path)
        assert read(connector) == desk.held()
        assert connector.traffic.resumed_pages == 0


def test_days_that_were_read_before_a_kill_are_not_fetched_again(desk: Desk, tmp_path: Path) -> None:
    desk.fill(6)
    desk.run("update c set updated_at = '2026-03-29 09:00:00' where change_id >= 'CHG0003'")
    days = Window(DAY, DAY + timedelta(days=1))
    batches = connect(tmp_path).batches("changes", days, lambda *_: False)
    next(batches)
    next(batches)
    batches.close()  # type: ignore[attr-defined]
    connector = connect(tmp_path)
    assert read(connector, days) == desk.held()
    assert (connector.traffic.pages, connector.traffic.resumed_pages) == (1, 2)  # those without a date


def test_a_table_read_whole_goes_on_too(desk: Desk, tmp_path: Path) -> None:
    desk.fill(11)
    tables = {"changes": {**CHANGES, "table": "c", "updated_column": None}}
    with before_statements(desk, page=1, act=interrupted), pytest.raises(KeyboardInterrupt):
        read(connect(tmp_path, tables=tables))
    connector = connect(tmp_path, tables=tables)
    assert read(connector) == desk.held()
    assert connector.traffic.resumed_pages


def test_one_run_at_a_time_reads_a_table(desk: Desk, tmp_path: Path) -> None:
    desk.fill(3)
    first = connect(tmp_path).batches("changes", WINDOW, lambda *_: False)
    next(first)
    with pytest.raises(SourceError, match="another run reads this table"):
        read(connect(tmp_path))


# --- census, lookback ---


def test_a_census_finds_what_is_gone_and_fetches_what_was_missed(desk: Desk, tmp_path: Path) -> None:
    """Tombstones with the day on which they were known; rows written late, with an old time, are fetched."""
    desk.fill(12)
    wanted: dict[str, Any] = {"census_every_days": 1}
    land_all(connect(tmp_path / "spool", **wanted), tmp_path, WINDOW)
    assert landed_rows(tmp_path, "desk", "tombstones") == []
    held = sorted(desk.held())
    desk.remove(2)
    desk.remove(4)  # the sixth of the first twelve
    desk._execute(sa.insert(desk.table).values(desk._row(5) | {"change_id": "CHG-LATE"}))
    known = DAY + timedelta(days=1)
    land_all(connect(tmp_path / "spool", **wanted), tmp_path, Window(known, known), hour=7)
    gone = {
        row["record_key"]: row["deleted_known_date"] for row in landed_rows(tmp_path, "desk", "tombstones")
    }
    assert gone == {held[2]: known, held[5]: known}
    landed = {row["change_id"] for row in landed_rows(tmp_path, "desk", "changes")}
    assert "CHG-LATE" in landed
    desk._execute(sa.insert(desk.table).values(desk._row(2)))
    later = known + timedelta(days=1)
    land_all(connect(tmp_path / "spool", **wanted), tmp_path, Window(later, later), hour=8)
    assert {row["record_key"] for row in landed_rows(tmp_path, "desk", "tombstones")} == {held[5]}
    assert not list((tmp_path / "spool").rglob("*.page"))


def test_a_late_update_of_a_known_incident_is_fetched(desk: Desk, tmp_path: Path) -> None:
    """Its key has landed; that its day has more rows than were read tells."""
    desk.run(
        "drop table if exists inc",
        "create table inc (incident_id varchar(20), event_sequence int, updated_at timestamp, state varchar(20),"
        " opened_at timestamp)",
        "insert into inc values ('i1', 1, '2026-03-28 08:00:00', 'new', '2026-03-28 08:00:00'),"
        " ('i1', 3, '2026-03-28 10:00:00', 'closed', '2026-03-28 08:00:00')",
    )
    tables = {"incidents": {"table": "inc", "zone": "UTC", "updated_column": "updated_at"}}
    land_all(connect(tmp_path / "spool", tables=tables, census_every_days=1), tmp_path, WINDOW)
    desk.run("insert into inc values ('i1', 2, '2026-03-28 09:00:00', 'in_progress', '2026-03-28 08:00:00')")
    later = Window(DAY + timedelta(days=1), DAY + timedelta(days=1))
    land_all(connect(tmp_path / "spool", tables=tables, census_every_days=1), tmp_path, later, hour=7)
    assert sorted(row["event_sequence"] for row in landed_rows(tmp_path, "desk", "incidents")) == [1, 2, 3]
    assert landed_rows(tmp_path, "desk", "tombstones") == []


def test_a_table_that_is_suddenly_almost_empty_is_not_believed(desk: Desk, tmp_path: Path) -> None:
    desk.fill(20)
    land_all(connect(tmp_path / "spool", census_every_days=1), tmp_path, WINDOW)
    desk.run("delete from c where change_id > 'CHG0002'")
    later = Window(DAY + timedelta(days=1), DAY + timedelta(days=1))
    found = land_all(connect(tmp_path / "spool", census_every_days=1), tmp_path, later, hour=7)
    (message,) = [text for summary in found for text in summary.rejections]
    assert "17 of 20 landed records are gone from the source at once" in message
    assert landed_rows(tmp_path, "desk", "tombstones") == []


def test_late_and_corrected_rows_supersede_within_the_lookback(desk: Desk, tmp_path: Path) -> None:
    """A row that appears late on a day already read lands with the next run, and only that day is new."""
    desk.fill(5)
    land_all(connect(tmp_path / "spool"), tmp_path, WINDOW)
    desk.add()
    later = Window(DAY + timedelta(days=1), DAY + timedelta(days=1))
    (summary,) = land_all(connect(tmp_path / "spool", lookback_days=1), tmp_path, later, hour=7)
    assert summary.batches_written == 2  # the day that changed, and the new, empty one
    assert {row["change_id"] for row in landed_rows(tmp_path, "desk", "changes")} == set(desk.held())


# --- secrets ---


def with_secret(desk: Desk) -> str:
    """The reader's address with a secret in it, where the database knows any."""
    url = sa.make_url(os.environ["DESK_URL"])
    if desk.kind == "mysql":
        desk.run(
            "drop user if exists planted@'127.0.0.1'",
            f"create user planted@'127.0.0.1' identified by '{SECRET}'",
            "grant select on c to planted@'127.0.0.1'",
        )
        url = url.set(username="planted")
    if desk.kind != "sqlite":
        url = url.set(password=SECRET)
    return url.render_as_string(hide_password=False)


def test_secrets_show_nowhere(
    desk: Desk,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Not in files, logs, output or exceptions, even when the driver quotes the address."""
    caplog.set_level(logging.DEBUG)
    desk.fill(9)
    url = sa.make_url(with_secret(desk))
    monkeypatch.setenv("DESK_URL", url.render_as_string(hide_password=False))
    driver = {
        "postgresql": psycopg.OperationalError,
        "mysql": pymysql.err.OperationalError,
        "sqlite": sqlite3.OperationalError,
    }[desk.kind]
    quoted = driver(f"cannot reach {url.render_as_string(hide_password=False)} ({url.password or ''})")
    connector = connect(tmp_path / "spool")
    acts = dict.fromkeys(range(10, 99), raises(quoted))
    with before_statements(desk, acts), pytest.raises(SourceError) as caught:
        read(connector)
    assert files_that_show(tmp_path / "spool", [SECRET]) == []
    land_all(connector, tmp_path, WINDOW)
    shown = "".join([str(caught.value), repr(caught.value), caplog.text, *capsys.readouterr()])
    shown += repr(connector.__dict__) + connector.traffic.line()
    assert SECRET not in shown
    assert files_that_show(tmp_path, [SECRET]) == []
    assert not isinstance(caught.value.__cause__, Exception)


# --- recordings ---

#: A table by days, and a query read whole.
READ_BY = (
    {**CHANGES, "table": "c"},
    {**CHANGES, "query": "select * from c where state = 'closed'", "updated_column": None},
)


def exchanged(folder: Path, tape: Callable[[Path, str], Tape]) -> list[tuple[Any, ...]]:
    """What each way of reading gives while it is recorded, or from the recording; and the retries it took."""
    found: list[tuple[Any, ...]] = []
    for number, table in enumerate(READ_BY):
        connector = connect(tables={"changes": table})
        connector.tape = tape(folder / str(number), "desk")
        for batch in connector.batches("changes", WINDOW, lambda *_: False):
            assert isinstance(batch, Batch), batch
            rows = str(batch.frame.to_pylist()).replace(SECRET, "***")
            found.append((batch.batch_id, batch.input_path, batch.query, rows))
        found.append((connector.traffic.retries, connector.traffic.rows))
    return found


def test_a_recording_plays_without_the_database_and_holds_no_secret(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pages with ties, a row without a date, a secret in a row, and faults that passed: told again, offline."""
    desk.fill(11)
    desk.run("update c set updated_at = null where change_id = 'CHG0004'")
    secrets = [desk.address, desk.reader]
    if desk.kind != "sqlite":
        secrets.append(SECRET)
        desk.run(f"update c set title = 'see {SECRET}' where change_id = 'CHG0003'")
    monkeypatch.setenv("DESK_URL", with_secret(desk))
    tapes = tmp_path / "tapes"
    acts = dict(zip((3, 12), way(desk).values(), strict=False))
    with before_statements(desk, acts):
        recorded = exchanged(tapes, Tape.new)
    assert sum(one[1] for one in recorded if len(one) == 2) >= 22
    assert not acts
    assert files_that_show(tapes, secrets) == []
    monkeypatch.delenv("DESK_URL")
    with before_statements(desk) as asked:
        assert exchanged(tapes, Tape.of) == recorded
    assert asked.statements == []
    other = connect(tables={"changes": READ_BY[0]})
    other.tape = Tape.of(tapes / "0", "desk")
    with pytest.raises(SourceError, match="the recording holds no answer"):
        read(other, Window(DAY + timedelta(days=9), DAY + timedelta(days=9)))


def test_an_error_of_the_database_is_on_the_recording(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever plays it reads what the user read; where the database is and who asks is not in it."""
    desk.fill(1)
    monkeypatch.setenv("DESK_URL", with_secret(desk))
    tables = {"changes": {**CHANGES, "query": "select nothing_of_that_name from c"}}
    told = []
    for tape in (Tape.new, Tape.of):
        connector = connect(tables=tables)
        connector.tape = tape(tmp_path / "tapes", "desk")
        with pytest.raises(SourceError, match="nothing_of_that_name") as caught:
            read(connector)
        told.append(caught.value.fix)
        monkeypatch.delenv("DESK_URL", raising=False)
    assert told[0] == told[1]
    shown = [SECRET, desk.address, desk.reader, *([] if desk.kind == "sqlite" else ["127.0.0.1", "planted"])]
    assert files_that_show(tmp_path / "tapes", shown) == []
