"""Lands a real estate through its own configuration, as a run would, into a folder of the test's own."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from assets.connectors.base import Window
from assets.connectors.control import ControlSource
from assets.home import Home
from assets.landing.assets import landed_plan
from assets.landing.contracts import contract
from assets.landing.land import land
from assets.landing.receipts import Receipt, current_receipts
from assets.landing.store import Store
from assets.landing.summary import LandingSummary
from orchestration.connect import connect
from orchestration.settings import Settings, load_settings
from tests.conftest import ROOT

EXTRACTED_AT = datetime(2026, 11, 21, tzinfo=UTC)


@dataclass(frozen=True)
class LandedEstate:
    """What one estate landed: a summary a source table, and the rows themselves."""

    settings: Settings
    config: Path
    window: Window
    summaries: Mapping[tuple[str, str], LandingSummary]

    @property
    def home(self) -> Path:
        return self.settings.home

    def receipts(self, table: str) -> list[Receipt]:
        return [receipt for receipt in current_receipts(self.home) if receipt.table == table]

    def landed(self, table: str) -> pa.Table:
        files = [file.path for receipt in self.receipts(table) for file in receipt.landed]
        return pa.concat_tables([pq.read_table(self.home / path, partitioning=None) for path in files])

    def quarantined(self, table: str) -> list[dict[str, Any]]:
        files = [file.path for receipt in self.receipts(table) for file in receipt.quarantined]
        return [row for path in files for row in pq.read_table(self.home / path).to_pylist()]

    def counts(self, table: str) -> tuple[int, int, int]:
        """(received, landed, quarantined) over all batches of a table."""
        receipts = self.receipts(table)
        return (
            sum(receipt.rows_received for receipt in receipts),
            sum(receipt.rows_landed for receipt in receipts),
            sum(receipt.rows_quarantined for receipt in receipts),
        )

    def query(self, table: str, sql: str) -> list[tuple[Any, ...]]:
        """Rows of a query over `landed`, the landed rows of `table`."""
        with duckdb.connect() as connection:
            connection.register("landed", self.landed(table))
            return connection.execute(sql).fetchall()

    def land_again(self) -> Mapping[tuple[str, str], LandingSummary]:
        return _land(self.settings, self.config, self.window)


def copy_estate(name: str, folder: Path) -> Path:
    """A copy of an estate's configuration below `folder`, so that its relative paths lead there."""
    return Path(shutil.copytree(ROOT / "examples" / "real" / name, folder / "examples" / "real" / name))


def land_estate(name: str, folder: Path, first: date, last: date) -> LandedEstate:
    """Land every source of an estate whose prepared files are below `folder`/.ullage/real."""
    config = copy_estate(name, folder) / "ullage.yaml"
    settings, window = load_settings(config), Window(first, last)
    return LandedEstate(settings, config, window, _land(settings, config, window))


def _land(settings: Settings, config: Path, window: Window) -> dict[tuple[str, str], LandingSummary]:
    # Control records first: metrics are checked against the measurement plan.
    sources = sorted(settings.sources, key=lambda source: not isinstance(source, ControlSource))
    summaries = {}
    for source in sources:
        connector = connect(source, config)
        for table in connector.tables():
            store, plan = Store(settings.home), landed_plan(Home(settings.home))
            summaries[source.name, table] = land(
                connector.batches(table, window, store.is_landed(source.name, contract(table), plan)),
                contract(table),
                store,
                source=source.name,
                plan=plan,
                extracted_at=EXTRACTED_AT,
                code_version="test",
                config_hash=settings.config_hash,
                max_quarantined_ratio=settings.quality.max_quarantined_ratio,
            )
    return summaries
