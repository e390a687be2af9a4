"""What the SQL connector guarantees under faults of databases: real servers of PostgreSQL and MariaDB, and SQLite.

The guarantees are those of `test_guarantees*.py`: after any fault every row that the source holds is landed once or
quarantined. What a run that dies leaves is in test_guarantees_sql_resume.py, secrets in test_guarantees_sql_manners.py.
"""

from __future__ import annotations

import sqlite3
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pymysql
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from assets.connectors.base import Window
from assets.connectors.remote import SourceError
from tests.connectors.landing import land_all, quarantined_rows
from tests.connectors.sql_desks import (
    PAGE_ROWS,
    WINDOW,
    Act,
    Desk,
    before_statements,
    connect,
    read,
    read_to_the_end,
    way,
)
from tests.connectors.test_sql import DAY


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
