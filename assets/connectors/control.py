"""Control records, kept by people (services, targets, calendars …): a folder of CSV files, one a table.

A few records, such as calendars and holidays, may stand in the configuration file itself (`records`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
from pydantic import ConfigDict, Field, field_validator

from assets.connectors.base import (
    Batch,
    IsLanded,
    RejectedInput,
    SourceName,
    UnusableInput,
    Window,
    expand,
    fingerprint,
    frame_digest,
    shown_path,
)
from assets.connectors.file_reading import read_csv
from assets.connectors.file_recording import FileRecorder, PlayedFiles
from assets.connectors.freshness import Freshness
from assets.connectors.tape import Tape
from assets.connectors.traffic import Traffic
from assets.landing.contracts import contract, contracts
from assets.landing.declaration import Declaration
from assets.landing.receipts import current_receipts
from assets.landing.store import file_sha256

#: Tables that people keep by hand unless the configuration names others.
CONTROL_TABLES = (
    "services",
    "configuration_items",
    "service_cis",
    "teams",
    "calendars",
    "holidays",
    "calendar_exceptions",
    "sla_clocks",
    "targets",
    "watermelon_thresholds",
    "measurement_plan",
    "resource_limits",
    "kpis",
    "size_ladders",
    "effort_standards",
    "staffing_targets",
    "budgets",
    "business_events",
    "forecast_overrides",
    "planned_purchases",
    "scenarios",
    "improvement_states",
)
Value = str | bool | int | float | date | None


class ControlSource(Freshness):
    """Configuration: the folder. Its files are UTF-8 `<table>.csv`, headed by the contract's field names.

    `records`: control table → records written in the configuration file, by the same field names.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: Literal["control"] = "control"
    name: SourceName = "control"
    path: str = Field(min_length=1)
    records: dict[str, list[dict[str, Value]]] = Field(default_factory=dict)

    @field_validator("records")
    @classmethod
    def _known_fields(cls, records: dict[str, list[dict[str, Value]]]) -> dict[str, list[dict[str, Value]]]:
        for table, rows in records.items():
            if table not in CONTROL_TABLES:
                raise ValueError(f"{table}: no control table; fix: use one of {', '.join(CONTROL_TABLES)}")
            fields = contract(table).fields
            for number, row in enumerate(rows):
                for name in row:
                    if name not in fields:
                        near = get_close_matches(name, fields, n=1)
                        fix = f"did you mean {near[0]}?" if near else f"use {', '.join(fields)}"
                        raise ValueError(f"{table}.{number}.{name}: no such field; fix: {fix}")
        return records


class ControlConnector:
    """Reads the control folder. Each file is a batch; a table without a file has no records.

    `home` is where the estate keeps what has landed (None: not looked at): a file that was removed there, or records
    taken out of the configuration, come as a batch without rows, which supersedes what they said.
    """

    def __init__(self, config: ControlSource, base_dir: Path, *, home: Path | None = None) -> None:
        self._config = config
        self._base_dir = base_dir
        self._home = home
        #: What the folder gives is kept on it, or comes from it. Records of the configuration go with that.
        self.tape: Tape | None = None

    @property
    def name(self) -> str:
        """Name of the source in the configuration."""
        return self._config.name

    def tables(self) -> list[str]:
        """The tables of control records, whether or not the folder has a file for each."""
        return list(CONTROL_TABLES)

    def batches(self, table: str, window: Window, is_landed: IsLanded) -> Iterator[Batch | RejectedInput]:  # noqa: ARG002
        """The file of `table` when it is new or changed. Files that are no control table are refused once."""
        if self._config.records.get(table):
            yield self._written_in_configuration(table)
        paths = (self._config.path,)
        if self.tape is None:
            yield from self._given(table, is_landed)
        elif self.tape.is_played:
            yield from PlayedFiles(self.tape, self.name, table, paths).files(partial(self._played, table))
        else:
            yield from FileRecorder(self.tape, table, paths).kept(self._given(table, is_landed), Traffic())

    def _played(self, table: str, shown: str, path: Path, line: Mapping[str, Any]) -> Batch | RejectedInput:
        try:
            return replace(self._batch(table, path, shown, line["sha256"]), input_bytes=line["bytes"])
        except UnusableInput as error:
            return self._reject(table, shown, path, error.reason, error.fix)

    def _given(self, table: str, is_landed: IsLanded) -> Iterator[Batch | RejectedInput]:
        folder = expand(self._config.path, self._base_dir)
        if table == CONTROL_TABLES[0]:
            yield from self._strangers(folder)
        path = folder / f"{table}.csv"
        shown = shown_path(path, folder, self._base_dir)
        there = {shown} if path.exists() else set()
        if self._config.records.get(table):
            there.add(_configured(table))
        if folder.is_dir():
            yield from self._taken_back(table, there)
        if shown not in there:
            return
        try:
            digest = file_sha256(path)
            if not is_landed(shown, fingerprint(digest, _declaration(table))):
                yield self._batch(table, path, shown, digest)
        except UnusableInput as error:
            yield self._reject(table, shown, path, error.reason, error.fix)

    def _batch(self, table: str, path: Path, shown: str, digest: str) -> Batch:
        raw = read_csv(path, shown, ",", "utf-8")
        return Batch(
            source=self.name,
            table=table,
            batch_id=shown,
            frame=raw.frame,
            declaration=_declaration(table),
            input_path=shown,
            input_sha256=digest,
            input_bytes=path.stat().st_size,
            source_rows=raw.source_rows,
            broken=raw.broken,
            local_path=path,
        )

    def _written_in_configuration(self, table: str) -> Batch:
        names = list(contract(table).fields)
        rows = self._config.records[table]
        text = {
            name: [_text(row.get(name), contract(table).fields[name].type) for row in rows] for name in names
        }
        present = {name: values for name, values in text.items() if any(values)}
        frame = pa.table({name: pa.array(values, pa.string()) for name, values in present.items()})
        return Batch(
            source=self.name,
            table=table,
            batch_id=_configured(table),
            frame=frame,
            declaration=_declaration(table),
            input_path=_configured(table),
            input_sha256=frame_digest(frame),
            input_bytes=frame.nbytes,
        )

    def _taken_back(self, table: str, there: set[str]) -> Iterator[Batch]:
        """Batches without rows in place of those that have landed and are no longer given."""
        landed = [] if self._home is None else current_receipts(self._home, self.name, table)
        for receipt in landed:
            if receipt.batch_id in there or not receipt.rows_received:
                continue
            frame = pa.table({name: pa.array([], pa.string()) for name in contract(table).fields})
            yield Batch(
                source=self.name,
                table=table,
                batch_id=receipt.batch_id,
                frame=frame,
                declaration=_declaration(table),
                input_path=receipt.input.path,
                input_sha256=frame_digest(frame),
                input_bytes=0,
                warnings=(
                    f"{receipt.input.path}: was removed; its {receipt.rows_received} records no longer hold",
                ),
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


def _declaration(table: str) -> Declaration:
    """Empty cells are missing values, and times without an offset are UTC: the contract declares the rest."""
    return Declaration(table=table, zone="UTC")


def _configured(table: str) -> str:
    return f"configuration/{table}"


def _text(value: Value, kind: str) -> str:
    """A value of YAML as a CSV cell would hold it. YAML reads an unquoted 17:30 as 17 × 60 + 30."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if kind == "time" and isinstance(value, int):
        return f"{value // 60:02d}:{value % 60:02d}"
    return value.isoformat() if isinstance(value, date) else str(value)
