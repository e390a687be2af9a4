"""Keeps the outcomes of data-quality checks on disk, one file a stage, so that publishing can audit them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from checks.results import CheckResult


def write_results(folder: Path, stage: str, results: Iterable[CheckResult]) -> None:
    """Replace the outcomes of one stage in `folder` (sorted, so that equal outcomes give equal bytes)."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = sorted((result.to_dict() for result in results), key=lambda row: (row["table"], row["name"]))
    temporary = folder / f".{stage}.json"
    temporary.write_text(json.dumps(rows, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    temporary.replace(folder / f"{stage}.json")


def read_results(folder: Path) -> list[CheckResult]:
    """All outcomes recorded in `folder`, in the order of stage, table and name."""
    return [
        CheckResult.from_dict(row)
        for file in sorted(folder.glob("*.json"))
        for row in json.loads(file.read_text(encoding="utf-8"))
    ]
