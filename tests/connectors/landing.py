"""Lands what a connector gives, and searches what was written."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from assets.connectors.base import Connector, Window
from assets.landing.contracts import contract
from assets.landing.land import land
from assets.landing.plan import MeasurementPlan
from assets.landing.store import Store
from assets.landing.summary import LandingSummary


def land_all(
    connector: Connector,
    home: Path,
    window: Window,
    hour: int = 6,
    day: date = date(2026, 11, 1),
    tables: Iterable[str] | None = None,
) -> list[LandingSummary]:
    """Land every table of the connector, or some; a fresh store each time, as each run has."""
    summaries = []
    for table in connector.tables() if tables is None else tables:
        store, plan = Store(home), MeasurementPlan()
        summaries.append(
            land(
                connector.batches(table, window, store.is_landed(connector.name, contract(table), plan)),
                contract(table),
                store,
                source=connector.name,
                plan=plan,
                extracted_at=datetime(day.year, day.month, day.day, hour, tzinfo=UTC),
                code_version="test",
                config_hash="test",
                max_quarantined_ratio=1.0,
            )
        )
    return summaries


def landed_rows(home: Path, source: str, table: str) -> list[dict[str, Any]]:
    """Rows of the current receipts."""
    receipts = Store(home).current(source, table).values()
    files = [file.path for receipt in receipts for file in receipt.landed]
    return [
        row for path in sorted(files) for row in pq.read_table(home / path, partitioning=None).to_pylist()
    ]


def quarantined_rows(home: Path, source: str, table: str) -> list[dict[str, Any]]:
    """Quarantined rows of the current receipts."""
    receipts = Store(home).current(source, table).values()
    files = [file.path for receipt in receipts for file in receipt.quarantined]
    return [row for path in sorted(files) for row in pq.read_table(home / path).to_pylist()]


def files_that_show(home: Path, secrets: Iterable[str]) -> list[Path]:
    """Files below `home` whose bytes hold one of the secrets."""
    wanted = [secret.encode() for secret in secrets]
    return [
        path
        for path in home.rglob("*")
        if path.is_file() and any(secret in path.read_bytes() for secret in wanted)
    ]


def landed_bytes(home: Path) -> dict[str, bytes]:
    """Every landed file and receipt with its bytes, except what a crash left unnamed."""
    return {
        path.relative_to(home).as_posix(): path.read_bytes()
        for path in sorted((home / "landing").rglob("*"))
        if path.is_file() and not path.name.startswith(".writing-")
    }
