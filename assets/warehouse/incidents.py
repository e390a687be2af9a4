"""Which incidents a run rebuilds: those that something new is known of since the last build.

The warehouse keeps an index of the landed updates (`landing.incident_rows`: which file tells of which incident) and
what its tables were built from. A run compares that with what has landed, so a new day reads the files of the incidents
that it touches and no others, however long the history is.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb
import pyarrow as pa

from assets.landing.receipts import Receipt
from assets.warehouse.views import texts

# A change here changes what was agreed for incidents long closed.
AGREEMENT_TABLES = (
    "sla_clocks",
    "targets",
    "services",
    "teams",
    "calendars",
    "holidays",
    "calendar_exceptions",
)

Landed = tuple[Path, Receipt]

_INDEX = """
select landed.incident_id, landed.updated_at, files.file_number,
    greatest(landed.updated_at, landed.resolved_at, landed.closed_at) as latest_at
from read_parquet([{paths}], filename = true, hive_partitioning = false, union_by_name = true) as landed
join landing.incident_files as files on files.path = landed.filename
"""
# Records beside the updates that say something of an incident at the end of the as-of day.
_MARKS = """
select distinct 'deleted in ' || source as mark, record_key as incident_id
from landing.tombstones
where record_table = 'incidents' and deleted_known_date < cast($1 as timestamp)
union
select 'major' as mark, incident_id
from landing.major_incidents
where declared_at < $1
union
select
    concat_ws(
        ' ', 'clock', cycle_id, agreement_kind, measure, state, started_at, goal_minutes, elapsed_minutes, updated_at
    ) as mark,
    incident_id
from landing.sla_cycles
where updated_at < $1 and cycle_id not in (
    select record_key from landing.tombstones
    where record_table = 'sla_cycles' and deleted_known_date < cast($1 as timestamp)
)
"""


@dataclass(frozen=True)
class Builds:
    """Names of the last build that succeeded (None: none that this one can go on from) and of the one that begins."""

    last: str | None
    this: str


def plan_incidents(
    connection: duckdb.DuckDBPyConnection,
    landed: Sequence[Landed],
    receipts: Sequence[Receipt],
    as_of_at: datetime,
    builds: Builds,
) -> tuple[bool, list[Landed]]:
    """Write `landing.run_incidents`; tell whether all incidents are rebuilt, and which files hold what is.

    All are when the last build did not succeed, knew a later day, or read other calendars, targets, clocks, services or
    teams. Otherwise those with a row in a file that came or went, with a moment that has passed since the last as-of
    day, that were declared major or deleted, or of which the source's own clock says something new. Needs the views
    `landing.tombstones`, `landing.major_incidents` and `landing.sla_cycles`.
    """
    agreements = json.dumps(sorted(r.receipt_id for r in receipts if r.table in AGREEMENT_TABLES))
    connection.execute("create or replace table landing.run_incidents (incident_id varchar)")
    before = _built_from(connection)
    goes_on = (
        before is not None and before[0] == builds.last and before[1] == agreements and before[2] <= as_of_at
    )
    connection.execute(
        "create or replace table landing.incident_build (build varchar, agreements varchar, as_of_at timestamp)"
    )
    connection.execute(
        "insert into landing.incident_build values (?, ?, ?)", [builds.this, agreements, as_of_at]
    )
    if not goes_on:
        _index_all(connection, landed)
        connection.execute(f"create or replace table landing.incident_marks as {_MARKS}", [as_of_at])
        return True, list(landed)
    assert before is not None
    numbers = _reindex(connection, landed)
    _add_known_since(connection, before[2], as_of_at)
    _add_marked(connection, as_of_at)
    needed = connection.execute(
        """
        select distinct file_number from landing.incident_rows
        where updated_at < $1 and incident_id in (select incident_id from landing.run_incidents)
        """,
        [as_of_at],
    ).fetchall()
    wanted = {number for (number,) in needed}
    return False, [file for file in landed if numbers[str(file[0])] in wanted]


def _built_from(connection: duckdb.DuckDBPyConnection) -> tuple[str, str, datetime] | None:
    known = "select count(*) from information_schema.tables where table_schema = 'landing' and table_name = ?"
    if connection.execute(known, ["incident_build"]).fetchone() == (0,):
        return None
    row = connection.execute("select build, agreements, as_of_at from landing.incident_build").fetchone()
    return row if row is None else (row[0], row[1], row[2])


def _index_all(connection: duckdb.DuckDBPyConnection, landed: Sequence[Landed]) -> None:
    connection.execute("create or replace table landing.incident_files (file_number integer, path varchar)")
    connection.execute(
        """
        create or replace table landing.incident_rows
            (incident_id varchar, updated_at timestamp, file_number integer, latest_at timestamp)
        """
    )
    _index(connection, [str(path) for path, _ in landed], 1)


def _reindex(connection: duckdb.DuckDBPyConnection, landed: Sequence[Landed]) -> dict[str, int]:
    """Bring the index up to date; incidents of files that went or came are rebuilt. Gives the number of each file."""
    built = connection.execute("select path, file_number from landing.incident_files").fetchall()
    numbers: dict[str, int] = dict(built)
    paths = [str(path) for path, _ in landed]
    gone = sorted(number for path, number in built if path not in set(paths))
    if gone:
        within = f"file_number in ({', '.join(map(str, gone))})"
        connection.execute(
            f"insert into landing.run_incidents select distinct incident_id from landing.incident_rows where {within}"
        )
        for table in ("incident_rows", "incident_files"):
            connection.execute(f"delete from landing.{table} where {within}")
    added = [path for path in paths if path not in numbers]
    first = 1 + max(numbers.values(), default=0)
    _index(connection, added, first)
    connection.execute(
        """
        insert into landing.run_incidents
        select distinct incident_id from landing.incident_rows
        where file_number >= ? and incident_id not in (select incident_id from landing.run_incidents)
        """,
        [first],
    )
    return numbers | {path: number for number, path in enumerate(added, start=first)}


def _index(connection: duckdb.DuckDBPyConnection, paths: Sequence[str], first: int) -> None:
    if not paths:
        return
    rows = pa.table(
        {"file_number": pa.array(range(first, first + len(paths)), pa.int32()), "path": list(paths)}
    )
    connection.register("rows_to_load", rows)
    connection.execute("insert into landing.incident_files select file_number, path from rows_to_load")
    connection.unregister("rows_to_load")
    connection.execute(f"insert into landing.incident_rows {_INDEX.format(paths=texts(paths))}")


def _add_known_since(connection: duckdb.DuckDBPyConnection, before_at: datetime, as_of_at: datetime) -> None:
    """Incidents with an update that is known now, or with a time that lay ahead of the last as-of day."""
    connection.execute(
        """
        insert into landing.run_incidents
        select distinct incident_id from landing.incident_rows
        where latest_at >= $1 and updated_at < $2
            and incident_id not in (select incident_id from landing.run_incidents)
        """,
        [before_at, as_of_at],
    )


def _add_marked(connection: duckdb.DuckDBPyConnection, as_of_at: datetime) -> None:
    connection.execute(f"create or replace temp table marks_now as {_MARKS}", [as_of_at])
    connection.execute(
        """
        insert into landing.run_incidents
        select distinct incident_id from (
            (from landing.incident_marks except from marks_now)
            union all (from marks_now except from landing.incident_marks)
        )
        where incident_id not in (select incident_id from landing.run_incidents)
        """
    )
    connection.execute("create or replace table landing.incident_marks as from marks_now")
    connection.execute("drop table marks_now")
