"""Writes data files as sources would: CSV or Parquet, whole or not at all, each with its sidecar."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from assets.landing.contracts import contract


class _PlainDumper(yaml.SafeDumper):
    """YAML without aliases: readers of sidecars do not take them."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        return True


@dataclass
class SourceFiles:
    """The files of one estate's sources, and what was written: path relative to the home → rows, table."""

    home: Path
    rows: dict[str, int] = field(default_factory=dict)
    tables: dict[str, str] = field(default_factory=dict)

    def write_csv(
        self,
        path: str,
        table: str,
        frame: pd.DataFrame,
        *,
        sums: Sequence[str] = (),
        delimiter: str = ",",
        encoding: str = "utf-8",
        **declared: Any,
    ) -> None:
        """Write a CSV file and its sidecar: `declared` are further keys of it, `sums` control totals."""
        target = self._target(path)
        text = frame.to_csv(index=False, sep=delimiter, lineterminator="\n")
        replace_file(target, text.encode(encoding))
        totals = {name: float(pd.to_numeric(frame[name]).sum()) for name in sums}
        extra: dict[str, Any] = {"format": "csv"}
        if delimiter != ",":
            extra["delimiter"] = delimiter
        if encoding != "utf-8":
            extra["encoding"] = encoding
        self._declare(path, table, extra | declared, len(frame), totals)

    def write_control(self, path: str, table: str, frame: pd.DataFrame) -> None:
        """Write a control record: the header is the contract's fields, no sidecar."""
        columns = list(contract(table).fields)
        text = frame.reindex(columns=columns).to_csv(index=False, lineterminator="\n")
        replace_file(self._target(path), text.encode("utf-8"))
        self._remember(path, table, len(frame))

    def parquet(self, path: str, table: str, **declared: Any) -> ParquetFile:
        """Open a Parquet file to which tables are appended; its sidecar is written on closing."""
        return ParquetFile(self, path, table, declared)

    def _target(self, path: str) -> Path:
        target = self.home / path
        target.parent.mkdir(parents=True, exist_ok=True)
        return target

    def _remember(self, path: str, table: str, rows: int) -> None:
        self.rows[path] = rows
        self.tables[path] = table

    def _declare(
        self, path: str, table: str, declared: Mapping[str, Any], rows: int, sums: Mapping[str, float]
    ) -> None:
        totals: dict[str, Any] = {"rows": rows}
        if sums:
            totals["sums"] = dict(sums)
        sidecar = {"table": table, "zone": "UTC"} | dict(declared)
        sidecar |= {"key": list(contract(table).key), "control_totals": totals}
        text = yaml.dump(sidecar, Dumper=_PlainDumper, sort_keys=False, allow_unicode=True, width=110)
        replace_file(self.home / f"{path}.sidecar.yaml", text.encode("utf-8"))
        self._remember(path, table, rows)


class ParquetFile:
    """A Parquet file in the making: `append` tables, leave the context to finish file and sidecar."""

    def __init__(self, files: SourceFiles, path: str, table: str, declared: Mapping[str, Any]) -> None:
        self._files, self._path, self._table, self._declared = files, path, table, declared
        self._target = files._target(path)
        self._part = self._target.with_name(f".{self._target.name}.part")
        self._writer: pq.ParquetWriter | None = None
        self._rows = 0
        self._sums: dict[str, float] = {}

    def __enter__(self) -> ParquetFile:
        return self

    def append(self, table: pa.Table, sums: Mapping[str, float]) -> None:
        """Append rows; `sums` are their control totals by column."""
        if self._writer is None:
            # Without the Arrow schema readers see plain strings instead of our dictionaries.
            self._writer = pq.ParquetWriter(
                self._part, table.schema, compression="zstd", store_schema=False, use_dictionary=True
            )
        self._writer.write_table(table)
        self._rows += table.num_rows
        for name, value in sums.items():
            self._sums[name] = self._sums.get(name, 0.0) + value

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._writer is not None:
            self._writer.close()
        if kind is not None:
            self._part.unlink(missing_ok=True)
        elif self._writer is not None:
            self._part.replace(self._target)
            declared = {"format": "parquet"} | dict(self._declared)
            self._files._declare(self._path, self._table, declared, self._rows, self._sums)


def replace_file(path: Path, content: bytes) -> None:
    """Write a file under a temporary name and rename it: readers see the old or the new one, never a part."""
    part = path.with_name(f".{path.name}.part")
    part.write_bytes(content)
    part.replace(path)
