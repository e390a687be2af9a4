"""Samples and control records that the rollup benchmark lands: 2,000 CIs × 5 metrics, a sample a minute."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from assets.home import Home
from assets.landing.contracts import contracts
from assets.landing.receipts import LandedFile, Receipt
from assets.landing.writing import ROWS_A_PIECE
from benchmarks.measuring import FOLDER

FIRST = date(2026, 6, 21)
MINUTES = 1_440
# metric, resource, unit, statistic, scale, whole numbers
METRICS = (
    ("system.cpu.utilization", "cpu", "1", "busy_hour", 1.0, False),
    ("system.memory.usage", "memory", "By", "maximum", 64e9, True),
    ("system.filesystem.usage", "filesystem", "By", "maximum", 2e12, True),
    ("db.client.connections", "connections", "{connection}", "maximum", 500.0, True),
    ("system.network.io", "network", "By/s", "busy_hour", 1e9, False),
)


def written(cis: int, count: int) -> tuple[Path, Path]:
    """Folders of `count` days of samples of `cis` CIs, and of their control records."""
    samples, control = FOLDER / f"samples-{cis}", FOLDER / f"control-{cis}"
    for day in days_of(count):
        write_day(samples, day, cis)
    write_control(control, cis)
    return samples, control


def write_day(folder: Path, day: date, cis: int) -> None:
    """Samples of one day as landing writes them from Prometheus: one file a metric (a query), series by series."""
    schema = contracts()["metric_samples"].arrow_schema
    times = np.datetime64(day, "us") + np.arange(MINUTES) * np.timedelta64(60, "s")
    minute = np.arange(MINUTES)
    for number, (metric, _, unit, _, scale, whole) in enumerate(METRICS):
        path = folder / f"date={day}" / f"{metric}.parquet"
        if path.exists():
            continue
        own = np.random.default_rng([number, cis])
        base, swing = own.uniform(0.1, 0.5, (cis, 1)), own.uniform(0.02, 0.15, (cis, 1))
        phase = own.uniform(0, 2 * np.pi, (cis, 1))
        noise = np.random.default_rng([number, cis, day.toordinal()]).normal(0, 0.02, (cis, MINUTES))
        values = np.abs(base + swing * (1 + np.sin(2 * np.pi * minute / MINUTES + phase)) + noise) * scale
        columns = {
            "ci_id": _repeated([f"host-{ci:05d}" for ci in range(cis)], MINUTES),
            "metric": _repeated([metric], cis * MINUTES),
            "observed_at": pa.array(np.tile(times, cis)),
            "value": pa.array((np.round(values) if whole else values).ravel()),
            "unit": _repeated([unit], cis * MINUTES),
            "kind": _repeated(["gauge"], cis * MINUTES),
            "interval_seconds": pa.array(np.full(cis * MINUTES, 60.0)),
            "source_file": _repeated([f"prometheus/{metric}"], cis * MINUTES),
            "source_row": pa.array(np.arange(1, cis * MINUTES + 1)),
            "extra": pa.nulls(cis * MINUTES, pa.string()),
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        table = pa.table([pc.cast(columns[field.name], field.type) for field in schema], schema=schema)
        pq.write_table(table, path.with_suffix(".tmp"), compression="zstd", row_group_size=ROWS_A_PIECE)
        path.with_suffix(".tmp").rename(path)


def _repeated(texts: Sequence[str], times: int) -> pa.Array:
    return pa.array(texts).take(pa.array(np.repeat(np.arange(len(texts), dtype=np.int32), times)))


def write_control(folder: Path, cis: int) -> None:
    """Measurement plan and limits; a limit that some days reach."""
    always = date(2020, 1, 1)
    plan = [
        {"metric": metric, "level": "resource", "resource": resource, "unit": unit, "statistic": statistic}
        | {"pooling": "own", "valid_from": always}
        for metric, resource, unit, statistic, _, _ in METRICS
    ]
    limits = [
        {"ci_id": f"host-{ci:05d}", "resource": resource, "limit_value": scale, "unit": unit}
        | {"valid_from": always}
        for ci in range(cis)
        for _, resource, unit, _, scale, _ in METRICS
    ]
    for table, rows in (("measurement_plan", plan), ("resource_limits", limits)):
        schema = contracts()[table].arrow_schema
        path = folder / table / "all.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.Table.from_pylist(rows, schema=schema), path, compression="zstd")


def days_of(count: int, first: date = FIRST) -> list[date]:
    """`count` days from `first` on."""
    return [first + timedelta(days=number) for number in range(count)]


def landed_files(folder: Path, days: Sequence[date]) -> list[Path]:
    """The sample files of `days`."""
    return [folder / f"date={day}" / f"{metric[0]}.parquet" for day in days for metric in METRICS]


def load(home: Home, samples: Path, control: Path, days: Sequence[date], as_of: date) -> None:
    """The `landing` schema of a run that rebuilds `days`."""
    from assets.warehouse.landing_schema import RunWindow, load_landing, open_warehouse
    from assets.warehouse.records import Builds

    def receipt(table: str, path: Path, day: date | None) -> Receipt:
        name = f"{table}/{day}/{path.stem}"
        rows = pq.read_metadata(path).num_rows
        file = LandedFile(path=os.path.relpath(path, home.root), date=day, rows=rows, bytes=0, sha256="")
        facts = {"receipt_id": name, "batch_id": name, "source": "bench", "table": table, "version": 1}
        counts = dict.fromkeys(("rows_received", "rows_landed", "rows_quarantined"), 0)
        at = datetime(2026, 7, 1, tzinfo=UTC)
        more = {"window": None, "extracted_at": at, "landed": (file,)}
        return Receipt.model_construct(
            **facts, **counts, **more, input=type("Input", (), {"path": name, "sha256": ""})()
        )

    receipts = [receipt("metric_samples", path, day) for day in days for path in landed_files(samples, [day])]
    receipts += [receipt(path.parent.name, path, None) for path in sorted(control.rglob("*.parquet"))]
    window = RunWindow(
        as_of=as_of,
        demand_window_days=28,
        horizon_days=90,
        history_start=as_of - timedelta(days=730),
        default_threshold_ratio=0.8,
        default_lead_time_days=30,
        warning_ratio=0.9,
        forecast_seed=1,
    )
    with open_warehouse(home.warehouse) as connection:
        load_landing(connection, home, receipts, [], window, days, Builds(None, "rollup"))
