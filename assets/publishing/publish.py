"""Write-audit-publish: copies audited marts to a versioned, read-only folder and switches `current` to it atomically.

A version holds `ullage.duckdb` (schema `marts`), `parquet/<table>.parquet` and `manifest.json`. Readers open
`published/current`; one that has the old version open keeps it, because a version is never changed and its files stay
readable after they are unlinked.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import duckdb

from assets.durable import sync
from assets.warehouse.views import text_literal
from checks.results import CheckResult


class AuditError(Exception):
    """A blocking check failed: nothing was published and the last good version stays served."""


@dataclass(frozen=True)
class PublishedTable:
    """One mart to publish: its order, the column that dates its rows, and where it comes from."""

    name: str
    order_by: tuple[str, ...]
    as_of_column: str | None
    description: str
    columns: Mapping[str, str]
    depends_on_landing: tuple[str, ...]


def published_tables(
    manifest: Mapping[str, Any], computed_from: Mapping[str, Sequence[str]]
) -> list[PublishedTable]:
    """The marts of a dbt manifest that carry `meta.published`, with the landing tables that they come from.

    `computed_from` names the models that each computed table is computed from, so that lineage goes on behind it.

    Raises KeyError when a mart lacks its order.
    """
    nodes: Mapping[str, Any] = manifest["nodes"]
    tables = []
    for node in nodes.values():
        meta = node.get("config", {}).get("meta", {})
        if node["resource_type"] != "model" or "published" not in meta:
            continue
        published = meta["published"]
        tables.append(
            PublishedTable(
                name=node["name"],
                order_by=tuple(published["order_by"]),
                as_of_column=published.get("as_of_column"),
                description=" ".join(node["description"].split()),
                columns={name: " ".join(c["description"].split()) for name, c in node["columns"].items()},
                depends_on_landing=tuple(sorted(_sources_of(node["unique_id"], manifest, computed_from))),
            )
        )
    return sorted(tables, key=lambda table: table.name)


def audit(results: Sequence[CheckResult]) -> None:
    """Raise AuditError, naming each, when any blocking check failed."""
    stopping = [r for r in results if r.stops_publishing]
    if stopping:
        reasons = "; ".join(f"{r.table}: {r.name}: {r.message or 'failed'}" for r in stopping)
        raise AuditError(
            f"{len(stopping)} blocking check(s) failed, the last good version stays served: {reasons}"
        )


def publish(
    warehouse: Path,
    folder: Path,
    version: str,
    as_of: date,
    tables: Sequence[PublishedTable],
    facts: Mapping[str, Any],
) -> Path:
    """Write one version under `folder` and make it current. Returns the version's folder.

    `facts` (estate, code version, configuration hash, checks, inputs) go into the manifest. Rows dated after `as_of`
    are left out. Publishing a version that exists only makes it current.
    """
    target = folder / version
    if not target.exists():
        building = folder / f".{version}.building"
        shutil.rmtree(building, ignore_errors=True)
        (building / "parquet").mkdir(parents=True)
        contents = _export(warehouse, building, as_of, tables)
        manifest = {**facts, "version": version, "as_of_date": as_of.isoformat(), "tables": contents}
        text = json.dumps(manifest, indent=1, sort_keys=True) + "\n"
        (building / "manifest.json").write_text(text, encoding="utf-8")
        for file in sorted(building.rglob("*")):
            if file.is_file():
                sync(file)
                file.chmod(0o444)
        sync(building)
        building.rename(target)
    switch(folder / "current", version)
    return target


def switch(link: Path, version: str) -> None:
    """Point `link` at the sibling folder `version` in one atomic step."""
    waiting = link.with_name(f".{link.name}.{version}")
    waiting.unlink(missing_ok=True)
    waiting.symlink_to(version)
    waiting.replace(link)
    sync(link.parent)


def prune(folder: Path, keep: int) -> list[str]:
    """Remove all but the `keep` newest versions (by time of publishing); the served one always stays.

    Returns the removed names.
    """
    current = (folder / "current").resolve().name
    versions = [
        p for p in folder.iterdir() if p.is_dir() and not p.is_symlink() and not p.name.startswith(".")
    ]
    newest_first = sorted(versions, key=lambda p: (p.stat().st_mtime_ns, p.name), reverse=True)
    removed = [p for p in newest_first[keep:] if p.name != current]
    for path in removed:
        shutil.rmtree(path)
    return [path.name for path in removed]


def _export(warehouse: Path, building: Path, as_of: date, tables: Sequence[PublishedTable]) -> dict[str, Any]:
    contents: dict[str, Any] = {}
    with duckdb.connect(str(building / "ullage.duckdb")) as connection:
        connection.execute(f"attach {text_literal(warehouse)} as warehouse (read_only)")
        connection.execute("create schema marts")
        for table in tables:
            order = ", ".join(table.order_by)
            until = f"where {table.as_of_column} <= {text_literal(as_of)}::date" if table.as_of_column else ""
            query = f"select * from warehouse.marts.{table.name} {until} order by {order}"
            connection.execute(f"create table marts.{table.name} as {query}")
            connection.execute(f"comment on table marts.{table.name} is {text_literal(table.description)}")
            for column, description in table.columns.items():
                connection.execute(
                    f"comment on column marts.{table.name}.{column} is {text_literal(description)}"
                )
            parquet = building / "parquet" / f"{table.name}.parquet"
            connection.execute(
                f"copy (select * from marts.{table.name} order by {order}) to {text_literal(parquet)} (format parquet)"
            )
            counted = connection.execute(f"select count(*) from marts.{table.name}").fetchone()
            contents[table.name] = {
                "rows": counted[0] if counted else 0,
                "parquet": f"parquet/{table.name}.parquet",
                "sha256": hashlib.sha256(parquet.read_bytes()).hexdigest(),
                "description": table.description,
                "depends_on_landing": list(table.depends_on_landing),
            }
        connection.execute("detach warehouse")
        connection.execute("checkpoint")
    return contents


def _sources_of(
    unique_id: str, manifest: Mapping[str, Any], computed_from: Mapping[str, Sequence[str]]
) -> set[str]:
    """Names of the landing tables from which a model is built, however far upstream, computed ones included."""
    ids = {node["name"]: key for key, node in manifest["nodes"].items() if node["resource_type"] == "model"}
    ids |= {source["name"]: key for key, source in manifest["sources"].items()}
    found: set[str] = set()
    waiting, seen = [unique_id], {unique_id}
    while waiting:
        node = waiting.pop()
        parents = list(manifest["parent_map"].get(node, []))
        if node in manifest["sources"]:
            name = manifest["sources"][node]["name"]
            found.add(name)
            parents += [ids[read] for read in computed_from.get(name, ()) if read in ids]
        waiting += [parent for parent in dict.fromkeys(parents) if parent not in seen]
        seen.update(parents)
    return found
