"""What the SQL connector promises of any database, on real servers of PostgreSQL and MariaDB and on SQLite."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy.dialects import mysql

from assets.connectors.base import Window
from assets.connectors.remote import SourceError
from assets.connectors.sql import SqlConnector
from tests.connectors.landing import files_that_show, land_all, landed_rows, quarantined_rows
from tests.connectors.test_sql import (
    CHANGES,
    DAY,
    SECRET,
    read,
    rows,
    run,
    source,
)

NOON = datetime(2026, 3, 28, 12)  # noqa: DTZ001 (columns without a zone)
LONG_AGO = datetime(1, 2, 3)  # noqa: DTZ001
MOMENT = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql")
PLAIN = {"change_kind": "normal", "state": "closed"}
ENGINES = ("postgresql", "mariadb", "sqlite")
MARKS = {"postgresql": pytest.mark.postgres, "mariadb": pytest.mark.mariadb, "sqlite": ()}


def on(*names: str) -> Any:
    """Run a test on these engines."""
    return pytest.mark.parametrize("address", [pytest.param(n, marks=MARKS[n]) for n in names], indirect=True)


@pytest.fixture
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgresql":
        return request.getfixturevalue("postgres_url")
    if request.param == "mariadb":
        return request.getfixturevalue("maria_url")
    return f"sqlite:///{tmp_path / 'desk.db'}"


@pytest.fixture
def desk(address: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[sa.Connection]:
    """A connection that seeds the database which the connector reads."""
    monkeypatch.setenv("DESK_URL", address)
    engine = sa.create_engine(address, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            run(connection, "pragma journal_mode = wal")
        yield connection
    engine.dispose()


def changes(*given: tuple[str | None, datetime | None], desk: sa.Connection) -> sa.Table:
    """A table of changes: key, moment, and the number of the row."""
    table = sa.Table(
        "c",
        sa.MetaData(),
        sa.Column("change_id", sa.String(200)),
        sa.Column("updated_at", MOMENT),
        sa.Column("n", sa.Integer),
    )
    table.create(desk)
    fill(desk, table, given)
    return table


def fill(desk: sa.Connection, table: sa.Table, given: Any) -> None:
    found = [{"change_id": key, "updated_at": at, "n": n} for n, (key, at) in enumerate(given)]
    if found:
        desk.execute(sa.insert(table), found)


def numbers(batches: list[Any]) -> list[int]:
    return sorted(int(row["n"]) for batch in batches for row in rows(batch))


@on(*ENGINES)
@hypothesis_settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    given=st.lists(
        st.tuples(
            st.none() | st.sampled_from(["a", "A", "a ", "ä", "b"]),
            st.none() | st.sampled_from([NOON, NOON + timedelta(microseconds=1), LONG_AGO]),
        ),
        max_size=12,
    ),
    page_rows=st.integers(1, 5),
)
def test_every_row_is_read_once(desk: sa.Connection, given: Any, page_rows: int) -> None:
    """Keys that are null, repeat, or are equal only to the database's collation; dates that are none."""
    run(desk, "drop table if exists c")
    changes(*given, desk=desk)
    assert numbers(read(source(page_rows, changes={**CHANGES, "table": "c"}))) == list(range(len(given)))


@on("mariadb")
def test_equal_by_collation_costs_no_second_reading(desk: sa.Connection) -> None:
    """MariaDB compares without case and trailing spaces: its ties are not Python's."""
    changes(*((key, NOON) for key in ("a", "A", "a ", "b", "B", "c")), desk=desk)
    asked: list[str] = []
    listen = lambda *given: asked.append(given[2])  # noqa: E731
    sa.event.listen(sa.Engine, "after_cursor_execute", listen)
    try:
        (batch,) = read(source(2, changes={**CHANGES, "table": "c"}))
    finally:
        sa.event.remove(sa.Engine, "after_cursor_execute", listen)
    assert len(rows(batch)) == 6
    pages = [one for one in asked if "ullage_order_0" in one]
    assert all("LIMIT" in one or " = " in one or "IS NULL" in one for one in pages)


@on(*ENGINES)
def test_large_and_odd_values_arrive_as_they_are(desk: sa.Connection) -> None:
    """1 MiB of text, 30 digits, NUL where the database can hold it, letters beyond the basic plane."""
    table = sa.Table(
        "c",
        sa.MetaData(),
        sa.Column("change_id", sa.String(200)),
        sa.Column("updated_at", MOMENT),
        sa.Column("cost", sa.Numeric(30, 10)),
        sa.Column("note", sa.Text().with_variant(mysql.LONGTEXT(), "mysql")),
    )
    table.create(desk)
    cost = None if desk.dialect.name == "sqlite" else Decimal("12345678901234567890.1234567891")
    notes = ["x" * 2**20, "𝄞 ü\n'\"\\", "a" if desk.dialect.name == "postgresql" else "a\x00b"]
    desk.execute(
        sa.insert(table),
        [
            {"change_id": str(n), "updated_at": NOON, "cost": cost, "note": note}
            for n, note in enumerate(notes)
        ],
    )
    (batch,) = read(source(2, changes={**CHANGES, "table": "c"}))
    assert [row["note"] for row in rows(batch)] == notes
    assert {row["cost"] for row in rows(batch)} == {None if cost is None else str(cost)}


@on("mariadb")
def test_dates_that_are_none_are_quarantined(desk: sa.Connection, tmp_path: Path) -> None:
    """MariaDB keeps 0000-00-00 and the 31st of February; neither stops the rows around it."""
    run(
        desk,
        "create table c (change_id varchar(20), updated_at datetime, opened_at datetime)",
        "insert into c values ('zero', '0000-00-00', null), ('good', '2026-03-28 12:00', '2026-03-27 12:00'),"
        " ('odd', '2026-03-28 13:00', '2026-02-31 08:00'), ('none', null, null),"
        " ('opened', '2026-03-28 13:00', '0000-00-00')",
    )
    settings = {**CHANGES, "table": "c", "constants": PLAIN, "columns": {"planned_start_at": "opened_at"}}
    (summary,) = land_all(SqlConnector(source(changes=settings)), tmp_path, Window(DAY, DAY))
    assert (summary.rows_received, summary.rows_landed) == (5, 1)
    reasons = sorted(
        row["reason"].partition(", field ")[2] for row in quarantined_rows(tmp_path, "desk", "changes")
    )
    never = "is a date or time that does not exist"
    assert reasons == [
        f"planned_start_at: '0000-00-00 00:00:00' {never}",
        f"planned_start_at: '2026-02-31 08:00:00' {never}",
        f"updated_at: '0000-00-00 00:00:00' {never}",
        "updated_at: is missing",
    ]


@on("sqlite")
def test_text_that_is_no_time_is_quarantined(desk: sa.Connection, tmp_path: Path) -> None:
    """SQLite takes any text for a time; it arrives as it stands, in a query too."""
    run(
        desk,
        "create table c (change_id text, updated_at timestamp)",
        "insert into c values ('a', '2026-03-28T12:00:00'), ('b', 'soon'), ('c', ''), ('d', null),"
        " ('e', '2026-03-28 25:00:00'), ('f', '2026-03-28 12:00')",
    )
    for settings in ({"table": "c"}, {"query": "select * from c"}):
        home = tmp_path / next(iter(settings))
        (summary,) = land_all(
            SqlConnector(source(changes={**CHANGES, "constants": PLAIN, **settings})), home, Window(DAY, DAY)
        )
        assert (summary.rows_received, summary.rows_landed, summary.rows_quarantined) == (6, 2, 4)


@on("mariadb")
def test_zones_of_mariadb(desk: sa.Connection, tmp_path: Path) -> None:
    """A `timestamp` has an absolute time whatever the server's zone (here +05:30); a `datetime` that of `zone`."""
    run(
        desk,
        "create table c (change_id varchar(20), updated_at timestamp(6) null, opened_at datetime)",
        "set time_zone = '+00:00'",
        "insert into c values ('before', '2026-03-27 23:59:59.999999', '2026-03-27 10:00'),"
        " ('first', '2026-03-28 00:00:00', '2026-03-27 10:00'),"
        " ('last', '2026-03-28 23:59:59.999999', '2026-03-27 10:00'),"
        " ('after', '2026-03-29 00:00:00', '2026-03-27 10:00')",
    )
    columns = {"planned_start_at": "opened_at"}
    settings = {**CHANGES, "table": "c", "zone": "Europe/Berlin", "constants": PLAIN, "columns": columns}
    land_all(SqlConnector(source(changes=settings)), tmp_path, Window(DAY, DAY))
    landed = landed_rows(tmp_path, "desk", "changes")
    assert sorted((row["change_id"], str(row["updated_at"])) for row in landed) == [
        ("first", "2026-03-28 00:00:00"), ("last", "2026-03-28 23:59:59.999999"),
    ]  # fmt: skip
    assert {str(row["planned_start_at"]) for row in landed} == {"2026-03-27 09:00:00"}


@on("mariadb")
def test_the_least_rights_are_enough(
    desk: sa.Connection, address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`select` alone; a wrong password is one error, and neither it nor the right one shows anywhere."""
    changes(("c1", NOON), desk=desk)
    run(desk, "drop user if exists reader@'127.0.0.1'")
    run(
        desk,
        f"create user reader@'127.0.0.1' identified by '{SECRET}'",
        "grant select on c to reader@'127.0.0.1'",
    )
    monkeypatch.setenv("DESK_URL", address.replace("root@", f"reader:{SECRET}@"))
    connector = SqlConnector(source(changes={**CHANGES, "constants": PLAIN, "table": "c"}))
    (summary,) = land_all(connector, tmp_path, Window(DAY, DAY))
    assert summary.rows_landed == 1
    assert files_that_show(tmp_path, [SECRET]) == []
    monkeypatch.setenv("DESK_URL", address.replace("root@", f"reader:wrong-{SECRET}@"))
    with pytest.raises(SourceError, match="Access denied") as caught:
        read(source(changes={**CHANGES, "table": "c"}))
    assert SECRET not in str(caught.value)
