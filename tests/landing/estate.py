"""A small estate on disk for tests of landing: drop files with sidecars, land them, see what came of it."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from assets.connectors.base import Window
from assets.connectors.files import FilesConnector, FilesSource
from assets.landing.contracts import contract
from assets.landing.land import land
from assets.landing.plan import MeasurementPlan
from assets.landing.receipts import Receipt, all_receipts, current_receipts
from assets.landing.store import Store
from assets.landing.summary import LandingSummary

EXTRACTED_AT = datetime(2026, 7, 1, 5, 0, tzinfo=UTC)
WINDOW = Window(date(2026, 6, 30), date(2026, 6, 30))
HEADER = "ci_id,metric,observed_at,value\n"
ROW = "host-1,system.cpu.utilization,2026-06-30T{hour:02d}:00:00Z,0.5\n"
PLAN = MeasurementPlan.from_rows(
    [
        {
            "metric": "system.cpu.utilization",
            "unit": "1",
            "valid_from": date(2020, 1, 1),
            "minimum_value": 0.0,
            "maximum_value": 1.0,
        }
    ]
)


class Estate:
    """One `files` source `monitoring` that feeds one table from `drop/*`."""

    def __init__(self, folder: Path, table: str = "metric_samples") -> None:
        self.folder = folder
        self.table = table
        self.home = folder / "home"
        self.drop = folder / "drop"
        self.drop.mkdir(parents=True, exist_ok=True)

    def sidecar(self, name: str, rows: int, **changes: Any) -> None:
        """Write a sidecar for a file of metric samples; a change to None removes the key."""
        declaration: dict[str, Any] = {
            "table": self.table,
            "format": "csv",
            "zone": "UTC",
            "kind": "gauge",
            "unit": "1",
            "interval_seconds": 3600,
            "key": list(contract(self.table).key),
            "control_totals": {"rows": rows},
        }
        declaration = {key: value for key, value in {**declaration, **changes}.items() if value is not None}
        text = yaml.safe_dump(declaration, allow_unicode=True)
        (self.drop / f"{name}.sidecar.yaml").write_text(text, encoding="utf-8")

    def csv(self, name: str, body: str | bytes, rows: int, **changes: Any) -> Path:
        """Drop a CSV file with its sidecar. `body` has its own header."""
        path = self.drop / name
        path.write_bytes(body if isinstance(body, bytes) else body.encode())
        self.sidecar(name, rows, **changes)
        return path

    def good(self, name: str = "good.csv", hours: int = 3) -> Path:
        """Drop a file without any fault."""
        return self.csv(name, HEADER + "".join(ROW.format(hour=hour) for hour in range(hours)), hours)

    def parquet(self, name: str, table: pa.Table, **changes: Any) -> Path:
        """Drop a Parquet file with its sidecar."""
        path = self.drop / name
        pq.write_table(table, path)
        self.sidecar(name, table.num_rows, format="parquet", **changes)
        return path

    def land(
        self,
        *,
        plan: MeasurementPlan | None = PLAN,
        extracted_at: datetime = EXTRACTED_AT,
        max_quarantined_ratio: float = 0.05,
        pattern: str = "drop/*",
    ) -> LandingSummary:
        """One run of the source, with a store that reads everything from disk."""
        source = FilesSource(name="monitoring", tables={self.table: (pattern,)})
        connector = FilesConnector(source, self.folder)
        store = Store(self.home)
        is_landed = store.is_landed("monitoring", contract(self.table), plan)
        return land(
            connector.batches(self.table, WINDOW, is_landed),
            contract(self.table),
            store,
            source="monitoring",
            plan=plan,
            extracted_at=extracted_at,
            code_version="test",
            config_hash="test",
            max_quarantined_ratio=max_quarantined_ratio,
        )

    def receipts(self) -> list[Receipt]:
        """Current receipts."""
        return current_receipts(self.home)

    def versions(self) -> list[Receipt]:
        """All receipts."""
        return all_receipts(self.home)

    def landed(self) -> list[dict[str, Any]]:
        """Rows of all current landed files."""
        return [
            row
            for receipt in self.receipts()
            for file in receipt.landed
            for row in pq.read_table(self.home / file.path).to_pylist()
        ]

    def quarantined(self) -> list[dict[str, Any]]:
        """Rows of all current quarantine files."""
        return [
            row
            for receipt in self.receipts()
            for file in receipt.quarantined
            for row in pq.read_table(self.home / file.path).to_pylist()
        ]

    def rejected(self) -> list[dict[str, Any]]:
        """Reasons of whole files in quarantine."""
        folder = self.home / "quarantine" / "monitoring" / self.table / "files"
        return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.reason.json"))]


def naive(*parts: int) -> datetime:
    """A moment in UTC as landed tables hold it: without a zone."""
    return datetime(*parts, tzinfo=UTC).replace(tzinfo=None)  # type: ignore[arg-type, misc]


def check(summary: LandingSummary, name: str) -> Any:
    """The check of that name."""
    return next(item for item in summary.checks if item.name == name)
