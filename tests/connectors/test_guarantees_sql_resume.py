"""What the SQL connector guarantees when a run dies or data come late: it goes on from its last durable page."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from assets.connectors.base import Window
from assets.connectors.remote import SourceError
from tests.connectors.killing import Killer, at_drawn_moments
from tests.connectors.landing import land_all, landed_bytes, landed_rows
from tests.connectors.sql_desks import (
    WINDOW,
    Act,
    Desk,
    before_statements,
    connect,
    interrupted,
    read,
)
from tests.connectors.test_sql import CHANGES, DAY


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
