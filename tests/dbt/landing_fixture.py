"""Small `landing` schemas for tests of the dbt project, typed as the record contracts say.

`landing_tables` gives one Arrow table a landing table; `load_duckdb` and `tests/dbt/spark_landing.py` put the same
tables into the two engines.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import yaml

from assets.warehouse.computed import computed_tables

REPOSITORY = Path(__file__).resolve().parents[2]
Row = Mapping[str, Any]
Rows = Mapping[str, Sequence[Row]]

_ARROW_TYPES: dict[str, pa.DataType] = {
    "string": pa.string(),
    "time": pa.string(),
    "integer": pa.int64(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
    "timestamp": pa.timestamp("us"),
    "date": pa.date32(),
    "int": pa.int32(),
}
_PROVENANCE = {"source_file": "string", "source_row": "integer", "extra": "string"}
_RECEIPT = {"extracted_at": "timestamp", "receipt_id": "string"}
_RUN_TABLES: dict[str, dict[str, str]] = {
    "run_window": {
        "as_of_date": "date",
        "as_of_at": "timestamp",
        "demand_window_start_date": "date",
        "history_start_date": "date",
        "horizon_days": "int",
        "demand_window_days": "int",
        "default_threshold_ratio": "number",
        "default_lead_time_days": "int",
        "warning_ratio": "number",
        "forecast_seed": "int",
        "rebuilds_all_records": "boolean",
    },
    "run_incidents": {"incident_id": "string"},
    "run_service_requests": {"request_id": "string"},
    "run_days": {"observed_date": "date"},
    "run_parts": {"start_at": "timestamp", "end_at": "timestamp"},
    "sample_parts": {
        "metric": "string",
        "unit": "string",
        "kind": "string",
        "observed_date": "date",
        "receipt_id": "string",
    },
    "unit_conversions": {
        "source_unit": "string",
        "kind": "string",
        "canonical_unit": "string",
        "factor": "number",
        "offset_value": "number",
    },
    "receipts": {
        "receipt_id": "string",
        "source": "string",
        "table_name": "string",
        "batch_id": "string",
        "version": "int",
        "is_current": "boolean",
        "extracted_at": "timestamp",
        "window_start_at": "timestamp",
        "window_end_at": "timestamp",
        "rows_received": "integer",
        "rows_landed": "integer",
        "rows_quarantined": "integer",
        "input_path": "string",
        "input_sha256": "string",
    },
}


@cache
def table_fields() -> dict[str, dict[str, str]]:
    """Column → contract type of every landing table: contract tables with provenance and receipt, and run tables."""
    contracts = yaml.safe_load((REPOSITORY / "assets" / "landing" / "contracts.yaml").read_text("utf-8"))
    tables = {
        table: {name: field["type"] for name, field in contract["fields"].items()} | _PROVENANCE | _RECEIPT
        for table, contract in contracts.items()
    }
    computed = {name: dict(table.columns) for name, table in computed_tables().items()}
    past = {
        "past_forecasts": computed["forecast_quantiles"],
        "past_saturation": computed["forecast_saturation"],
    }
    return tables | _RUN_TABLES | computed | past


def landing_tables(rows: Rows) -> dict[str, pa.Table]:
    """Every landing table, empty where `rows` gives none.

    Missing columns become null, except `extracted_at`, `receipt_id`, `source_file` and `source_row`, which get values.

    Raises
    ------
    KeyError
        A table or column that the contracts do not know.
    """
    for table in rows:
        if table not in table_fields():
            raise KeyError(f"unknown landing table {table}")
    tables = {table: _table(table, fields, rows.get(table, ())) for table, fields in table_fields().items()}
    return tables | {
        "sample_parts": _sample_parts(tables["metric_samples"]),
        "run_parts": _run_parts(tables["run_days"]["observed_date"].to_pylist()),
    }


def _run_parts(days: Sequence[date]) -> pa.Table:
    """The first half of the days, and the second."""
    ordered = sorted(days)
    half = -(-len(ordered) // 2)
    halves = [part for part in (ordered[:half], ordered[half:]) if part]
    midnight = datetime.min.time()
    starts = [datetime.combine(part[0], midnight) for part in halves]
    ends = [datetime.combine(part[-1] + timedelta(days=1), midnight) for part in halves]
    return pa.table(
        {"start_at": pa.array(starts, pa.timestamp("us")), "end_at": pa.array(ends, pa.timestamp("us"))}
    )


def _sample_parts(samples: pa.Table) -> pa.Table:
    """What loading finds in the samples: every combination of metric, unit, kind, day and receipt."""
    days = pc.cast(samples["observed_at"], pa.date32())
    parts = samples.select(["metric", "unit", "kind"]).append_column("observed_date", days)
    parts = parts.append_column("receipt_id", samples["receipt_id"])
    return parts.group_by(parts.column_names).aggregate([])


def _table(table: str, fields: Mapping[str, str], rows: Sequence[Row]) -> pa.Table:
    for row in rows:
        unknown = set(row) - set(fields)
        if unknown:
            raise KeyError(f"unknown column {sorted(unknown)} in landing table {table}")
    defaults: dict[str, Any] = {
        "extracted_at": datetime(2026, 1, 1),  # noqa: DTZ001  naive UTC, as landed
        "receipt_id": "receipt-1",
        "source_file": f"{table}.csv",
    }
    columns = {}
    for name, kind in fields.items():
        default = defaults.get(name) if "receipt_id" in fields and table not in _RUN_TABLES else None
        values = [
            row.get(name, number if name == "source_row" else default)
            for number, row in enumerate(rows, start=1)
        ]
        columns[name] = pa.array(values, type=_ARROW_TYPES[kind])
    return pa.table(columns)


def run_rows(
    as_of: date,
    days: Sequence[date],
    *,
    demand_window_days: int = 28,
    history_days: int = 120,
    horizon_days: int = 90,
) -> dict[str, list[Row]]:
    """Rows of `run_window` and `run_days` for a run as of `as_of` that rebuilds `days`."""
    window = {
        "as_of_date": as_of,
        "as_of_at": datetime.combine(as_of + timedelta(days=1), datetime.min.time()),
        "demand_window_start_date": as_of - timedelta(days=demand_window_days - 1),
        "history_start_date": as_of - timedelta(days=history_days - 1),
        "horizon_days": horizon_days,
        "demand_window_days": demand_window_days,
        "default_threshold_ratio": 0.8,
        "default_lead_time_days": 30,
        "warning_ratio": 0.9,
        "forecast_seed": 1,
        "rebuilds_all_records": True,
    }
    return {"run_window": [window], "run_days": [{"observed_date": day} for day in days]}


def load_duckdb(path: Path, tables: Mapping[str, pa.Table]) -> None:
    """Create (or replace) schema `landing` in the DuckDB file at `path` with one table each."""
    with duckdb.connect(str(path)) as connection:
        connection.execute("create schema if not exists landing")
        for name, table in tables.items():
            connection.register("arrow_table", table)
            connection.execute(f'create or replace table landing."{name}" as select * from arrow_table')
            connection.unregister("arrow_table")
