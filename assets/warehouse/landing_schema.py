"""Builds the `landing` schema that dbt reads: views over the current landed files, and the run's own small tables.

Loading is the only place that knows both the landing folder and DuckDB. Models see tables and nothing else, so the same
models run on another engine that is given the same tables.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa

from assets.home import Home
from assets.landing.contracts import contracts
from assets.landing.receipts import Receipt
from assets.landing.units import UnitError, conversion, rate_conversion
from assets.warehouse.computed import load_computed
from assets.warehouse.rebuild import DAILY_TABLES
from assets.warehouse.records import INCIDENTS, Builds, kept_tables, plan_records
from assets.warehouse.views import landed_columns, nothing, replace_view, texts

# Rolling up this many samples takes about 2 GiB.
SAMPLES_A_PART = 15_000_000
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class RunWindow:
    """The run's inputs that models read instead of a clock (one row, `landing.run_window`)."""

    as_of: date
    demand_window_days: int
    horizon_days: int
    history_start: date
    default_threshold_ratio: float
    default_lead_time_days: int
    warning_ratio: float
    forecast_seed: int

    def row(self) -> dict[str, object]:
        """Column values of `landing.run_window`."""
        return {
            "as_of_date": self.as_of,
            "as_of_at": datetime.combine(self.as_of + timedelta(days=1), time.min),
            "demand_window_start_date": self.as_of - timedelta(days=self.demand_window_days - 1),
            "history_start_date": self.history_start,
            "horizon_days": self.horizon_days,
            "demand_window_days": self.demand_window_days,
            "default_threshold_ratio": self.default_threshold_ratio,
            "default_lead_time_days": self.default_lead_time_days,
            "warning_ratio": self.warning_ratio,
            "forecast_seed": self.forecast_seed,
        }


def open_warehouse(path: Path, *, read_only: bool = False) -> duckdb.DuckDBPyConnection:
    """Connect to the warehouse file (UTC, no extension downloads). Hold the `warehouse` pool while it is open."""
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = duckdb.connect(
        str(path),
        read_only=read_only,
        config={"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"},
    )
    connection.execute("set timezone = 'UTC'")
    return connection


def load_landing(
    connection: duckdb.DuckDBPyConnection,
    home: Home,
    receipts: Sequence[Receipt],
    superseded: Sequence[Receipt],
    window: RunWindow,
    days: Sequence[date],
    builds: Builds,
) -> None:
    """(Re)create every table of the `landing` schema for one run.

    Metric views read the files of `days` and of the day before each (a counter's first rate needs its predecessor), the
    view of incidents those that hold the incidents to be rebuilt; of other records that sources deliver by what has
    changed the warehouse keeps the rows (`assets.warehouse.records`).
    """
    connection.execute("create schema if not exists landing")
    _create_days(connection, days)
    _create_parts(connection, days, receipts)
    _create_receipts(connection, receipts, superseded)
    wanted = {*days, *(day - timedelta(days=1) for day in days)}
    landed = {
        table: [
            (home.root / file.path, receipt)
            for receipt in receipts
            if receipt.table == table
            for file in receipt.landed
            if table not in DAILY_TABLES or file.date in wanted
        ]
        for table in contracts()
    }
    for table in landed:
        if table not in (INCIDENTS, *kept_tables()):
            _create_view(connection, table, landed[table])
    is_all, files = plan_records(connection, landed, receipts, _midnight(window.as_of + _DAY), builds)
    _create_view(connection, INCIDENTS, files)
    _create_table(connection, "run_window", [window.row() | {"rebuilds_all_records": is_all}])
    load_computed(connection, home)
    _create_sample_parts(connection)
    _create_unit_conversions(connection)


def _create_view(
    connection: duckdb.DuckDBPyConnection, table: str, files: Sequence[tuple[Path, Receipt]]
) -> None:
    columns = landed_columns(table)
    selected = ", ".join(f'cast(landed."{name}" as {kind}) as "{name}"' for name, kind in columns.items())
    if not files:
        types = {**columns, "extracted_at": "timestamp", "receipt_id": "varchar"}
        replace_view(connection, table, nothing(types))
        return
    _create_table(
        connection,
        f"files_of_{table}",
        [
            {"path": str(path), "receipt_id": r.receipt_id, "extracted_at": _naive_utc(r.extracted_at)}
            for path, r in files
        ],
    )
    paths = texts(path for path, _ in files)
    replace_view(
        connection,
        table,
        f"select {selected}, files.extracted_at, files.receipt_id "
        f"from read_parquet([{paths}], filename = true, hive_partitioning = false, union_by_name = true) as landed "
        f"join landing.files_of_{table} as files on files.path = landed.filename",
    )


def _create_days(connection: duckdb.DuckDBPyConnection, days: Sequence[date]) -> None:
    connection.execute("create or replace table landing.run_days (observed_date date)")
    if days:
        connection.executemany("insert into landing.run_days values (?)", [[day] for day in days])


def _create_parts(
    connection: duckdb.DuckDBPyConnection, days: Sequence[date], receipts: Sequence[Receipt]
) -> None:
    """Spans of `days` whose samples are summed up together, [start_at, end_at): a day, or more of them if small."""
    samples: Counter[date | None] = Counter()
    for receipt in receipts:
        if receipt.table == "metric_samples":
            for file in receipt.landed:
                samples[file.date] += file.rows
    parts: list[list[date]] = []
    room = 0
    for day in sorted(days):
        if not parts or samples[day] > room:
            parts.append([])
            room = SAMPLES_A_PART
        parts[-1].append(day)
        room -= samples[day]
    rows: list[dict[str, object]] = [
        {"start_at": _midnight(part[0]), "end_at": _midnight(part[-1] + timedelta(days=1))} for part in parts
    ]
    schema = pa.schema([(name, pa.timestamp("us")) for name in ("start_at", "end_at")])
    _create_table(connection, "run_parts", rows, schema)


def _create_receipts(
    connection: duckdb.DuckDBPyConnection, receipts: Sequence[Receipt], superseded: Sequence[Receipt]
) -> None:
    rows: list[dict[str, object]] = [
        {
            "receipt_id": r.receipt_id,
            "source": r.source,
            "table_name": r.table,
            "batch_id": r.batch_id,
            "version": r.version,
            "is_current": is_current,
            "extracted_at": _naive_utc(r.extracted_at),
            "window_start_at": _midnight(r.window.start) if r.window else None,
            "window_end_at": _midnight(r.window.end + timedelta(days=1)) if r.window else None,
            "rows_received": r.rows_received,
            "rows_landed": r.rows_landed,
            "rows_quarantined": r.rows_quarantined,
            "input_path": r.input.path,
            "input_sha256": r.input.sha256,
        }
        for is_current, group in ((True, receipts), (False, superseded))
        for r in group
    ]
    schema = pa.schema(
        [
            *((name, pa.string()) for name in ("receipt_id", "source", "table_name", "batch_id")),
            ("version", pa.int32()),
            ("is_current", pa.bool_()),
            *((name, pa.timestamp("us")) for name in ("extracted_at", "window_start_at", "window_end_at")),
            *((name, pa.int64()) for name in ("rows_received", "rows_landed", "rows_quarantined")),
            *((name, pa.string()) for name in ("input_path", "input_sha256")),
        ]
    )
    _create_table(connection, "receipts", rows, schema)


def _create_sample_parts(connection: duckdb.DuckDBPyConnection) -> None:
    """Which metrics came in which unit, on which day, by which receipt: the one look at all samples for that."""
    connection.execute(
        """
        create or replace table landing.sample_parts as
        select distinct metric, unit, kind, cast(observed_at as date) as observed_date, receipt_id
        from landing.metric_samples
        """
    )


def _create_unit_conversions(connection: duckdb.DuckDBPyConnection) -> None:
    """One row for each (unit as delivered, kind, unit of the plan) in use. Counters are planned as rates a second."""
    pairs = connection.execute(
        """
        select distinct unit, kind, canonical_unit from (
            select s.unit, s.kind, p.unit as canonical_unit
            from landing.sample_parts s join landing.measurement_plan p using (metric)
            union all
            select h.unit, 'histogram', p.unit
            from landing.metric_histograms h join landing.measurement_plan p using (metric)
            union all
            select l.unit, 'gauge', p.unit
            from landing.resource_limits l join landing.measurement_plan p using (resource)
            union all
            select q.unit, 'gauge', p.unit
            from landing.planned_purchases q join landing.measurement_plan p using (resource) where q.unit is not null
            union all
            select s.unit, 'gauge', p.unit
            from landing.scenarios s join landing.measurement_plan p using (resource) where s.unit is not null
            union all
            select z.unit, 'gauge', p.unit
            from landing.size_ladders z join landing.measurement_plan p using (resource)
        ) order by all
        """
    ).fetchall()
    rows = []
    for unit, kind, canonical in pairs:
        try:
            factor, offset = (rate_conversion if kind == "counter" else conversion)(unit, canonical)
        except UnitError:
            continue  # landing has quarantined such samples; a limit in another unit than its metric has no conversion
        rows.append(
            {
                "source_unit": unit,
                "kind": kind,
                "canonical_unit": canonical,
                "factor": factor,
                "offset_value": offset,
            }
        )
    schema = pa.schema(
        [
            ("source_unit", pa.string()),
            ("kind", pa.string()),
            ("canonical_unit", pa.string()),
            ("factor", pa.float64()),
            ("offset_value", pa.float64()),
        ]
    )
    _create_table(connection, "unit_conversions", rows, schema)


def _create_table(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    rows: list[dict[str, object]],
    schema: pa.Schema | None = None,
) -> None:
    data = pa.Table.from_pylist(rows, schema=schema)
    connection.register("rows_to_load", data)
    connection.execute(f"create or replace table landing.{table} as select * from rows_to_load")
    connection.unregister("rows_to_load")


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min)


def _naive_utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)
