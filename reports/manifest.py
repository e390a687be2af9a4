"""Reads the manifest of a published version."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

from checks.results import CheckResult
from reports.records.version import Input, Manifest, TableInfo


class PublishedVersionError(Exception):
    """The folder is not a published version that this report can read."""


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a published version. Raises PublishedVersionError naming file, field and fix."""
    path = folder / "manifest.json"
    if not path.is_file():
        raise PublishedVersionError(f"{path} is missing: name the folder of a published version")
    try:
        raw: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise PublishedVersionError(
            f"{path} is not JSON (line {error.lineno}): publish this version again"
        ) from error
    try:
        return Manifest(
            estate=raw["estate"],
            version=raw["version"],
            as_of_date=date.fromisoformat(raw["as_of_date"]),
            code_version=raw["code_version"],
            config_hash=raw["config_hash"],
            tables={
                name: TableInfo(name, table["rows"], table["description"], tuple(table["depends_on_landing"]))
                for name, table in sorted(raw["tables"].items())
            },
            checks=tuple(CheckResult.from_dict(check) for check in raw["checks"]),
            inputs=tuple(
                Input(**row) for row in sorted(raw["inputs"], key=lambda row: (row["source"], row["table"]))
            ),
        )
    except KeyError as error:
        raise PublishedVersionError(f"{path} has no field {error}: publish this version again") from error
