"""Writes the data dictionary of the published tables from dbt's manifest: `python -m orchestration.dictionary`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from assets.publishing.lineage import computed_from
from assets.publishing.publish import published_tables
from orchestration.code_version import ROOT

MANIFEST = ROOT / "dbt_project" / "target" / "manifest.json"
DICTIONARY = ROOT / "docs" / "marts.md"
HEAD = """# Curated tables

Generated from the models by `make docs`; change the descriptions there. Every table is published as
`published/current/ullage.duckdb` (schema `marts`, opened read-only) and as
`published/current/parquet/<table>.parquet`. Open `published/current` anew to see the next version:
an open file keeps showing the one it was opened on. Columns ending in `_at` are UTC timestamps,
`_date` dates, `_ratio` numbers where 1 is all of it.
"""


def dictionary(manifest: Mapping[str, Any]) -> str:
    """Markdown: one section a published table, with its key, owner, sources and columns."""
    nodes = {n["name"]: n for n in manifest["nodes"].values() if n["resource_type"] == "model"}
    sections = [HEAD]
    for table in published_tables(manifest, computed_from()):
        node = nodes[table.name]
        owner = node["config"]["meta"].get("owner", "")
        types = {name: column.get("data_type") or "" for name, column in node["columns"].items()}
        rows = "\n".join(
            f"| `{name}` | {types[name]} | {description.replace('|', chr(92) + '|')} |"
            for name, description in table.columns.items()
        )
        sections.append(
            f"## {table.name}\n\n{table.description}\n\n"
            f"Ordered by {', '.join(f'`{c}`' for c in table.order_by)}. Owner: {owner}. "
            f"Made from landed {', '.join(f'`{t}`' for t in table.depends_on_landing)}.\n\n"
            f"| column | type | meaning |\n|---|---|---|\n{rows}\n"
        )
    return "\n".join(sections)


def main(manifest: Path = MANIFEST, target: Path = DICTIONARY) -> None:
    """Write the dictionary."""
    target.write_text(dictionary(json.loads(manifest.read_text(encoding="utf-8"))), encoding="utf-8")


if __name__ == "__main__":
    main()
