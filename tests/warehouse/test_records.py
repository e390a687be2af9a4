"""Which records a run rebuilds, and what it reads for them: what is new reaches its records alone."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from assets.landing.contracts import contracts
from assets.warehouse.records import Builds, Landed, plan_records

NOON = datetime(2026, 6, 1, 12)  # noqa: DTZ001  naive UTC, as landed
DAY = timedelta(days=1)
MIDNIGHT = datetime(2026, 6, 2)  # noqa: DTZ001
Row = tuple[Any, ...]


class FakeReceipt:
    extracted_at = datetime(2026, 7, 1, tzinfo=UTC)

    def __init__(self, receipt_id: str, table: str) -> None:
        self.receipt_id, self.table = receipt_id, table


class Desk:
    """A warehouse with two calendars' receipts, and files of records that come and go."""

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
        self.last: str | None = None
        self.number = 0
        self.requests: set[str] = set()

    def land(self, name: str, rows: Sequence[Row]) -> None:
        """A file of (incident_id, updated_at, resolved_at)."""
        columns = ("incident_id", "updated_at", "resolved_at")
        self.land_in("incidents", name, [dict(zip(columns, row, strict=False)) for row in rows])

    def land_in(self, table: str, name: str, rows: Sequence[dict[str, Any]]) -> None:
        """A file of any table."""
        path = self.folder / f"{name}.parquet"
        pq.write_table(pa.Table.from_pylist(list(rows), schema=contracts()[table].arrow_schema), path)
        receipt: Any = FakeReceipt(name, table)
        self.files[name] = (path, receipt)

    def run(self, as_of_at: datetime, *, succeeds: bool = True) -> tuple[set[str] | None, set[str]]:
        """Incidents that are rebuilt (None: all), and the files that are read for them."""
        self.number += 1
        this = str(self.number)
        landed: dict[str, list[Landed]] = {}
        for file in self.files.values():
            landed.setdefault(file[1].table, []).append(file)
        is_all, files = plan_records(
            self.connection, landed, self.receipts, as_of_at, Builds(self.last, this)
        )
        if succeeds:
            self.last = this
        rows = self.connection.execute("select incident_id from landing.run_incidents").fetchall()
        assert len(rows) == len(set(rows))
        requests = self.connection.execute("select request_id from landing.run_service_requests").fetchall()
        self.requests = {row[0] for row in requests}
        return None if is_all else {row[0] for row in rows}, {path.stem for path, _ in files}

    def read(self, table: str, column: str) -> list[Any]:
        """What the run's view of a table holds, in order."""
        rows = self.connection.execute(f"select {column} from landing.{table} order by 1").fetchall()
        return [row[0] for row in rows]


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


def cycle(cycle_id: str, incident_id: str, updated_at: datetime, minutes: float = 10) -> dict[str, Any]:
    return {
        "cycle_id": cycle_id,
        "incident_id": incident_id,
        "state": "running",
        "elapsed_minutes": minutes,
        "updated_at": updated_at,
    }


def request(request_id: str, opened_at: datetime, **more: Any) -> dict[str, Any]:
    return {"request_id": request_id, "state": "new", "opened_at": opened_at, "updated_at": opened_at} | more


def test_what_is_said_beside_the_updates_rebuilds_and_so_does_its_end(desk: Desk) -> None:
    """A deletion, a declaration, a clock of the source."""
    at = NOON + DAY
    major = {"incident_id": "b", "declared_at": at, "updated_at": at}
    for table, rows in (("major_incidents", [major]), ("sla_cycles", [cycle("1", "b", at)])):
        desk.land_in(table, "beside", rows)
        assert desk.run(MIDNIGHT + DAY) == ({"b"}, {"first", "second"})
        assert desk.run(MIDNIGHT + DAY) == (set(), set())
        del desk.files["beside"]
        assert desk.run(MIDNIGHT + DAY) == ({"b"}, {"first", "second"})
    desk.connection.execute(
        "insert into landing.tombstones values ('desk', 'incidents', 'b', date '2026-06-02')"
    )
    assert desk.run(MIDNIGHT + DAY) == ({"b"}, {"first", "second"})
    desk.connection.execute("delete from landing.tombstones")
    assert desk.run(MIDNIGHT + DAY) == ({"b"}, {"first", "second"})


def test_a_clock_of_the_source_that_went_on_or_is_gone_rebuilds(desk: Desk) -> None:
    """The view holds all cycles of rebuilt incidents; what is deleted there is a tombstone of its own table."""
    desk.land_in(
        "sla_cycles", "clocks", [cycle("1", "b", NOON), cycle("2", "b", NOON), cycle("3", "a", NOON)]
    )
    assert desk.run(MIDNIGHT + DAY)[0] == {"a", "b"}
    desk.land_in("sla_cycles", "more", [cycle("1", "b", NOON + DAY, 20), cycle("3", "a", NOON + 2 * DAY)])
    assert desk.run(MIDNIGHT + DAY) == ({"a", "b"}, {"first", "second"})
    assert desk.run(MIDNIGHT + DAY) == (set(), set())
    assert desk.read("sla_cycles", "cycle_id") == []
    assert desk.run(MIDNIGHT + 2 * DAY)[0] == {"a"}
    desk.connection.execute(
        "insert into landing.tombstones values ('desk', 'sla_cycles', '2', date '2026-06-03')"
    )
    assert desk.run(MIDNIGHT + 2 * DAY) == ({"b"}, {"first", "second"})
    assert desk.read("sla_cycles", "cycle_id") == ["1", "1", "2"]


def test_files_that_landed_before_a_contract_grew_are_read_without_its_column(desk: Desk) -> None:
    """Sources that are read by day do not deliver old days again."""
    asked = {"approval_id": "1", "record_table": "changes", "record_id": "c", "state": "requested"}
    desk.land_in("approvals", "old", [asked | {"requested_at": NOON, "updated_at": NOON}])
    path, _ = desk.files["old"]
    table = pq.read_table(path)
    pq.write_table(table.drop_columns(["item_id", "group_approval_id"]), path)
    desk.run(MIDNIGHT + DAY)
    assert desk.read("approvals", "item_id") == [None]
    desk.land_in("approvals", "new", [asked | {"item_id": "i", "requested_at": NOON, "updated_at": NOON}])
    desk.run(MIDNIGHT + DAY)
    assert desk.read("approvals", "item_id") == ["i", None]


def test_requests_are_rebuilt_when_a_row_comes_or_goes_or_a_moment_of_theirs_has_passed(desk: Desk) -> None:
    """A row may tell of a fulfilment ahead of the as-of day, and of a request that is not open yet."""
    rows = [request("r", NOON), request("s", NOON, fulfilled_at=NOON + 2 * DAY), request("t", NOON + 3 * DAY)]
    desk.land_in("service_requests", "requests", rows)
    assert desk.run(MIDNIGHT + DAY) == (set(), set())
    assert desk.requests == {"r", "s", "t"}
    assert desk.run(MIDNIGHT + DAY)[0] == set()
    assert desk.requests == {"s"}, "known, and with a moment ahead"
    desk.run(MIDNIGHT + 2 * DAY)
    assert desk.requests == {"s"}
    desk.run(MIDNIGHT + 3 * DAY)
    assert desk.requests == {"t"}
    desk.connection.execute(
        "insert into landing.tombstones values ('desk', 'service_requests', 'r', date '2026-06-04')"
    )
    desk.run(MIDNIGHT + 3 * DAY)
    assert desk.requests == {"r"}
    desk.land_in("service_requests", "late", [request("s", NOON, state="cancelled")])
    desk.run(MIDNIGHT + 3 * DAY)
    assert desk.requests == {"s"}
    assert desk.read("service_requests", "receipt_id") == ["late", "requests", "requests", "requests"]
    del desk.files["requests"]
    desk.run(MIDNIGHT + 3 * DAY)
    assert desk.requests == {"r", "s", "t"}
    assert desk.read("service_requests", "request_id") == ["s"]


def test_rows_of_a_table_that_is_built_whole_are_kept_as_they_are_landed(desk: Desk) -> None:
    """Problems and changes: files come and go, the view holds what is there now."""
    for name in ("old", "new"):
        problem = {"problem_id": name, "state": "new", "opened_at": NOON, "updated_at": NOON}
        desk.land_in("problems", name, [problem])
        desk.run(MIDNIGHT + DAY)
    assert desk.read("problems", "problem_id") == ["new", "old"]
    del desk.files["old"]
    assert desk.run(MIDNIGHT + DAY)[0] == set()
    assert desk.read("problems", "problem_id") == ["new"]
    desk.files["new"] = (desk.files["new"][0], FakeReceipt("newer", "problems"))  # type: ignore[assignment]
    desk.run(MIDNIGHT + DAY)
    assert desk.read("problems", "receipt_id") == ["newer"]


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
