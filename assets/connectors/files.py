"""Data files with sidecars: CSV and Parquet that somebody drops into a folder.

A batch is a file, known by its path. Files are not cut to the window of a run: a file that is new or changed
lands whole, and models choose the days.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

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
from assets.connectors.file_reading import RawFile, read_csv, read_parquet
from assets.landing.contracts import contract
from assets.landing.declaration import MAX_SIDECAR_BYTES, DeclarationError, Sidecar, parse_sidecar
from assets.landing.store import file_sha256
from assets.landing.totals import differences, received_totals

SIDECAR_SUFFIX = ".sidecar.yaml"
_MAGIC = re.compile(r"[*?\[]")
_WHOLE = "deliver the file again, written under another name and renamed when complete"


class FilesSource(BaseModel):
    """Configuration: contract table → one or more paths, with `*` and `**` as wildcards.

    `sidecar` is for data that one cannot write beside: contract table → a sidecar for all its files, or a
    folder that holds `<data file>.sidecar.yaml` for each.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: Literal["files"] = "files"
    name: SourceName
    tables: dict[str, tuple[str, ...]] = Field(min_length=1)
    sidecar: dict[str, str] = Field(default_factory=dict)

    @field_validator("tables", mode="before")
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        if not isinstance(value, dict):
            return value
        return {table: [paths] if isinstance(paths, str) else paths for table, paths in value.items()}

    @field_validator("tables")
    @classmethod
    def _known_tables(cls, value: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        for table, paths in value.items():
            contract(table)
            if not paths or not all(path.strip() for path in paths):
                raise ValueError(f"{table}: no path; fix: give a path such as monitoring/*.parquet")
        return value

    @model_validator(mode="after")
    def _sidecars_are_used(self) -> FilesSource:
        for table in self.sidecar:
            if table not in self.tables:
                raise ValueError(f"sidecar.{table}: the source has no such table; fix: remove it")
        return self


class FilesConnector:
    """Reads the files of one source. `base_dir` is the folder of the configuration file."""

    def __init__(self, config: FilesSource, base_dir: Path) -> None:
        self._config = config
        self._base_dir = base_dir

    @property
    def name(self) -> str:
        """Name of the source in the configuration."""
        return self._config.name

    def tables(self) -> list[str]:
        """The configured tables."""
        return list(self._config.tables)

    def batches(self, table: str, window: Window, is_landed: IsLanded) -> Iterator[Batch | RejectedInput]:  # noqa: ARG002
        """New and changed files of `table` in the order of their names, whatever their days."""
        seen: dict[str, Path] = {}
        for text in self._config.tables[table]:
            root, files = self._found(text)
            if not files:
                yield self._reject(table, text, None, "no file is there", "deliver one, or correct the path")
            for path in files:
                shown = shown_path(path, root, self._base_dir)
                if seen.setdefault(shown, path) != path:
                    reason, fix = "another folder has a file of the same name", "rename one of them"
                    yield self._reject(table, shown, path, reason, fix)
                elif seen[shown] is path:
                    item = self._read(table, path, shown, root, is_landed)
                    if item is not None:
                        yield item

    def _found(self, text: str) -> tuple[Path, list[Path]]:
        """The fixed folder of a configured path, and the data files that match it.

        A data file that is announced by a sidecar but not there counts as found, so that it can be refused.
        """
        whole = expand(text, self._base_dir)
        parts = whole.parts
        fixed = next((i for i, part in enumerate(parts) if _MAGIC.search(part)), len(parts) - 1)
        root, pattern = Path(*parts[:fixed]), "/".join(parts[fixed:])
        files = {path for path in root.glob(pattern) if _is_data(path)}
        for sidecar in root.glob(pattern + SIDECAR_SUFFIX):
            files.add(sidecar.with_name(sidecar.name.removesuffix(SIDECAR_SUFFIX)))
        return root, sorted(files)

    def _read(
        self, table: str, path: Path, shown: str, root: Path, is_landed: IsLanded
    ) -> Batch | RejectedInput | None:
        """The file as a batch or a refusal; None when it is landed already."""
        try:
            _refuse_odd_file(path, shown, root)
            sidecar = self._sidecar(table, path, shown)
            before = path.stat()
            digest = file_sha256(path)
            if is_landed(shown, fingerprint(digest, sidecar)):
                return None
            raw = _raw(path, shown, sidecar)
            after = path.stat()
            if (before.st_mtime_ns, before.st_size) != (after.st_mtime_ns, after.st_size):
                raise UnusableInput(f"{shown}: changed while it was read", _WHOLE)
            warnings = _check_totals(raw, sidecar, shown)
        except UnusableInput as error:
            keep = None if isinstance(error, _NotOurs) else path
            return self._reject(table, shown, keep, error.reason.removeprefix(f"{shown}: "), error.fix)
        except OSError as error:
            return self._reject(
                table, shown, None, f"cannot be read ({error.strerror})", "check its permissions"
            )
        return Batch(
            source=self.name,
            table=table,
            batch_id=shown,
            frame=raw.frame,
            declaration=sidecar,
            input_path=shown,
            input_sha256=digest,
            input_bytes=before.st_size,
            source_rows=raw.source_rows,
            broken=raw.broken,
            local_path=path,
            warnings=warnings,
        )

    def _sidecar(self, table: str, path: Path, shown: str) -> Sidecar:
        beside = path.with_name(path.name + SIDECAR_SUFFIX)
        if table in self._config.sidecar:
            configured = expand(self._config.sidecar[table], self._base_dir)
            beside = configured / beside.name if configured.is_dir() else configured
        if not beside.is_file():
            fix = f"write {beside.name} (zone, key, control totals and so on)"
            raise UnusableInput(f"{shown}: has no sidecar {beside.name}", fix)
        if beside.stat().st_size > MAX_SIDECAR_BYTES:
            raise UnusableInput(f"{shown}: its sidecar is larger than 1 MiB", "write the declaration only")
        try:
            return parse_sidecar(beside.read_text(encoding="utf-8"), beside.name, table)
        except UnicodeDecodeError as error:
            raise UnusableInput(f"{shown}: its sidecar is not UTF-8", "save it as UTF-8") from error
        except DeclarationError as error:
            reason, _, fix = str(error).partition("; fix: ")
            raise UnusableInput(f"{shown}: {reason}", fix) from error

    def _reject(self, table: str, shown: str, path: Path | None, reason: str, fix: str) -> RejectedInput:
        return RejectedInput(
            source=self.name,
            table=table,
            batch_id=shown,
            input_path=shown,
            reason=f"{shown}: {reason}",
            fix=fix,
            local_path=path,
        )


class _NotOurs(UnusableInput):
    """A name that leads elsewhere: its content must not be copied."""


def _is_data(path: Path) -> bool:
    hidden = path.name.startswith(".") or path.name.endswith(("~", ".tmp", ".part"))
    return not hidden and not path.name.endswith(SIDECAR_SUFFIX) and not path.is_dir()


def _refuse_odd_file(path: Path, shown: str, root: Path) -> None:
    if not path.resolve().is_relative_to(root.resolve()):
        raise _NotOurs(f"{shown}: leads out of its folder by a link", "deliver the file itself")
    if not path.exists():
        raise _NotOurs(
            f"{shown}: a sidecar announces it, but it is not there", "deliver it, or remove the sidecar"
        )
    if not path.is_file():
        raise _NotOurs(f"{shown}: is not a regular file", "deliver a file")
    if path.stat().st_size == 0:
        raise UnusableInput(f"{shown}: the file is empty", "deliver it with its content, or not at all")


def _raw(path: Path, shown: str, sidecar: Sidecar) -> RawFile:
    if sidecar.format == "parquet":
        return read_parquet(path, shown)
    return read_csv(path, shown, sidecar.delimiter, sidecar.encoding)


def _check_totals(raw: RawFile, sidecar: Sidecar, shown: str) -> tuple[str, ...]:
    """Refuse a file whose control totals differ; gives a warning for each sum that could not be taken."""
    received = received_totals(raw.frame, len(raw.broken), sidecar.control_totals.sums, sidecar)
    found = differences(sidecar.control_totals, received, raw.frame)
    if found:
        fix = "deliver the whole file, or correct control_totals in the sidecar"
        raise UnusableInput(f"{shown}: control totals differ: {'; '.join(found)}", fix)
    return tuple(
        f"{shown}: the sum of {name!r} was not compared, because cells in it cannot be read; "
        "fix: correct them at the source"
        for name, total in received["sums"].items()
        if total is None
    )
