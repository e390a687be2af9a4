"""Builds published versions row by row: every table with exactly the columns of the marts' contracts."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import yaml

MODELS = Path(__file__).resolve().parents[2] / "dbt_project" / "models" / "marts"


def contracted_columns() -> dict[str, str]:
    """The columns and types of every mart, as its contract declares them."""
    files = (yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted(MODELS.rglob("_*.yml")))
    models = [model for content in files for model in content.get("models", ())]
    return {
        model["name"]: ", ".join(f"{column['name']} {column['data_type']}" for column in model["columns"])
        for model in models
    }


COLUMNS = contracted_columns()

_UTILISATION = [
    "configuration_items",
    "measurement_plan",
    "metric_samples",
    "resource_limits",
    "run_days",
    "targets",
]
_CAPACITY = [*_UTILISATION, "run_window", "service_cis"]
LANDING: dict[str, list[str]] = {
    "dim_service": ["run_window", "services"],
    "dim_ci": ["configuration_items", "run_window"],
    "dim_team": ["teams"],
    "bridge_service_ci": ["service_cis"],
    "fct_resource_utilisation_daily": _UTILISATION,
    "fct_pool_demand_daily": _CAPACITY,
    "fct_service_performance_daily": ["measurement_plan", "metric_histograms", "metric_samples", "targets"],
    "fct_resource_capacity": _CAPACITY,
    "fct_pool_capacity": _CAPACITY,
    "fct_service_capacity": _CAPACITY,
    "fct_incidents": ["incidents"],
    "fct_incident_sla": ["calendars", "holidays", "incidents", "targets"],
    "fct_changes": ["changes"],
    "fct_change_impact": ["change_impact"],
    "fct_change_failure_rates": ["changes"],
    "fct_change_collisions": ["changes", "service_cis"],
    "fct_capacity_incidents": ["capacity_incidents"],
    "fct_capacity_incident_evidence": ["capacity_incident_evidence"],
    "fct_service_levels": [
        "calendars",
        "holidays",
        "incidents",
        "metric_histograms",
        "metric_samples",
        "targets",
    ],
    "fct_availability": [
        "calendars",
        "changes",
        "metric_samples",
        "outages",
        "service_cis",
        "services",
        "targets",
    ],
    "fct_kpis": ["kpis"],
    "fct_kpi_parts": ["kpis"],
    "fct_watermelons": ["csat_responses", "incidents", "metric_samples", "service_requests", "targets"],
    "fct_sla_reconciliation": ["calendars", "incidents", "targets"],
    "fct_extractions": ["receipts"],
    "fct_forecasts": [*_CAPACITY, "forecast_quantiles"],
    "fct_saturation": [*_CAPACITY, "forecast_saturation"],
    "fct_forecast_scores": ["forecast_scores"],
    "fct_forecast_models": ["forecast_models"],
    "fct_forecast_importances": ["forecast_importances"],
}

ARROW = {
    "string": pa.string(),
    "int": pa.int32(),
    "bigint": pa.int64(),
    "double": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us"),
}
AS_OF = date(2026, 6, 30)


def arrow_type(kind: str) -> pa.DataType:
    """The Arrow type of a contract's type."""
    return pa.decimal128(24, 6) if kind.startswith("decimal") else ARROW[kind]


@dataclass
class Rows:
    """Rows by table; missing columns are null."""

    tables: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))

    def add(self, table: str, **values: Any) -> None:
        """One row; a column that the mart does not have is a mistake in the test."""
        names = {column.split()[0] for column in COLUMNS[table].split(", ")}
        assert values.keys() <= names, f"{table} has no {values.keys() - names}"
        self.tables[table].append(values)


def publish(folder: Path, rows: Rows, *, estate: str = "demo", checks: Sequence[dict[str, Any]] = ()) -> Path:
    """Write `ullage.duckdb` and `manifest.json` to `folder`, as publishing does. Returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(str(folder / "ullage.duckdb")) as connection:
        connection.execute("create schema marts")
        for table, columns in COLUMNS.items():
            connection.execute(f"create table marts.{table} ({columns})")
            if rows.tables[table]:
                schema = pa.schema(
                    [(name, arrow_type(kind)) for name, kind in map(str.split, columns.split(", "))]
                )
                data = pa.Table.from_pylist(rows.tables[table], schema=schema)
                connection.register("data", data)
                connection.execute(f"insert into marts.{table} select * from data")
                connection.unregister("data")
    inputs: dict[tuple[str, str], dict[str, Any]] = {}
    for row in rows.tables["fct_extractions"]:
        if row["is_current"]:
            key = (row["source"], row["table_name"])
            total = inputs.setdefault(key, {"source": key[0], "table": key[1], "receipts": 0, **dict.fromkeys(
                ("rows_received", "rows_landed", "rows_quarantined"), 0)})  # fmt: skip
            total["receipts"] += 1
            for name in ("rows_received", "rows_landed", "rows_quarantined"):
                total[name] += row[name]
    manifest = {
        "estate": estate,
        "version": f"{AS_OF.isoformat()}-1f3a9c20",
        "as_of_date": AS_OF.isoformat(),
        "code_version": "0.1.0+4be1c07",
        "config_hash": "9d1c4ef2a0b7",
        "tables": {
            name: {
                "rows": len(rows.tables[name]),
                "parquet": f"parquet/{name}.parquet",
                "sha256": "0" * 64,
                "description": f"The mart {name}.",
                "depends_on_landing": LANDING.get(name, []),
            }
            for name in COLUMNS
        },
        "checks": list(checks),
        "inputs": list(inputs.values()),
    }
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return folder


def check(name: str, table: str, *, passed: bool = True, **values: Any) -> dict[str, Any]:
    """A check's outcome as the manifest holds it."""
    outcome = {"name": name, "table": table, "stage": "landing", "passed": passed, "severity": "error"}
    return outcome | {"blocking": False, "rows_checked": 1000, "rows_failed": 0, "message": ""} | values


def receipt(rows: Rows, source: str, table: str, received: int, quarantined: int, **values: Any) -> None:
    """A current receipt that covers the whole history."""
    path = values.pop("path", f"sources/{source}/{table}.parquet")
    rows.add(
        "fct_extractions",
        **{
            "receipt_id": f"{source}/{table}/{len(rows.tables['fct_extractions'])}",
            "source": source,
            "table_name": table,
            "batch_id": f"{table}.parquet",
            "version": 1,
            "is_current": True,
            "extracted_at": datetime.fromisoformat("2026-07-01T05:00"),
            "window_start_at": datetime.fromisoformat("2026-03-03T00:00"),
            "window_end_at": datetime.fromisoformat("2026-07-01T00:00"),
            "rows_received": received,
            "rows_landed": received - quarantined,
            "rows_quarantined": quarantined,
            "is_conserved": True,
            "input_path": path,
            "input_sha256": "0" * 64,
        }
        | values,
    )
