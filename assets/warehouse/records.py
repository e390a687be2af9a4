"""Which records a run rebuilds: those that something new is known of since the last build.

Sources deliver records by what has changed. The warehouse keeps their landed rows, file by file
(`landing.<table>_rows`, `landing.<table>_files`): whole, but of incidents, the largest by far, only which file tells
of which incident. A run compares that with what has landed, so a new day reads the files that came and those of the
incidents that it touches, and rebuilds what they tell of, however long the history is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pyarrow as pa

from assets.landing.contracts import contracts
from assets.landing.receipts import Receipt
from assets.warehouse.views import landed_columns, replace_view, text_literal, texts

# A change here changes what was agreed for records long closed.
AGREEMENT_TABLES = (
    "sla_clocks",
    "targets",
    "services",
    "teams",
    "calendars",
    "holidays",
    "calendar_exceptions",
)
INCIDENTS = "incidents"

Landed = tuple[Path, Receipt]


@dataclass(frozen=True)
class Rebuilt:
    """What is rebuilt record by record, and when a row of a landed table says something new of one."""

    #: The table of the run that names the records to be rebuilt, and its column.
    run_table: str
    record_id: str
    #: What a tombstone of the table names.
    key: str
    #: From when on a row counts, and after which moment it says nothing new any more.
    known_at: str
    latest_at: str


REBUILT = {
    INCIDENTS: Rebuilt("run_incidents", "incident_id", "incident_id", "updated_at", "latest_at"),
    "sla_cycles": Rebuilt("run_incidents", "incident_id", "cycle_id", "updated_at", "updated_at"),
    "service_requests": Rebuilt(
        "run_service_requests",
        "request_id",
        "request_id",
        "opened_at",
        "greatest(opened_at, updated_at, fulfilled_at)",
    ),
}
RUN_TABLES = {rebuilt.run_table: rebuilt.record_id for rebuilt in REBUILT.values()}
# What is known of a record at the end of the as-of day beside its rows.
_MARKS = f"""
select record_table, record_key, 'deleted in ' || source as mark
from landing.tombstones
where record_table in ({texts(REBUILT)}) and deleted_known_date < cast($1 as timestamp)
union
select '{INCIDENTS}' as record_table, incident_id as record_key, 'major' as mark
from landing.major_incidents
where declared_at < $1
"""


@dataclass(frozen=True)
class Builds:
    """Names of the last build that succeeded (None: none that this one can go on from) and of the one that begins."""

    last: str | None
    this: str


def kept_tables() -> list[str]:
    """Tables whose landed rows the warehouse keeps whole: sources deliver what has changed, so their files are many."""
    return [table for table, contract in contracts().items() if contract.since and table != INCIDENTS]


def plan_records(
    connection: duckdb.DuckDBPyConnection,
    landed: Mapping[str, Sequence[Landed]],
    receipts: Sequence[Receipt],
    as_of_at: datetime,
    builds: Builds,
) -> tuple[bool, list[Landed]]:
    """Write `landing.run_incidents`, `landing.run_service_requests` and the views of kept tables.

    Tells whether all records are rebuilt, and which files of incidents hold what is. All are when the last build did
    not succeed, knew a later day, or read other calendars, targets, clocks, services or teams. Otherwise those with a
    row in a file that came or went, with a moment that has passed since the last as-of day, or that were deleted or
    declared major. What the source's own clock says of an incident counts as said of the incident. Needs the view
    `landing.tombstones`.
    """
    agreements = json.dumps(sorted(r.receipt_id for r in receipts if r.table in AGREEMENT_TABLES))
    before = _built_from(connection)
    goes_on = (
        before is not None and before[0] == builds.last and before[1] == agreements and before[2] <= as_of_at
    )
    connection.execute(
        "create or replace table landing.record_build (build varchar, agreements varchar, as_of_at timestamp)"
    )
    connection.execute(
        "insert into landing.record_build values (?, ?, ?)", [builds.this, agreements, as_of_at]
    )
    connection.execute("create or replace temp table changed_records (run_table varchar, record_id varchar)")
    numbers = {
        table: _synchronise(connection, table, landed.get(table, ()), goes_on)
        for table in (*kept_tables(), INCIDENTS)
    }
    for table in kept_tables():
        replace_view(connection, table, _kept(table))
    connection.execute(f"create or replace temp table marks_now as {_MARKS}", [as_of_at])
    if goes_on:
        assert before is not None
        for table in REBUILT:
            _add_known_since(connection, table, before[2], as_of_at)
            _add_marked(connection, table)
    connection.execute("create or replace table landing.record_marks as from marks_now")
    for table, record_id in RUN_TABLES.items():
        connection.execute(
            f"create or replace table landing.{table} as select distinct record_id as {record_id} "
            f"from changed_records where run_table = '{table}'"
        )
    for temporary in ("marks_now", "changed_records"):
        connection.execute(f"drop table {temporary}")
    if not goes_on:
        return True, list(landed.get(INCIDENTS, ()))
    replace_view(connection, "sla_cycles", _kept("sla_cycles") + _of_run(connection, "run_incidents"))
    needed = connection.execute(
        f"select distinct file_number from landing.{INCIDENTS}_rows "
        f"where updated_at < $1 {_of_run(connection, 'run_incidents', 'and')}",
        [as_of_at],
    ).fetchall()
    wanted = {number for (number,) in needed}
    return False, [file for file in landed.get(INCIDENTS, ()) if numbers[INCIDENTS][_file(file)] in wanted]


def _built_from(connection: duckdb.DuckDBPyConnection) -> tuple[str, str, datetime] | None:
    known = "select count(*) from information_schema.tables where table_schema = 'landing' and table_name = ?"
    if connection.execute(known, ["record_build"]).fetchone() == (0,):
        return None
    row = connection.execute("select build, agreements, as_of_at from landing.record_build").fetchone()
    return row if row is None else (row[0], row[1], row[2])


def _file(file: Landed) -> tuple[str, str]:
    return str(file[0]), file[1].receipt_id


def _row_columns(table: str) -> dict[str, tuple[str, str]]:
    """Name, type and expression of what is kept of each landed row."""
    if table != INCIDENTS:
        return {name: (kind, f'landed."{name}"') for name, kind in landed_columns(table).items()}
    return {
        "incident_id": ("varchar", "landed.incident_id"),
        "updated_at": ("timestamp", "landed.updated_at"),
        "latest_at": ("timestamp", "greatest(landed.updated_at, landed.resolved_at, landed.closed_at)"),
    }


def _synchronise(
    connection: duckdb.DuckDBPyConnection, table: str, landed: Sequence[Landed], goes_on: bool
) -> dict[tuple[str, str], int]:
    """Take in the files that came and forget those that went; the records of both have changed. Gives numbers."""
    if not goes_on:
        columns = "".join(f'"{name}" {kind}, ' for name, (kind, _) in _row_columns(table).items())
        connection.execute(f"create or replace table landing.{table}_rows ({columns}file_number integer)")
        connection.execute(
            f"create or replace table landing.{table}_files "
            "(file_number integer, path varchar, receipt_id varchar, extracted_at timestamp)"
        )
    built = connection.execute(f"select path, receipt_id, file_number from landing.{table}_files").fetchall()
    numbers: dict[tuple[str, str], int] = {(path, receipt): number for path, receipt, number in built}
    there = {_file(file) for file in landed}
    gone = sorted(number for file, number in numbers.items() if file not in there)
    if gone:
        within = f"file_number in ({', '.join(map(str, gone))})"
        _add_changed(connection, table, f"select * from landing.{table}_rows where {within}")
        for part in ("rows", "files"):
            connection.execute(f"delete from landing.{table}_{part} where {within}")
    added = [file for file in landed if _file(file) not in numbers]
    first = 1 + max(numbers.values(), default=0)
    if added:
        _take_in(connection, table, added, first)
        if goes_on:
            _add_changed(
                connection, table, f"select * from landing.{table}_rows where file_number >= {first}"
            )
    return numbers | {_file(file): number for number, file in enumerate(added, start=first)}


def _take_in(connection: duckdb.DuckDBPyConnection, table: str, added: Sequence[Landed], first: int) -> None:
    files = pa.table(
        {
            "file_number": pa.array(range(first, first + len(added)), pa.int32()),
            "path": [str(path) for path, _ in added],
            "receipt_id": [receipt.receipt_id for _, receipt in added],
            "extracted_at": pa.array(
                [receipt.extracted_at.astimezone(UTC).replace(tzinfo=None) for _, receipt in added],
                pa.timestamp("us"),
            ),
        }
    )
    connection.register("files_to_load", files)
    connection.execute(f"insert into landing.{table}_files from files_to_load")
    connection.unregister("files_to_load")
    paths = texts(path for path, _ in added)
    files_of = f"read_parquet([{paths}], filename = true, hive_partitioning = false, union_by_name = true)"
    # Files that landed before their contract had a column do not have it.
    there = {name for name, *_ in connection.execute(f"describe select * from {files_of}").fetchall()}
    columns = "".join(
        f'cast({value if table == INCIDENTS or name in there else "null"} as {kind}) as "{name}", '
        for name, (kind, value) in _row_columns(table).items()
    )
    connection.execute(
        f"""
        insert into landing.{table}_rows
        select {columns}files.file_number
        from {files_of} as landed
        join landing.{table}_files as files on files.path = landed.filename
        where files.file_number >= {first}
        """
    )


def _kept(table: str) -> str:
    columns = ", ".join(f'kept."{name}"' for name in landed_columns(table))
    return (
        f"select {columns}, files.extracted_at, files.receipt_id from landing.{table}_rows as kept "
        f"join landing.{table}_files as files on files.file_number = kept.file_number"
    )


def _of_run(connection: duckdb.DuckDBPyConnection, run_table: str, word: str = "where") -> str:
    """The condition that a row is of a record of the run; its bounds let DuckDB pass over the others unread."""
    column = RUN_TABLES[run_table]
    row = connection.execute(f"select min({column}), max({column}) from landing.{run_table}").fetchone()
    assert row is not None
    if row[0] is None:
        return f" {word} false"
    bounds = f"{column} between {text_literal(row[0])} and {text_literal(row[1])}"
    return f" {word} {bounds} and {column} in (select {column} from landing.{run_table})"


def _add_changed(connection: duckdb.DuckDBPyConnection, table: str, rows: str) -> None:
    if table in REBUILT:
        rebuilt = REBUILT[table]
        connection.execute(
            f"insert into changed_records select distinct '{rebuilt.run_table}', {rebuilt.record_id} from ({rows})"
        )


def _add_known_since(
    connection: duckdb.DuckDBPyConnection, table: str, before_at: datetime, as_of_at: datetime
) -> None:
    """Records with a row that is known now, or with a time that lay ahead of the last as-of day."""
    rebuilt = REBUILT[table]
    moments = f"{rebuilt.latest_at} >= '{before_at}' and {rebuilt.known_at} < '{as_of_at}'"
    _add_changed(connection, table, f"select * from landing.{table}_rows where {moments}")


def _add_marked(connection: duckdb.DuckDBPyConnection, table: str) -> None:
    """Records of which something is said beside their rows, and was not at the last build, or the reverse."""
    key = REBUILT[table].key
    marked = f"""
        select record_key as {key} from (
            (from landing.record_marks except from marks_now)
            union all (from marks_now except from landing.record_marks)
        )
        where record_table = '{table}'
    """
    if key != REBUILT[table].record_id:
        marked = f"select * from landing.{table}_rows where {key} in ({marked})"
    _add_changed(connection, table, marked)
