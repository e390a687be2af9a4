"""Runs dbt in this process, on a project parsed once: starting and parsing cost more than building does.

A dbt process of its own took 13 s an invocation for nothing but imports and parsing; here the second invocation of
a run starts at once.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest

WAREHOUSE_VARIABLE = "ULLAGE_WAREHOUSE"


class DbtError(RuntimeError):
    """dbt could not run at all: the project does not parse, or the command is wrong."""


@dataclass(frozen=True)
class NodeResult:
    """How one node of a build ended.

    `status` is dbt's word: `success`, `pass`, `warn`, `fail`, `error` or `skipped`; `node` its manifest entry.
    """

    node: dict[str, Any]
    status: str
    message: str
    failures: int
    seconds: float


def build(project: Path, warehouse: Path, target: Path, arguments: Sequence[str]) -> list[NodeResult]:
    """`dbt build` with `arguments` on the DuckDB file `warehouse`, in the order in which nodes ended.

    Artifacts go to the folder `target`. Raises DbtError when dbt does not get as far as building. The warehouse is
    closed when this returns.
    """
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager
    from dbt.cli.main import dbtRunner

    manifest = _parsed(project, (project / "target" / "manifest.json").stat().st_mtime_ns)
    with _warehouse_variable(str(warehouse)):
        try:
            result = dbtRunner(manifest=manifest).invoke(
                ["build", *arguments, "--target-path", str(target), *_options(project, target)]
            )
        finally:
            DuckDBConnectionManager.close_all_connections()
    if result.result is None:
        raise DbtError(f"dbt build did not run: {result.exception}") from result.exception
    nodes: Any = result.result
    return [
        NodeResult(
            node=outcome.node.to_dict(),
            status=str(outcome.status),
            message=str(outcome.message or ""),
            failures=int(outcome.failures or 0),
            seconds=float(outcome.execution_time),
        )
        for outcome in nodes
    ]


def _options(project: Path, logs: Path) -> list[str]:
    return [
        *("--project-dir", str(project), "--profiles-dir", str(project)),
        # dbt's debug log costs a sixth of a build.
        *("--log-path", str(logs), "--log-level-file", "info"),
    ]


@cache
def _parsed(project: Path, _parsed_at: int) -> Manifest:
    """The project as dbt parsed it last, read again when that changes (`parse_if_changed` sees to it)."""
    from dbt.cli.main import dbtRunner

    with _warehouse_variable(None):  # the database is named after the profile's default file
        result = dbtRunner().invoke(
            ["--quiet", "--no-write-json", "parse", *_options(project, project / "logs")]
        )
    if not result.success:
        raise DbtError(f"dbt could not read its project: {result.exception}") from result.exception
    return result.result  # type: ignore[return-value]


@contextmanager
def _warehouse_variable(value: str | None) -> Iterator[None]:
    """Set (or unset) the variable by which dbt's profile finds the warehouse."""
    before = os.environ.pop(WAREHOUSE_VARIABLE, None)
    if value is not None:
        os.environ[WAREHOUSE_VARIABLE] = value
    try:
        yield
    finally:
        os.environ.pop(WAREHOUSE_VARIABLE, None)
        if before is not None:
            os.environ[WAREHOUSE_VARIABLE] = before
