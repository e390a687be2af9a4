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

COLUMNS: dict[str, str] = {
    "dim_service": "service_id string, service_name string, description string, owner string, team_id string, "
    "criticality int, calendar_id string, valid_from date, valid_to date",
    "dim_ci": "ci_id string, ci_name string, ci_kind string, team_id string, site string, valid_from date, "
    "valid_to date",
    "dim_team": "team_id string, team_name string, calendar_id string, headcount double",
    "bridge_service_ci": "service_id string, ci_id string, redundancy_group string, tolerance int, share_ratio double, "
    "valid_from date, valid_to date",
    "fct_resource_utilisation_daily": "ci_id string, resource string, observed_date date, unit string, "
    "statistic string, sample_count bigint, coverage_ratio double, demand_avg double, demand_max double, "
    "demand_p95 double, busy_hour_at timestamp, demand_value double, limit_value double, threshold_ratio double, "
    "usable_value double, utilisation_ratio double",
    "fct_pool_demand_daily": "pool_id string, service_id string, redundancy_group string, resource string, "
    "observed_date date, unit string, pooling string, statistic string, member_count int, tolerance int, "
    "busy_hour_at timestamp, demand_value double, usable_value double, coverage_ratio double",
    "fct_service_performance_daily": "service_id string, observed_date date, request_count double, "
    "throughput_per_second double, throughput_peak_per_second double, error_ratio double, "
    "latency_p50_seconds double, latency_p95_seconds double, latency_p99_seconds double, latency_basis string, "
    "latency_target_seconds double, latency_good_ratio double, check_count bigint, availability_ratio double, "
    "downtime_minutes double, coverage_ratio double",
    "fct_resource_capacity": "ci_id string, resource string, as_of_date date, unit string, statistic string, "
    "limit_value double, threshold_ratio double, usable_value double, demand_value double, headroom_ratio double, "
    "demand_window_start_date date, day_count int, coverage_ratio double, is_low_coverage boolean",
    "fct_pool_capacity": "pool_id string, service_id string, redundancy_group string, resource string, "
    "as_of_date date, unit string, pooling string, statistic string, member_count int, tolerance int, "
    "usable_value double, demand_value double, headroom_ratio double, deciding_ci_id string, coverage_ratio double",
    "fct_service_capacity": "service_id string, as_of_date date, headroom_ratio double, bottleneck_pool_id string, "
    "bottleneck_resource string, bottleneck_ci_id string, next_headroom_ratio double, next_pool_id string, "
    "next_resource string, pool_count int, coverage_ratio double, is_low_coverage boolean",
    "fct_incidents": "incident_id string, service_id string, ci_id string, team_id string, priority int, "
    "category string, title string, state string, opened_at timestamp, opened_date date, resolved_at timestamp, "
    "closed_at timestamp, elapsed_resolution_minutes double, event_count int, reassignment_count int, "
    "reopen_count int, source_made_sla boolean, is_derived boolean",
    "fct_incident_sla": "incident_id string, clock string, service_id string, priority int, target_id string, "
    "calendar_id string, started_at timestamp, stopped_at timestamp, target_minutes double, "
    "business_minutes double, state string, is_met boolean",
    "fct_changes": "change_id string, change_kind string, state string, outcome string, title string, "
    "service_id string, ci_id string, planned_start_at timestamp, planned_end_at timestamp, started_at timestamp, "
    "ended_at timestamp, duration_minutes double, is_overrun boolean",
    "fct_service_levels": "service_id string, target_id string, measure string, priority int, "
    "period_start_date date, comparator string, target_value double, objective_ratio double, actual_value double, "
    "good_count double, total_count double, is_met boolean, approved_by string, approved_at timestamp",
    "fct_extractions": "receipt_id string, source string, table_name string, batch_id string, version int, "
    "is_current boolean, extracted_at timestamp, window_start_at timestamp, window_end_at timestamp, "
    "rows_received bigint, rows_landed bigint, rows_quarantined bigint, is_conserved boolean, input_path string, "
    "input_sha256 string",
    "fct_forecasts": "series_id string, level string, service_id string, ci_id string, pool_id string, "
    "resource string, unit string, as_of_date date, target_date date, horizon_days int, quantile double, "
    "value double, model string, notes string",
    "fct_saturation": "series_id string, level string, service_id string, ci_id string, pool_id string, "
    "resource string, as_of_date date, usable_value double, p10_date date, p50_date date, p90_date date, "
    "days_to_saturation int, is_censored boolean, probability_within_horizon double, "
    "probability_within_lead_time double, lead_time_days int, decision_date date, horizon_days int, notes string",
    "fct_forecast_scores": "series_id string, as_of_date date, model string, wql double, mase double, "
    "coverage_80_ratio double, naive_wql double, naive_mase double, window_count int, "
    "is_better_than_naive boolean, notes string",
}

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
    "fct_service_levels": [
        "calendars",
        "holidays",
        "incidents",
        "metric_histograms",
        "metric_samples",
        "targets",
    ],
    "fct_extractions": ["receipts"],
    "fct_forecasts": [*_CAPACITY, "forecast_quantiles"],
    "fct_saturation": [*_CAPACITY, "forecast_saturation"],
    "fct_forecast_scores": ["forecast_scores"],
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
                    [(name, ARROW[kind]) for name, kind in map(str.split, columns.split(", "))]
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
                "depends_on_landing": LANDING[name],
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
