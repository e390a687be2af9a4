"""What the SQL connector guarantees under faults of databases: real servers of PostgreSQL and MariaDB, and SQLite.

The guarantees are those of `test_guarantees*.py`: after any fault every row that the source holds is landed once or
quarantined. What a run that dies leaves is in test_guarantees_sql_resume.py, secrets in test_guarantees_sql_manners.py.
"""

from __future__ import annotations

import re
import sqlite3
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

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
    raises,
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
        for number in range(1 + place % 3, len(asked.statements), 9):
            acts = {number: act}
            with before_statements(desk, acts):
                assert read(connect(tmp_path)) == desk.held(), (name, number)
            assert not acts


@pytest.mark.parametrize("desk", ["postgresql", "mariadb"], indirect=True)
def test_a_server_that_is_restarted_costs_no_row(desk: Desk) -> None:
    desk.fill(11)
    with before_statements(desk, page=1, act=desk.server.restart):
        assert read(connect()) == desk.held()


#: What the database itself says when `way` makes it. The others are said to the connector's own statement.
SAYS = {
    "postgresql": {
        "killed in the middle of a statement": "terminating connection due to administrator command",
        "cancelled": "canceling statement due to user request",
        "statement timeout": "canceling statement due to statement timeout",
        "lock timeout": "canceling statement due to lock timeout",
        "deadlock": "deadlock detected",
    },
    "mysql": {
        "killed in the middle of a statement": "Lost connection|Connection was killed",
        "cancelled": "Query execution was interrupted",
        "statement timeout": "max_statement_time exceeded",
        "lock wait": "Lock wait timeout exceeded",
    },
    "sqlite": {"locked": "database is locked"},
}


def test_faults_are_those_of_the_database(desk: Desk) -> None:
    """An act that did nothing would let every guarantee pass."""
    desk.fill(5)
    for name, words in SAYS[desk.kind].items():
        said = []

        def act(name: str = name, said: list[str] = said) -> None:
            try:
                way(desk)[name]()
            except Exception as error:
                said.append(f"{error}")
                raise

        connector = connect()
        with before_statements(desk, page=0, act=act):
            assert read(connector) == desk.held()
        assert re.search(words, said[0]), (name, said)
        assert connector.traffic.retries == 1, name


SERVERS = pytest.mark.parametrize("desk", ["postgresql", "mariadb"], indirect=True)


@SERVERS
def test_a_right_that_is_taken_away_is_one_clear_error(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between two pages; once it is granted again the next run has all."""
    desk.fill(11)
    monkeypatch.setenv("DESK_URL", desk.account_url("secret-1"))
    take = lambda: desk.run(f"revoke select on c from {desk.account}")  # noqa: E731
    with (
        before_statements(desk, page=1, act=take),
        pytest.raises(SourceError, match="denied"),
    ):
        read(connect(tmp_path))
    desk.run(f"grant select on c to {desk.account}")
    assert read(connect(tmp_path)) == desk.held()


@SERVERS
def test_an_account_that_is_locked_out_is_one_clear_error(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its sessions are ended and it may not come again: by its password, or, where none is asked for, its login."""
    is_postgres = desk.kind == "postgresql"
    desk.fill(11)
    monkeypatch.setenv("DESK_URL", desk.account_url("secret-1"))

    def lock_out() -> None:
        desk.run(f"alter role {desk.account} nologin" if is_postgres else
                 f"alter user {desk.account} identified by 'secret-2'")  # fmt: skip
        desk.kill_others()

    words = "is not permitted to log in" if is_postgres else "Access denied"
    with before_statements(desk, page=1, act=lock_out), pytest.raises(SourceError, match=words) as caught:
        read(connect(tmp_path))
    assert "secret-1" not in str(caught.value)
    desk.run(f"alter role {desk.account} login" if is_postgres else
             f"alter user {desk.account} identified by 'secret-1'")  # fmt: skip
    assert read(connect(tmp_path)) == desk.held()


@pytest.mark.parametrize("times", [2, 3])
def test_too_many_connections_pass_or_are_one_clear_error(
    desk: Desk, times: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another program has the one connection of the account, and gives it back before a try, or does not."""
    desk.fill(5)
    held, left = desk.held(), [times]
    give_back, refused = _occupied(desk, monkeypatch)

    def before(_dialect: Any, _record: Any, _arguments: Any, _named: Any) -> None:
        if left[0] < 0:
            return
        left[0] -= 1
        give_back() if left[0] < 0 else refused()

    connector = connect()
    sa.event.listen(sa.Engine, "do_connect", before)
    try:
        if times < 3:
            assert read(connector) == held
            assert connector.traffic.retries == times
        else:
            with pytest.raises(SourceError, match="no answer after 3 tries"):
                read(connector)
            left[0] = 0
            assert read(connector) == held
    finally:
        sa.event.remove(sa.Engine, "do_connect", before)
        give_back()


def _occupied(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> tuple[Act, Act]:
    """An account that has no connection left: how one is given back, and what happens at a try before that."""
    if desk.kind == "sqlite":
        # Files have no such limit; a process that has too many open is told this.
        return lambda: None, raises(sqlite3.OperationalError("unable to open database file"))
    address = desk.account_url("secret-1")
    monkeypatch.setenv("DESK_URL", address)
    limit = "connection limit 1" if desk.kind == "postgresql" else "with max_user_connections 1"
    kind = "role" if desk.kind == "postgresql" else "user"
    desk.run(f"alter {kind} {desk.account} {limit}")
    engine = sa.create_engine(address, poolclass=sa.NullPool)
    desk.engines.append(engine)
    occupying = engine.connect()

    def give_back() -> None:
        occupying.close()
        while desk.sessions():
            time.sleep(0.01)

    return give_back, lambda: None


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
