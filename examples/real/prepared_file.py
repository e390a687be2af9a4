"""Writes a CSV with its sidecar beside it, the way a source would deliver them. The same rows give the same bytes."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from assets.landing.contracts import contract


def write_with_sidecar(
    path: Path, table: str, rows: Sequence[Mapping[str, str]], declaration: Mapping[str, Any]
) -> None:
    """Write `rows` (all with the same columns, at least one) as CSV and declare them for contract table `table`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    path.write_text(text.getvalue(), encoding="utf-8")
    sidecar = {
        "table": table,
        "format": "csv",
        "zone": "UTC",
        **declaration,
        "key": list(contract(table).key),
        "control_totals": {"rows": len(rows)},
    }
    beside = path.with_name(f"{path.name}.sidecar.yaml")
    beside.write_text(yaml.safe_dump(sidecar, sort_keys=False, allow_unicode=True), encoding="utf-8")
