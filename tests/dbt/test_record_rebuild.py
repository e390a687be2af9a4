"""Tables keyed by ticket follow what changed, and are what a build of everything gives, row for row."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from dbt.adapters.base.impl import BaseAdapter

from assets.home import Home
from assets.landing.contracts import contracts
from assets.landing.receipts import LandedFile, Receipt
from assets.warehouse.landing_schema import RunWindow, load_landing, open_warehouse
from assets.warehouse.records import Builds
from tests.dbt.dbt_project_runner import BUILD_ONLY, WAREHOUSE, DbtProjectRunner, damaged
from tests.dbt.tables import differences, read_duckdb

pytestmark = pytest.mark.slow

TABLES = (
    "intermediate.int_incident_events",
    "intermediate.int_incidents",
    "intermediate.int_incident_spans",
    "intermediate.int_incident_clocks",
    "intermediate.int_incident_lifecycles",
    "intermediate.int_ticket_stays",
    "intermediate.int_source_clocks",
    "intermediate.int_service_requests",
    "marts.fct_incidents",
    "marts.fct_incident_sla",
    "marts.fct_sla_reconciliation",
    "marts.fct_incident_sequence_findings",
    "marts.fct_service_requests",
    "marts.fct_problems",
    "marts.fct_known_errors",
    "marts.fct_backlog_daily",
)
MODELS = [table.partition(".")[2] for table in TABLES]
SELECTION = (*BUILD_ONLY, "--select", *(f"+{model}" for model in MODELS if model.startswith("fct")))
FIRST = date(2026, 3, 23)
LAST_DAYS = (7, 8, 8, 10, 11, 9, 12)
Rows = list[dict[str, Any]]


class HomeWithWarehouse(Home):
    """A home whose warehouse has the name that the parsed project expects."""

    @property
    def warehouse(self) -> Path:
        """The DuckDB file."""
        return self.root / WAREHOUSE


@dataclass
class Batch:
    """Rows of a table delivered together, as one file."""

    table: str
    rows: Rows
    number: int


@dataclass
class Desk:
    """A service desk whose updates are delivered by day, late, twice, corrected or withdrawn."""

    draw: Random
    batches: dict[str, Batch] = field(default_factory=dict)
    number: int = 0

    def deliver(self, name: str, table: str, rows: Rows) -> None:
        """A new batch; the same name again supersedes."""
        self.number += 1
        self.batches[name] = Batch(table, rows, self.number)

    def load(self, home: Home, as_of: date, builds: Builds) -> None:
        """The `landing` schema of a run as of a day."""
        receipts = [_receipt(home, name, batch) for name, batch in self.batches.items()]
        window = RunWindow(as_of, 28, 90, FIRST, 0.8, 30, 0.9, 1)
        with open_warehouse(home.warehouse) as connection:
            load_landing(connection, home, receipts, [], window, [], builds)


def _receipt(home: Home, name: str, batch: Batch) -> Receipt:
    path = home.root / "landing" / f"{name}.{batch.number}.parquet"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        rows = [row | {"source_file": name, "source_row": n} for n, row in enumerate(batch.rows, start=1)]
        pq.write_table(pa.Table.from_pylist(rows, schema=contracts()[batch.table].arrow_schema), path)
    file = LandedFile(
        path=os.path.relpath(path, home.root), date=None, rows=len(batch.rows), bytes=0, sha256=""
    )
    receipt_id = f"desk.{name}.{batch.number}"
    at = datetime(2026, 7, 1, tzinfo=UTC) + timedelta(minutes=batch.number)
    facts: dict[str, Any] = {
        "receipt_id": receipt_id,
        "batch_id": name,
        "source": "desk",
        "table": batch.table,
        "version": 1,
    }
    counts = dict.fromkeys(("rows_received", "rows_landed", "rows_quarantined"), 0)
    delivery = type("Input", (), {"path": name, "sha256": ""})()
    return Receipt.model_construct(
        **facts, **counts, window=None, extracted_at=at, landed=(file,), input=delivery
    )


def _midnight(day: int) -> datetime:
    return datetime.combine(FIRST + timedelta(days=day), datetime.min.time())


def _incident(draw: Random, number: int) -> Rows:
    """A random course: transfers, waits, reopenings, resolutions told late or ahead of time, calls that were none."""
    opened_at = _midnight(0) + timedelta(minutes=draw.randrange(11 * 1_440))
    states = ["new", "assigned", "in_progress"]
    for _ in range(draw.randrange(3)):
        states += draw.choice(
            [["on_hold", "in_progress"], ["assigned", "in_progress"], ["resolved", "in_progress"]]
        )
    states += draw.choice([["resolved", "closed"], ["resolved", "closed"], ["resolved"], ["cancelled"], []])
    rows: Rows = []
    at, team = opened_at, draw.choice(["desk", "network"])
    for sequence, state in enumerate(states):
        resolved_at = at - timedelta(minutes=draw.choice([0, 30, 900, -2_000]))
        team = draw.choice([team, team, "desk", "network"])
        rows.append(
            {
                "incident_id": f"INC{number}",
                "event_sequence": sequence,
                "updated_at": at,
                "state": state,
                "priority": draw.choice([1, 2, 2, 3]) if sequence in (0, 2) else rows[-1]["priority"],
                "service_id": "mail" if number % 3 else "shop",
                "ci_id": f"host-{number % 4}",
                "team_id": None if sequence == 0 and number % 5 == 0 else team,
                "opened_at": opened_at,
                "resolved_at": resolved_at
                if state in ("resolved", "closed") and resolved_at > opened_at
                else None,
                "is_major": number % 11 == 0 and sequence > 0,
                "source_made_sla": number % 2 == 0,
                "reopen_count": draw.choice([None, 0, 1]),
                "problem_id": f"PRB{number % 7}" if sequence > 1 else None,
            }
        )
        at += timedelta(minutes=draw.choice([5, 120, 700, 2_500]))
    return rows


CONTROL: Mapping[str, Rows] = {
    "calendars": [
        {
            "calendar_id": "office",
            "zone": "Europe/Berlin",
            "weekday": day,
            "opens": "08:00",
            "closes": "18:00",
        }
        | {"valid_from": date(2020, 1, 1)}
        for day in range(1, 6)
    ],
    "services": [
        {"service_id": service, "service_name": service, "criticality": 2, "calendar_id": calendar}
        | {"valid_from": date(2020, 1, 1), "owner": "ann"}
        for service, calendar in (("mail", "office"), ("shop", None))
    ],
    "teams": [{"team_id": team, "team_name": team, "calendar_id": "office"} for team in ("desk", "network")],
    "targets": [
        {"target_id": f"{measure}-{priority}", "measure": f"incident_{measure}_minutes", "priority": priority}
        | {"comparator": "<=", "target_value": 300.0 * priority, "valid_from": date(2020, 1, 1)}
        for measure in ("resolution", "response", "agent_work", "update")
        for priority in (1, 2)
    ],
}


def _request(draw: Random, number: int) -> Rows:
    """Rows as last updated then: fulfilled late, ahead of time, or never; cancelled; handed to another team."""
    opened_at = at = _midnight(0) + timedelta(minutes=draw.randrange(13 * 1_440))
    row = {
        "request_id": f"REQ{number}",
        "request_kind": draw.choice(["Access", "Laptop"]),
        "service_id": draw.choice(["mail", "shop", None]),
        "team_id": draw.choice(["desk", "network", None]),
        "state": "new",
        "opened_at": opened_at,
        "updated_at": opened_at,
    }
    rows = [row]
    for state in draw.choice(
        [["in_progress"], ["in_progress", "fulfilled", "closed"], ["fulfilled"], ["cancelled"]]
    ):
        at += timedelta(minutes=draw.choice([5, 700, 2_500]))
        row = row | {"state": state, "updated_at": at, "team_id": draw.choice([row["team_id"], "network"])}
        if state == "fulfilled":
            row |= {"fulfilled_at": at + timedelta(minutes=draw.choice([-30, 0, 1_500]))}
        rows.append(row)
    return rows


def _problem(draw: Random, number: int) -> Rows:
    """A problem as it was opened, and as it ended, if it did."""
    opened_at = _midnight(0) + timedelta(minutes=draw.randrange(6 * 1_440))
    row = {"problem_id": f"PRB{number}", "ci_id": f"host-{number % 4}", "team_id": "desk", "state": "new"}
    row |= {"opened_at": opened_at, "updated_at": opened_at}
    known_at = opened_at + timedelta(minutes=draw.randrange(3_000))
    ended = {"known_error_at": known_at, "resolved_at": known_at + timedelta(minutes=draw.randrange(4_000))}
    ended |= {"updated_at": ended["resolved_at"], "state": "resolved"}
    return [row, row | ended] if number % 3 else [row]


def _cycles(draw: Random, incident: Rows) -> Rows:
    """The source's own clock of an incident, at its first update and at its last."""
    first, last = incident[0], incident[-1]
    cycle = {"cycle_id": f"CYC-{first['incident_id']}", "incident_id": first["incident_id"]}
    cycle |= {"sla_name": "Resolution", "measure": "incident_resolution_minutes", "state": "running"}
    cycle |= {"goal_minutes": 300.0, "started_at": first["updated_at"]}
    elapsed = draw.choice([100.0, 299.5, 1_000.0])
    return [
        cycle | {"updated_at": first["updated_at"], "elapsed_minutes": 0.0},
        cycle | {"updated_at": last["updated_at"], "elapsed_minutes": elapsed, "state": "completed"},
    ]


def _opened(desk: Desk) -> None:
    """Sixty incidents with their clocks, forty requests, seven problems: a batch a day of the update."""
    draw = desk.draw
    for table, rows in CONTROL.items():
        desk.deliver(table, table, rows)
    incidents = [_incident(draw, number) for number in range(60)]
    updates = {
        "incidents": [row for incident in incidents for row in incident],
        "sla_cycles": [row for incident in incidents for row in _cycles(draw, incident)],
        "service_requests": [row for number in range(40) for row in _request(draw, number)],
        "problems": [row for number in range(7) for row in _problem(draw, number)],
    }
    for table, all_rows in updates.items():
        for day in range(30):
            rows = [row for row in all_rows if _midnight(day) <= row["updated_at"] < _midnight(day + 1)]
            if rows:
                desk.deliver(f"{table}-{day:02d}", table, rows)


def _changes(desk: Desk, step: int) -> None:
    """What a source does to records of days long reported."""
    draw = desk.draw
    daily = [name for name in desk.batches if name.startswith("incidents-")]
    corrected, withdrawn, repeated = draw.sample(daily[:9], 3)
    rows = [row | {"priority": draw.choice([1, 2, 3])} for row in desk.batches[corrected].rows]
    desk.deliver(corrected, "incidents", rows)
    if step % 2:
        del desk.batches[withdrawn]
    late = [
        row
        | {"updated_at": row["updated_at"] + timedelta(minutes=draw.randrange(2_000)), "team_id": "network"}
        | {"opened_at": row["opened_at"] - timedelta(minutes=draw.choice([0, 1_500]))}
        for row in desk.batches[repeated].rows
    ]
    desk.deliver(f"late-{step}", "incidents", late)
    for table, change in (
        ("service_requests", {"team_id": "desk", "fulfilled_at": _midnight(step + 6)}),
        ("sla_cycles", {"elapsed_minutes": 10.25 * step}),
        ("problems", {"known_error_at": _midnight(step + 3), "ci_id": "host-1"}),
    ):
        corrected, repeated = draw.sample([n for n in desk.batches if n.startswith(f"{table}-")], 2)
        desk.deliver(corrected, table, [row | change for row in desk.batches[corrected].rows])
        late = [
            row | {"updated_at": row["updated_at"] + timedelta(hours=9)}
            for row in desk.batches[repeated].rows
        ]
        desk.deliver(f"late-{table}-{step}", table, [row | change for row in late])
        if step % 2:
            del desk.batches[repeated]
    deleted = [
        {"source": "desk", "record_table": table, "record_key": f"{key}{draw.randrange(number)}"}
        for table, key, number in (
            ("incidents", "INC", 60),
            ("incidents", "INC", 60),
            ("service_requests", "REQ", 40),
            ("sla_cycles", "CYC-INC", 60),
            ("problems", "PRB", 7),
        )
    ]
    known = {"deleted_known_date": FIRST + timedelta(days=draw.randrange(6, 12))}
    desk.deliver(f"deleted-{step % 3}", "tombstones", [row | known for row in deleted])
    major = {
        "incident_id": f"INC{draw.randrange(60)}",
        "declared_at": _midnight(step + 5),
        "updated_at": _midnight(step + 5),
    }
    desk.deliver("major", "major_incidents", [major])
    if step == 4:
        desk.deliver("targets", "targets", [row | {"target_value": 500.0} for row in CONTROL["targets"]])


def _built(desk: Desk, home: Home, project: DbtProjectRunner, as_of: date, builds: Builds) -> bool:
    """Build as of a day; tells whether all tickets were rebuilt."""
    desk.load(home, as_of, builds)
    assert project.run(SELECTION, home.warehouse).failed() == {}
    with duckdb.connect(str(home.warehouse), read_only=True) as connection:
        row = connection.execute("select rebuilds_all_records from landing.run_window").fetchone()
    assert row is not None
    return bool(row[0])


@pytest.fixture(scope="module")
def runs(
    dbt_project: DbtProjectRunner, tmp_path_factory: pytest.TempPathFactory
) -> Sequence[tuple[Path, Path, bool]]:
    """Each run's warehouse after many builds, that of one build of everything, and whether the run rebuilt all."""
    desk = Desk(Random(5))
    _opened(desk)
    home = HomeWithWarehouse(tmp_path_factory.mktemp("grown"))
    found = []
    last = None
    for step, days in enumerate(LAST_DAYS):
        if step:
            _changes(desk, step)
        as_of = FIRST + timedelta(days=days)
        is_all = _built(desk, home, dbt_project, as_of, Builds(last, str(step)))
        last = str(step)
        if step in (2, 3, 6):
            fresh = HomeWithWarehouse(tmp_path_factory.mktemp("fresh"))
            _built(desk, fresh, dbt_project, as_of, Builds(None, "fresh"))
            found.append((damaged(home.warehouse, tmp_path_factory.mktemp("copy")), fresh.warehouse, is_all))
    return found


def test_what_changed_is_rebuilt_as_a_build_of_everything_does(
    runs: Sequence[tuple[Path, Path, bool]],
) -> None:
    """New days, corrections, withdrawals, late and repeated rows, deletions, declarations; bit for bit."""
    assert [is_all for _, _, is_all in runs] == [False, False, False]
    for grown, fresh, _ in runs:
        for table in TABLES:
            expected = read_duckdb(fresh, table)
            assert expected.num_rows > 0
            assert differences(read_duckdb(grown, table), expected, tolerance=0) == [], table


def test_a_half_filled_relation_cache_does_not_append_a_table_to_itself(
    runs: Sequence[tuple[Path, Path, bool]],
    dbt_project: DbtProjectRunner,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """While one thread reads a schema into dbt's cache, another one finds it there, without its tables."""
    is_cached = BaseAdapter._schema_is_cached
    asked = []

    def half_filled(adapter: BaseAdapter, database: str | None, schema: str) -> bool:
        asked.append(schema)
        is_first = schema == "landing" and asked.count("landing") == 1
        return is_first or is_cached(adapter, database, schema)

    monkeypatch.setattr(BaseAdapter, "_schema_is_cached", half_filled)
    grown = runs[-1][0]
    warehouse = damaged(grown, tmp_path, "select 1")
    table = "intermediate.int_service_requests"

    assert dbt_project.run(["run", "--select", "int_service_requests"], warehouse).failed() == {}

    assert differences(read_duckdb(warehouse, table), read_duckdb(grown, table), tolerance=0) == []


def test_tests_of_rebuilt_rows_still_fail(
    runs: Sequence[tuple[Path, Path, bool]], dbt_project: DbtProjectRunner, tmp_path: Path
) -> None:
    """A data test that looks at rebuilt tickets alone notices a row of them that is there twice."""
    for record, run_table, model, key, more in (
        (
            "incident_id",
            "run_incidents",
            "int_incident_spans",
            "incident_id__span_number",
            "ends_at is not null",
        ),
        ("request_id", "run_service_requests", "int_service_requests", "request_id", "true"),
    ):
        rebuilt = f"{record} in (select {record} from landing.{run_table})"
        check = f"unique_combination_{model}_{key}"
        for condition, status in ((rebuilt, "fail"), (f"not {rebuilt}", "pass")):
            row = f"select * from intermediate.{model} where {condition} and {more} limit 1"
            warehouse = damaged(runs[-1][0], tmp_path, f"insert into intermediate.{model} {row}")
            assert dbt_project.run(["test", "--select", check], warehouse).statuses == {check: status}
