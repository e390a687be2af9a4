"""The SQL connector against a real PostgreSQL, and SQLite for what must hold in any database."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from pydantic import ValidationError

from assets.connectors.base import Batch, RejectedInput, Window
from assets.connectors.remote import RetryPolicy, SourceError
from assets.connectors.sql import SqlConnector, SqlSource, SqlTable
from tests.connectors.landing import files_that_show, land_all, landed_rows, quarantined_rows

DAY = date(2026, 3, 28)
SECRET = "planted-secret-4711"
#: A change table is the simplest incremental one: its key is one column.
CHANGES = {"zone": "UTC", "updated_column": "updated_at", "constants": {"change_kind": "normal"}}


def source(page_rows: int = 50_000, **tables: dict[str, Any]) -> SqlSource:
    given = {name: {"zone": "UTC", **settings} for name, settings in tables.items()}
    plain = {"lookback_days": 0, "census_every_days": None, "page_rows": page_rows}
    return SqlSource.model_validate(
        {"type": "sql", "name": "desk", "url_env": "DESK_URL", **plain, "tables": given}
    )


def read(settings: SqlSource, first: date = DAY, last: date = DAY) -> list[Batch | RejectedInput]:
    waits: list[float] = []
    connector = SqlConnector(settings, retries=RetryPolicy(attempts=3, sleep=waits.append))
    return [
        batch
        for table in connector.tables()
        for batch in connector.batches(table, Window(first, last), lambda *_: False)
    ]


def rows(batch: Batch | RejectedInput) -> list[dict[str, Any]]:
    assert isinstance(batch, Batch), batch
    return batch.frame.to_pylist()


def ids(batch: Batch | RejectedInput) -> list[str]:
    return [row["change_id"] for row in rows(batch)]


@pytest.fixture
def desk(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[sa.Connection]:
    """A connection that seeds the database which the connector reads."""
    monkeypatch.setenv("DESK_URL", postgres_url)
    engine = sa.create_engine(postgres_url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def run(connection: sa.Connection, *statements: str) -> None:
    for statement in statements:
        connection.exec_driver_sql(statement)


# --- values ---


@pytest.mark.postgres
def test_values_keep_their_text(desk: sa.Connection) -> None:
    """Decimals to the last digit, NULL as null, offsets kept, infinity and years BC readable."""
    run(
        desk,
        "create table c (change_id text, updated_at timestamptz, cost numeric(30, 10), done boolean,"
        " planned timestamp, due timestamptz, day date, note jsonb, raw bytea, took interval)",
        "insert into c values ('c1', '2026-03-28 01:30+01', 12345678901234567890.1234567891, true,"
        " '2026-03-28 09:00', 'infinity', '2026-03-29', '{\"b\": 1}', 'x', '90 s'),"
        " ('c2', '2026-03-28 23:59:59.999999+00', null, null, null, '0044-03-15 BC', null, null, null, null)",
    )
    (batch,) = read(source(changes={**CHANGES, "table": "c"}))
    first, second = rows(batch)
    assert first == {
        "change_id": "c1",
        "updated_at": "2026-03-28 00:30:00+00",
        "cost": "12345678901234567890.1234567891",
        "done": "true",
        "planned": "2026-03-28 09:00:00",
        "due": "infinity",
        "day": "2026-03-29",
        "note": '{"b": 1}',
        "raw": "x",
        "took": "90.000000",
    }
    assert second["due"].endswith("BC")
    assert [name for name, value in second.items() if value is None] == [
        "cost", "done", "planned", "day", "note", "raw", "took"
    ]  # fmt: skip


@pytest.mark.postgres
def test_odd_names_and_owners_schemas_are_quoted(desk: sa.Connection) -> None:
    run(
        desk,
        'create schema "My Desk"',
        'create table "My Desk"."select" ("change; drop table x" text, "or""der" timestamptz)',
        "insert into \"My Desk\".\"select\" values ('c1', '2026-03-28 12:00+00')",
    )
    settings = {
        **CHANGES,
        "table": "My Desk.select",
        "updated_column": 'or"der',
        "columns": {"change_id": "change; drop table x", "updated_at": 'or"der'},
    }
    (batch,) = read(source(changes=settings))
    assert rows(batch) == [{"change; drop table x": "c1", 'or"der': "2026-03-28 12:00:00+00"}]


@pytest.mark.postgres
def test_a_query_is_read_like_a_table(desk: sa.Connection) -> None:
    run(
        desk,
        "create table c (id int, changed timestamptz)",
        "insert into c values (1, '2026-03-28 12:00+00'), (2, '2026-03-29 12:00+00')",
    )
    query = "select 'CHG' || id::text as change_id, changed as updated_at from c;"
    first, second = read(source(changes={**CHANGES, "query": query}), last=DAY + timedelta(days=1))
    assert (ids(first), ids(second)) == (["CHG1"], ["CHG2"])


# --- days ---


@pytest.mark.postgres
def test_a_day_is_half_open_and_empty_days_are_batches(desk: sa.Connection) -> None:
    """An empty batch replaces an earlier version of the day whose rows have moved on."""
    run(
        desk,
        "create table c (change_id text, updated_at timestamptz)",
        "insert into c values ('before', '2026-03-27 23:59:59.999999+00'), ('first', '2026-03-28 00:00+00'),"
        " ('last', '2026-03-28 23:59:59.999999+00'), ('after', '2026-03-29 00:00+00')",
    )
    batches = read(source(changes={**CHANGES, "table": "c"}), last=DAY + timedelta(days=2))
    assert [batch.batch_id for batch in batches] == [
        "changes/2026-03-28", "changes/2026-03-29", "changes/2026-03-30"
    ]  # fmt: skip
    assert [ids(batch) for batch in batches] == [["first", "last"], ["after"], []]


@pytest.mark.postgres
def test_naive_timestamps_are_windowed_in_their_zone(desk: sa.Connection) -> None:
    """The UTC day 2026-03-29 lasts in Berlin from 01:00 to 02:00 the next day: clocks go forward in it."""
    run(
        desk,
        "create table c (change_id text, updated_at timestamp)",
        "insert into c values ('before', '2026-03-29 00:59:59'), ('first', '2026-03-29 01:00'),"
        " ('last', '2026-03-30 01:59:59'), ('after', '2026-03-30 02:00')",
    )
    settings = {**CHANGES, "table": "c", "zone": "Europe/Berlin"}
    (batch,) = read(source(changes=settings), date(2026, 3, 29), date(2026, 3, 29))
    assert ids(batch) == ["first", "last"]
    assert isinstance(batch, Batch)
    assert batch.declaration.zone == "Europe/Berlin"


@pytest.mark.postgres
def test_rows_without_a_date_of_change_are_not_lost(desk: sa.Connection) -> None:
    """No day holds them, so they come as a batch of their own and landing refuses them one by one."""
    run(
        desk,
        "create table c (change_id text, updated_at timestamptz)",
        "insert into c values ('dated', '2026-03-28 12:00+00'), ('undated', null)",
    )
    dated, undated = read(source(changes={**CHANGES, "table": "c"}))
    assert (ids(dated), ids(undated)) == (["dated"], ["undated"])
    assert undated.batch_id == "changes/undated"


# --- pages ---


@pytest.mark.postgres
def test_a_key_that_identifies_no_row_or_is_null_loses_nothing(desk: sa.Connection) -> None:
    """Rows that share all of (updated, key), and rows with a null key, are landing's business to refuse."""
    run(
        desk,
        "create table c (change_id text, updated_at timestamptz, n int)",
        "insert into c select 'same', '2026-03-28 12:00+00', n from generate_series(1, 5) n",
        "insert into c values (null, '2026-03-28 12:00+00', 6), ('other', '2026-03-28 12:00+00', 7)",
    )
    (batch,) = read(source(2, changes={**CHANGES, "table": "c"}))
    assert sorted(int(row["n"]) for row in rows(batch)) == [1, 2, 3, 4, 5, 6, 7]


@pytest.mark.postgres
def test_fewer_rows_than_announced_refuse_the_batch(desk: sa.Connection) -> None:
    """A query that gives something else each time cannot be conserved; its rows go to quarantine whole."""
    run(desk, "create table t (x int)")
    query = (
        "select 'c' || n as change_id, timestamptz '2026-03-28 12:00+00' as updated_at"
        " from generate_series(1, (random() * 1000)::int) n"
    )
    (refused, *_) = [
        batch
        for _ in range(3)
        for batch in read(source(changes={**CHANGES, "query": query}))
        if isinstance(batch, RejectedInput)
    ]
    assert "the database announced" in refused.reason


# --- snapshots ---


@pytest.mark.postgres
def test_without_updated_column_the_whole_table_is_one_batch(desk: sa.Connection) -> None:
    run(
        desk,
        "create table teams (team_id text, team_name text)",
        "insert into teams values ('b', 'B'), ('a', 'A')",
    )
    settings = source(teams={"table": "teams"})
    (batch,) = read(settings)
    (again,) = read(settings)
    assert isinstance(batch, Batch)
    assert isinstance(again, Batch)
    assert [row["team_id"] for row in rows(batch)] == ["a", "b"]
    assert (batch.batch_id, batch.window, batch.fingerprint) == ("teams", None, again.fingerprint)
    landed = {(batch.batch_id, batch.fingerprint)}
    later = SqlConnector(settings).batches("teams", Window(DAY, DAY), lambda *asked: asked in landed)
    assert list(later) == []


def test_any_database_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite keeps times as text: one that is not written as the driver would write it is still read once."""
    url = f"sqlite:///{tmp_path / 'desk.db'}"
    monkeypatch.setenv("DESK_URL", url)
    table = sa.Table(
        "c", sa.MetaData(), sa.Column("change_id", sa.String), sa.Column("updated_at", sa.DateTime)
    )
    engine = sa.create_engine(url)
    table.metadata.create_all(engine)
    with engine.begin() as connection:
        run(
            connection,
            "insert into c values ('a', '2026-03-28 12:00:00'), ('b', '2026-03-28 12:00:00.000000'),"
            " ('c', '2026-03-29 00:00:00.000000')",
        )
    engine.dispose()
    (batch,) = read(source(1, changes={**CHANGES, "table": "c"}))
    assert [(row["change_id"], row["updated_at"]) for row in rows(batch)] == [
        ("a", "2026-03-28 12:00:00"),
        ("b", "2026-03-28 12:00:00.000000"),
    ]


# --- errors and secrets ---


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"table": "nowhere"}, "nowhere"),
        ({"query": "select 1 as x", "updated_column": None}, "column 'change_id', needed for changes"),
        ({"query": "selec 1"}, "syntax error"),
        ({"query": "select 'a' as change_id, 'b' as updated_at"}, "is str, no timestamp"),
        ({"query": "select 'a' as change_id, current_date as updated_at"}, "is a date, no timestamp"),
    ],
)
def test_mistakes_are_explained(desk: sa.Connection, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(SourceError, match=message) as caught:
        read(source(changes={**CHANGES, **settings}))
    assert caught.value.fix


def test_an_unreachable_database_is_one_clear_error_without_the_secret(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DESK_URL", f"postgresql+psycopg://reader:{SECRET}@127.0.0.1:1/desk")
    with pytest.raises(SourceError, match="no answer after 3 tries") as caught:
        read(source(changes={**CHANGES, "table": "c"}))
    assert SECRET not in repr(caught.value) + str(caught.value.__context__)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        (f"{SECRET}", "no usable SQLAlchemy address"),
        (f"nosuch://u:{SECRET}@h/d", "no usable SQLAlchemy address"),
        (f"postgresql+psycopg://u:{SECRET}@h:port/d", "no usable SQLAlchemy address"),
        (f"oracle+oracledb://u:{SECRET}@h/d", "driver oracledb is not installed"),
        ("", "DESK_URL is not set"),
    ],
)
def test_an_unusable_address_is_never_quoted(monkeypatch: pytest.MonkeyPatch, url: str, message: str) -> None:
    monkeypatch.setenv("DESK_URL", url)
    with pytest.raises(SourceError, match=message) as caught:
        read(source(changes={**CHANGES, "table": "c"}))
    assert SECRET not in str(caught.value)


@pytest.mark.postgres
def test_a_batch_shows_neither_password_nor_address(
    desk: sa.Connection, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(desk, "create table c (change_id text, updated_at timestamptz)")
    monkeypatch.setenv("DESK_URL", postgres_url.replace("@", f":{SECRET}@"))
    (batch,) = read(source(changes={**CHANGES, "table": "c"}))
    assert SECRET not in repr(batch)
    assert "127.0.0.1" not in repr(batch)
    assert isinstance(batch, Batch)
    assert batch.input_path == "postgresql:DESK_URL/c"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "exactly one"),
        ({"table": "a", "query": "select 1"}, "exactly one"),
        ({"table": "a", "zone": "Mars"}, "not an IANA time zone"),
        ({"table": "a", "columns": {"chnge_id": "x"}}, "did you mean change_id"),
    ],
)
def test_mistakes_in_the_configuration_are_explained(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        source(changes=settings)


# --- landed ---

DESK = (
    "create table inc (number text, step int, stamp timestamptz, state text, prio text, opened timestamp,"
    " solved timestamp)",
    "insert into inc values"
    " ('i1', 1, '2026-03-28 06:00+00', 'Open', '2 - High', '2026-03-28 07:00', null),"
    " ('i1', 2, '2026-03-28 09:00+00', 'Done', '2 - High', '2026-03-28 07:00', '2026-03-28 10:00'),"
    " ('i2', 1, '2026-03-29 09:00+00', 'Open', null, '2026-03-29 02:30', null),"
    " ('i3', 1, '2026-03-29 10:00+00', 'Lost', '3 - Low', '2026-03-29 12:00', 'infinity'),"
    " ('i4', 1, null, 'Open', null, '2026-03-29 12:00', null)",
)
INCIDENTS = {
    "table": "inc",
    "zone": "Europe/Berlin",
    "updated_column": "stamp",
    "columns": {
        "incident_id": "number",
        "event_sequence": "step",
        "updated_at": "stamp",
        "priority": "prio",
        "opened_at": "opened",
        "resolved_at": "solved",
    },
    "replace": {"state": {"Open": "new", "Done": "resolved"}, "priority": {"2 - High": "2", "3 - Low": "3"}},
}


@pytest.mark.postgres
def test_incidents_land_or_are_quarantined_with_a_reason(
    desk: sa.Connection, postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Zones applied, words replaced; what Berlin's clocks never showed, what has no date, what is unknown."""
    run(desk, *DESK)
    monkeypatch.setenv("DESK_URL", postgres_url.replace("@", f":{SECRET}@"))
    window = Window(DAY, DAY + timedelta(days=1))
    (summary,) = land_all(SqlConnector(source(incidents=INCIDENTS)), tmp_path, window)
    assert (summary.rows_received, summary.rows_landed, summary.rows_quarantined) == (5, 2, 3)
    first, second = landed_rows(tmp_path, "desk", "incidents")
    assert (str(first["opened_at"]), first["priority"], first["state"]) == ("2026-03-28 06:00:00", 2, "new")
    assert (str(second["resolved_at"]), str(second["updated_at"])) == (
        "2026-03-28 09:00:00",
        "2026-03-28 09:00:00",
    )
    reasons = {row["field"]: row["reason"] for row in quarantined_rows(tmp_path, "desk", "incidents")}
    assert "never happened in Europe/Berlin" in reasons["opened_at"]
    assert "is missing" in reasons["updated_at"]
    assert "is not" in reasons["resolved_at"]
    assert files_that_show(tmp_path, [SECRET]) == []


@pytest.mark.postgres
def test_a_row_that_changes_between_two_runs_supersedes(desk: sa.Connection, tmp_path: Path) -> None:
    """It leaves its old day and stands on its new one; the first run's files stay as they were."""
    run(
        desk,
        "create table c (change_id text, updated_at timestamptz, state text)",
        "insert into c values ('a', '2026-03-28 08:00+00', 'scheduled'), ('b', '2026-03-28 09:00+00', 'scheduled')",
    )
    connector = SqlConnector(source(changes={**CHANGES, "table": "c"}))
    window = Window(DAY, DAY + timedelta(days=1))
    (before,) = land_all(connector, tmp_path, window)
    run(desk, "update c set state = 'closed', updated_at = '2026-03-29 10:00+00' where change_id = 'a'")
    (after,) = land_all(connector, tmp_path, window, hour=7)
    (again,) = land_all(connector, tmp_path, window, hour=8)
    assert (before.batches_written, after.batches_written, again.batches_written) == (2, 2, 0)
    landed = landed_rows(tmp_path, "desk", "changes")
    assert sorted((row["change_id"], row["state"]) for row in landed) == [("a", "closed"), ("b", "scheduled")]
    assert after.is_conserved


def test_parts_of_a_key_that_may_be_missing_need_no_column() -> None:
    """Not every bill numbers its lines: what is not mapped is not asked of the database."""
    required = {
        name: f"c_{name}"
        for name in ("charge_period_start", "charge_period_end", "charge_category", "service_name")
    }
    table = SqlTable(table="bills", zone="UTC", columns=required | {"resource_id": "c_resource"})
    assert table.key_columns("costs") == [
        "c_charge_period_start",
        "c_charge_period_end",
        "c_charge_category",
        "c_resource",
        "c_service_name",
        "billing_currency",
    ]
