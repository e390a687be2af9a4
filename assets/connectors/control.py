"""Control records: a folder of CSV files, one a table, kept by people (services, targets, calendars …)."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from assets.connectors.base import (
    Batch,
    IsLanded,
    RejectedInput,
    SourceName,
    UnusableInput,
    Window,
    expand,
    fingerprint,
    shown_path,
)
from assets.connectors.file_reading import read_csv
from assets.landing.contracts import contracts
from assets.landing.declaration import Declaration
from assets.landing.store import file_sha256

#: Tables that people keep by hand unless the configuration names others.
CONTROL_TABLES = (
    "services",
    "configuration_items",
    "service_cis",
    "teams",
    "calendars",
    "holidays",
    "targets",
    "measurement_plan",
    "resource_limits",
    "kpis",
)


class ControlSource(BaseModel):
    """Configuration: the folder. Its files are UTF-8 `<table>.csv`, headed by the contract's field names."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: Literal["control"] = "control"
    name: SourceName = "control"
    path: str = Field(min_length=1)


class ControlConnector:
    """Reads the control folder. Each file is a batch; a table without a file has no records."""

    def __init__(self, config: ControlSource, base_dir: Path) -> None:
        self._config = config
        self._base_dir = base_dir

    @property
    def name(self) -> str:
        """Name of the source in the configuration."""
        return self._config.name

    def tables(self) -> list[str]:
        """The tables of control records, whether or not the folder has a file for each."""
        return list(CONTROL_TABLES)

    def batches(self, table: str, window: Window, is_landed: IsLanded) -> Iterator[Batch | RejectedInput]:  # noqa: ARG002
        """The file of `table` when it is new or changed. Files that are no control table are refused once."""
        folder = expand(self._config.path, self._base_dir)
        if table == CONTROL_TABLES[0]:
            yield from self._strangers(folder)
        path = folder / f"{table}.csv"
        if not path.exists():
            return
        shown = shown_path(path, folder, self._base_dir)
        # Empty cells are missing values, and times without an offset are UTC: the contract declares the rest.
        declaration = Declaration(table=table, zone="UTC")
        try:
            digest = file_sha256(path)
            if is_landed(shown, fingerprint(digest, declaration)):
                return
            raw = read_csv(path, shown, ",", "utf-8")
        except UnusableInput as error:
            yield self._reject(table, shown, path, error.reason, error.fix)
            return
        yield Batch(
            source=self.name,
            table=table,
            batch_id=shown,
            frame=raw.frame,
            declaration=declaration,
            input_path=shown,
            input_sha256=digest,
            input_bytes=path.stat().st_size,
            source_rows=raw.source_rows,
            broken=raw.broken,
            local_path=path,
        )

    def _strangers(self, folder: Path) -> Iterator[RejectedInput]:
        if not folder.is_dir():
            shown = shown_path(folder, folder, self._base_dir)
            fix = "create it, or correct the path of the control records"
            yield self._reject(CONTROL_TABLES[0], shown, None, f"{shown}: no such folder", fix)
        for path in sorted(folder.glob("*.csv")):
            if path.stem in CONTROL_TABLES:
                continue
            near = get_close_matches(path.stem, CONTROL_TABLES, n=1)
            fix = (
                f"rename it to {near[0]}.csv" if near else f"name it after one of {', '.join(CONTROL_TABLES)}"
            )
            if path.stem in contracts():
                fix = "deliver it by a source of type files, with a sidecar"
            shown = shown_path(path, folder, self._base_dir)
            yield self._reject(
                CONTROL_TABLES[0], shown, path, f"{shown}: not a table of control records", fix
            )

    def _reject(self, table: str, shown: str, path: Path | None, reason: str, fix: str) -> RejectedInput:
        return RejectedInput(
            source=self.name,
            table=table,
            batch_id=shown,
            input_path=shown,
            reason=reason,
            fix=fix,
            local_path=path,
        )
