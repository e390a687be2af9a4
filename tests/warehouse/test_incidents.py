"""Which incidents a run rebuilds, and which files it reads for them: what is new reaches its incidents alone."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from assets.warehouse.incidents import Builds, Landed, plan_incidents

NOON = datetime(2026, 6, 1, 12)  # noqa: DTZ001  naive UTC, as landed
DAY = timedelta(days=1)
MIDNIGHT = datetime(2026, 6, 2)  # noqa: DTZ001
Row = tuple[Any, ...]


class FakeReceipt:
    def __init__(self, receipt_id: str, table: str) -> None:
        self.receipt_id, self.table = receipt_id, table


class Desk:
    """A warehouse with two calendars' receipts, and files of updates that come and go."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files: dict[str, Landed] = {}
        self.receipts: list[Any] = [FakeReceipt("calendars-1", "calendars")]
        self.connection = duckdb.connect(str(folder / "warehouse.duckdb"))
        self.connection.execute("create schema landing")
        self.connection.execute(
            "create table landing.tombstones "
            "(source varchar, record_table varchar, record_key varchar, deleted_known_date date)"
        )
        self.connection.execute(
            "create table landing.major_incidents (incident_id varchar, declared_at timestamp)"
        )
        self.connection.execute(
            "create table landing.sla_cycles (incident_id varchar, cycle_id varchar, agreement_kind varchar, "
            "measure varchar, state varchar, started_at timestamp, goal_minutes double, elapsed_minutes double, "
            "updated_at timestamp)"
        )
        self.last: str | None = None
        self.number = 0

    def land(self, name: str, rows: Sequence[Row]) -> None:
        """A file of (incident_id, updated_at, resolved_at)."""
        schema = pa.schema(
            [("incident_id", pa.string())]
            + [(column, pa.timestamp("us")) for column in ("updated_at", "resolved_at", "closed_at")]
        )
        columns = ("incident_id", "updated_at", "resolved_at")
        table = pa.Table.from_pylist([dict(zip(columns, row, strict=False)) for row in rows], schema=schema)
        path = self.folder / f"{name}.parquet"
        pq.write_table(table, path)
        receipt: Any = FakeReceipt(name, "incidents")
        self.files[name] = (path, receipt)

    def run(self, as_of_at: datetime, *, succeeds: bool = True) -> tuple[set[str] | None, set[str]]:
        """Incidents that are rebuilt (None: all), and the files that are read for them."""
        self.number += 1
        this = str(self.number)
        is_all, files = plan_incidents(
            self.connection, list(self.files.values()), self.receipts, as_of_at, Builds(self.last, this)
        )
        if succeeds:
            self.last = this
        rows = self.connection.execute("select incident_id from landing.run_incidents").fetchall()
        assert len(rows) == len(set(rows))
        return None if is_all else {row[0] for row in rows}, {path.stem for path, _ in files}


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """Three days of updates, built as of the second."""
    desk = Desk(tmp_path)
    desk.land("first", [("a", NOON), ("b", NOON)])
    desk.land("second", [("b", NOON + DAY)])
    desk.land("third", [("a", NOON + 2 * DAY)])
    assert desk.run(MIDNIGHT + DAY) == (None, {"first", "second", "third"})
    return desk


def test_the_same_again_rebuilds_nothing(desk: Desk) -> None:
    assert desk.run(MIDNIGHT + DAY) == (set(), set())


def test_a_new_day_rebuilds_whose_updates_are_known_now_and_reads_all_their_files(desk: Desk) -> None:
    assert desk.run(MIDNIGHT + 2 * DAY) == ({"a"}, {"first", "third"})


def test_a_late_file_rebuilds_its_incidents(desk: Desk) -> None:
    desk.land("late", [("b", NOON + timedelta(hours=1))])
    assert desk.run(MIDNIGHT + DAY) == ({"b"}, {"first", "second", "late"})


def test_a_withdrawn_file_rebuilds_what_it_told_of(desk: Desk) -> None:
    del desk.files["first"]
    assert desk.run(MIDNIGHT + DAY) == ({"a", "b"}, {"second"})
    assert desk.run(MIDNIGHT + DAY) == (set(), set())


def test_a_time_that_lay_ahead_rebuilds_once_it_is_reached(desk: Desk) -> None:
    """A source may give a resolution ahead of its time; it is believed once that has come."""
    desk.land("ahead", [("c", NOON, NOON + 3 * DAY)])
    assert desk.run(MIDNIGHT + DAY) == ({"c"}, {"ahead"})
    assert desk.run(MIDNIGHT + 2 * DAY) == ({"a", "c"}, {"first", "third", "ahead"})
    assert desk.run(MIDNIGHT + 3 * DAY) == ({"c"}, {"ahead"})
    assert desk.run(MIDNIGHT + 4 * DAY) == (set(), set())


@pytest.mark.parametrize(
    "statement",
    [
        "insert into landing.tombstones values ('desk', 'incidents', 'b', date '2026-06-02')",
        "insert into landing.major_incidents values ('b', timestamp '2026-06-02 13:00:00')",
        "insert into landing.sla_cycles (incident_id, cycle_id, updated_at) "
        "values ('b', 'cycle-1', timestamp '2026-06-02 13:00:00')",
    ],
    ids=["deleted", "declared major", "a clock of the source"],
)
def test_what_is_said_beside_the_updates_rebuilds_and_so_does_its_end(desk: Desk, statement: str) -> None:
    desk.connection.execute(statement)
    assert desk.run(MIDNIGHT + DAY) == ({"b"}, {"first", "second"})
    assert desk.run(MIDNIGHT + DAY) == (set(), set())
    desk.connection.execute("delete from landing.tombstones")
    desk.connection.execute("delete from landing.major_incidents")
    desk.connection.execute("delete from landing.sla_cycles")
    assert desk.run(MIDNIGHT + DAY) == ({"b"}, {"first", "second"})


def test_a_clock_of_the_source_that_went_on_or_is_gone_rebuilds(desk: Desk) -> None:
    """Its elapsed time is shown beside ours; what is deleted there is a tombstone of its own table."""
    desk.connection.execute(
        "insert into landing.sla_cycles (incident_id, cycle_id, elapsed_minutes, updated_at) "
        "values ('b', 'cycle-1', 10, timestamp '2026-06-01 13:00:00')"
    )
    assert desk.run(MIDNIGHT + DAY) == ({"b"}, {"first", "second"})
    desk.connection.execute("update landing.sla_cycles set elapsed_minutes = 20")
    assert desk.run(MIDNIGHT + DAY) == ({"b"}, {"first", "second"})
    desk.connection.execute(
        "insert into landing.tombstones values ('desk', 'sla_cycles', 'cycle-1', date '2026-06-02')"
    )
    assert desk.run(MIDNIGHT + DAY) == ({"b"}, {"first", "second"})
    assert desk.run(MIDNIGHT + DAY) == (set(), set())


def test_a_deletion_known_later_waits(desk: Desk) -> None:
    desk.connection.execute(
        "insert into landing.tombstones values ('desk', 'incidents', 'b', date '2026-06-03')"
    )
    assert desk.run(MIDNIGHT + DAY) == (set(), set())
    assert desk.run(MIDNIGHT + 2 * DAY) == ({"a", "b"}, {"first", "second", "third"})


def test_after_a_build_that_failed_all_are_rebuilt(desk: Desk) -> None:
    """Some tables may already hold what the failed run knew."""
    desk.run(MIDNIGHT + 2 * DAY, succeeds=False)
    assert desk.run(MIDNIGHT + 2 * DAY)[0] is None
    assert desk.run(MIDNIGHT + 2 * DAY)[0] == set()


def test_other_agreements_and_an_earlier_day_rebuild_all(desk: Desk) -> None:
    assert desk.run(MIDNIGHT)[0] is None
    desk.receipts = [FakeReceipt("calendars-2", "calendars")]
    assert desk.run(MIDNIGHT)[0] is None
    desk.receipts = [*desk.receipts, FakeReceipt("prices", "costs")]
    assert desk.run(MIDNIGHT)[0] == set()
