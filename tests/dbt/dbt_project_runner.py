"""Runs the dbt project in this process, against a DuckDB file or the Spark session of the process."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from tests.dbt.landing_fixture import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dbt.contracts.graph.manifest import Manifest

PROJECT = REPOSITORY / "dbt_project"
# dbt-duckdb names the database after the file, and a parsed project keeps that name: every warehouse has this one.
WAREHOUSE = "warehouse.duckdb"
# Seeds and models without their tests.
BUILD_ONLY = ("build", "--exclude-resource-type", "test", "--exclude-resource-type", "unit_test")


@dataclass(frozen=True)
class DbtOutcome:
    """By node that ran: its status (`success`, `pass`, `warn`, `fail`, `error`, `skipped`) and its message."""

    statuses: Mapping[str, str]
    messages: Mapping[str, str]

    def failed(self) -> dict[str, str]:
        """Nodes that neither passed nor warned, with their messages."""
        bad = {"error", "fail", "skipped", "runtime error"}
        return {name: self.messages[name] for name, status in self.statuses.items() if status in bad}


class DbtProjectRunner:
    """The dbt project at `project`, parsed once, with its artifacts under `folder`."""

    def __init__(self, folder: Path, *, target: str = "duckdb", project: Path = PROJECT) -> None:
        self._folder = folder
        self._target = target
        self._project = project
        self._manifest: Manifest | None = None

    def manifest(self) -> Manifest:
        """The parsed project."""
        if self._manifest is None:
            result = self._invoke(["parse", "--no-partial-parse"], warehouse=self._folder / WAREHOUSE)
            self._manifest = result.result
        assert self._manifest is not None
        return self._manifest

    def run(self, command: Sequence[str], warehouse: Path | None = None) -> DbtOutcome:
        """Run a dbt command with its selection; DuckDB needs a `warehouse`, a file named WAREHOUSE."""
        result = self._invoke(command, warehouse, self.manifest())
        if result.result is None:
            raise RuntimeError(f"dbt {' '.join(command)} did not run: {result.exception}")
        statuses, messages = {}, {}
        for outcome in result.result.results:
            statuses[outcome.node.name] = str(outcome.status)
            messages[outcome.node.name] = str(outcome.message)
        return DbtOutcome(statuses, messages)

    def compiled(self, kind: str) -> list[Path]:
        """The compiled SQL of the last run's nodes of one kind (`models`, `tests`)."""
        return sorted((self._folder / "target" / "compiled" / "ullage" / kind).rglob("*.sql"))

    def _invoke(self, command: Sequence[str], warehouse: Path | None, manifest: Any = None) -> Any:
        from dbt.cli.main import dbtRunner

        options = ["--project-dir", str(self._project), "--profiles-dir", str(self._project)]
        options += ["--target", self._target, "--target-path", str(self._folder / "target")]
        options += ["--log-path", str(self._folder / "logs"), "--quiet"]
        with _environment({"ULLAGE_WAREHOUSE": str(warehouse or "")}):
            try:
                result = dbtRunner(manifest=manifest).invoke([*command, *options])
            finally:
                if self._target == "duckdb":
                    from dbt.adapters.duckdb.connections import DuckDBConnectionManager

                    # The profile keeps the file open between nodes; tests read it afterwards.
                    DuckDBConnectionManager.close_all_connections()
        if manifest is None and not result.success:
            raise RuntimeError(f"dbt {' '.join(command)} failed: {result.exception}")
        return result


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def damaged(warehouse: Path, folder: Path, *statements: str) -> Path:
    """A copy of a built warehouse in `folder`, after `statements`: what a check must notice."""
    copy = folder / WAREHOUSE
    shutil.copy(warehouse, copy)
    with duckdb.connect(str(copy)) as connection:
        for statement in statements:
            connection.execute(statement)
    return copy


def compiled_queries(folder: Path, models: Sequence[str]) -> dict[str, str]:
    """Models as dbt compiles them, on tables without schema."""
    runner = DbtProjectRunner(folder)
    runner.run(["compile", "--select", *models], folder / WAREHOUSE)
    by_name = {path.stem: path.read_text("utf-8") for path in runner.compiled("models")}
    return {name: re.sub(r'"\w+"\."\w+"\."(\w+)"', r'"\1"', by_name[name]) for name in models}
