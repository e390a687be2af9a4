"""Data files with sidecars: CSV, JSON lines and Parquet that somebody drops into a folder or an object store.

A batch is a file, known by its path or URL. Files are not cut to the window of a run: a file that is new or
changed lands whole, and models choose the days.
"""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from pydantic import ConfigDict, Field, field_validator, model_validator

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
from assets.connectors.file_recording import FileRecorder, PlayedFiles
from assets.connectors.freshness import Freshness
from assets.connectors.json_lines import read_jsonl
from assets.connectors.object_stores import ObjectStore, RemoteFile, check_url, expand_url, is_url
from assets.connectors.remote import RetryPolicy
from assets.connectors.tape import Tape
from assets.connectors.traffic import Traffic
from assets.connectors.unpacking import RESEND
from assets.landing.contracts import contract
from assets.landing.declaration import MAX_SIDECAR_BYTES, DeclarationError, Sidecar, parse_sidecar
from assets.landing.store import file_sha256
from assets.landing.totals import differences, received_totals

SIDECAR_SUFFIX = ".sidecar.yaml"
_MAGIC = re.compile(r"[*?\[]")


class FilesSource(Freshness):
    """Configuration: contract table → one or more paths or URLs, with `*` and `**` as wildcards.

    `sidecar` is for data that one cannot write beside: contract table → a local sidecar for all its files, or a
    local folder that holds `<data file>.sidecar.yaml` for each.
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
            for path in paths:
                if is_url(path):
                    check_url(path)
        return value

    @model_validator(mode="after")
    def _sidecars_are_used(self) -> FilesSource:
        for table in self.sidecar:
            if table not in self.tables:
                raise ValueError(f"sidecar.{table}: the source has no such table; fix: remove it")
            if is_url(self.sidecar[table]):
                raise ValueError(
                    f"sidecar.{table}: is no local path; fix: give a file or folder on this machine"
                )
        return self


@dataclass(frozen=True)
class _SidecarFile:
    """Where a data file's sidecar is; `version` is None when it cannot be told without reading it."""

    name: str
    size: int
    version: str | None
    read: Callable[[], bytes]


class FilesConnector:
    """Reads the files of one source. `base_dir` is the folder of the configuration file."""

    def __init__(self, config: FilesSource, base_dir: Path, *, retries: RetryPolicy | None = None) -> None:
        self._config = config
        self._base_dir = base_dir
        self._retries = retries or RetryPolicy()
        self._traffic = Traffic()
        #: What is found is kept on it, or comes from it.
        self.tape: Tape | None = None

    @property
    def name(self) -> str:
        """Name of the source in the configuration."""
        return self._config.name

    @property
    def traffic(self) -> Traffic:
        """What was exchanged with object stores for the table read last."""
        return self._traffic

    def tables(self) -> list[str]:
        """The configured tables."""
        return list(self._config.tables)

    def batches(self, table: str, window: Window, is_landed: IsLanded) -> Iterator[Batch | RejectedInput]:  # noqa: ARG002
        """New and changed files of `table` in the order of their names, whatever their days.

        Raises `SourceError` when an object store does not answer.
        """
        self._traffic = Traffic()
        if self.tape is None:
            yield from self._given(table, is_landed)
        elif self.tape.is_played:
            yield from self._played(table, self.tape)
        else:
            recorder = FileRecorder(self.tape, table, self._config.tables[table])
            yield from recorder.kept(self._given(table, is_landed), self._traffic)

    def _played(self, table: str, tape: Tape) -> Iterator[Batch | RejectedInput]:
        def read(shown: str, path: Path, line: dict[str, Any]) -> Batch | RejectedInput:
            try:
                sidecar = Sidecar.model_validate(line["declaration"])
                batch = self._batch(table, path, shown, sidecar, line["sha256"], line["version"])
            except UnusableInput as error:
                return self._refuse(table, shown, path, error)
            return replace(batch, input_bytes=line["bytes"])

        played = PlayedFiles(tape, self.name, table, self._config.tables[table])
        self._traffic = played.traffic
        yield from played.files(read)

    def _given(self, table: str, is_landed: IsLanded) -> Iterator[Batch | RejectedInput]:
        seen: dict[str, Path] = {}
        fetched: set[str] = set()
        for text in self._config.tables[table]:
            if is_url(text):
                yield from self._from_store(table, text, fetched, is_landed)
                continue
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
            sidecar = self._sidecar(table, self._local_sidecar(table, path, shown), shown)
            before = path.stat()
            digest = file_sha256(path)
            if is_landed(shown, fingerprint(digest, sidecar)):
                return None
            batch = self._batch(table, path, shown, sidecar, digest)
            after = path.stat()
            if (before.st_mtime_ns, before.st_size) != (after.st_mtime_ns, after.st_size):
                raise UnusableInput(f"{shown}: changed while it was read", RESEND)
        except UnusableInput as error:
            return self._refuse(table, shown, None if isinstance(error, _NotOurs) else path, error)
        except OSError as error:
            return self._reject(
                table, shown, None, f"cannot be read ({error.strerror})", "check its permissions"
            )
        return batch

    def _batch(
        self, table: str, path: Path, shown: str, sidecar: Sidecar, digest: str, version: str | None = None
    ) -> Batch:
        raw = _raw(path, shown, sidecar)
        warnings = _check_totals(raw, sidecar, shown)
        return Batch(
            source=self.name,
            table=table,
            batch_id=shown,
            frame=raw.frame,
            declaration=sidecar,
            input_path=shown,
            input_sha256=digest,
            input_bytes=path.stat().st_size,
            source_rows=raw.source_rows,
            broken=raw.broken,
            local_path=path,
            warnings=warnings,
            version_fingerprint=version,
        )

    def _from_store(
        self, table: str, text: str, fetched: set[str], is_landed: IsLanded
    ) -> Iterator[Batch | RejectedInput]:
        """Objects that match the URL and are new or changed; what is unchanged costs its place in a listing."""
        url = expand_url(self.name, text)
        store = ObjectStore(self.name, url, self._retries, self._traffic)
        objects = store.find(url, SIDECAR_SUFFIX)
        files = {file.url: file for file in objects if _is_data_name(file.name)}
        beside = {file.url: file for file in objects if file.name.endswith(SIDECAR_SUFFIX)}
        announced = {one.removesuffix(SIDECAR_SUFFIX) for one in beside} - files.keys()
        if not files and not announced:
            yield self._reject(table, url, None, "no file is there", "deliver one, or correct the path")
        for shown in sorted((files.keys() | announced) - fetched):
            fetched.add(shown)
            if shown in announced:
                yield self._refuse(table, shown, None, _missing(shown))
                continue
            with tempfile.TemporaryDirectory(prefix="ullage-") as folder:
                # The suffixes say how the file is compressed; its name may be one that no file can have here.
                path = Path(folder) / f"input{''.join(Path(files[shown].name).suffixes[-2:])}"
                item = self._fetched(table, store, files[shown], beside, path, is_landed)
                if item is not None:
                    yield item

    def _fetched(
        self,
        table: str,
        store: ObjectStore,
        file: RemoteFile,
        beside: dict[str, RemoteFile],
        path: Path,
        is_landed: IsLanded,
    ) -> Batch | RejectedInput | None:
        """The object as a batch or a refusal; None when it is landed already."""
        shown = file.url
        try:
            declared = self._remote_sidecar(table, store, file, beside)
            version = _version(file, declared)
            if version is not None and is_landed(shown, version):
                return None
            if file.size == 0:
                raise _empty(shown)
            sidecar = self._sidecar(table, declared, shown)
            digest = store.fetch(file, path)
            if is_landed(shown, fingerprint(digest, sidecar)):
                return None
            batch = self._batch(table, path, shown, sidecar, digest, version)
            self._traffic.rows += batch.frame.num_rows + len(batch.broken)
            return batch
        except UnusableInput as error:
            return self._refuse(table, shown, path if path.exists() else None, error)

    def _local_sidecar(self, table: str, path: Path, shown: str) -> _SidecarFile:
        beside = path.with_name(path.name + SIDECAR_SUFFIX)
        if table in self._config.sidecar:
            beside = self._configured_sidecar(table, beside.name)
        return _on_disk(beside, shown)

    def _configured_sidecar(self, table: str, name: str) -> Path:
        configured = expand(self._config.sidecar[table], self._base_dir)
        return configured / name if configured.is_dir() else configured

    def _remote_sidecar(
        self, table: str, store: ObjectStore, file: RemoteFile, beside: dict[str, RemoteFile]
    ) -> _SidecarFile:
        name = file.name + SIDECAR_SUFFIX
        if table in self._config.sidecar:
            return _on_disk(self._configured_sidecar(table, name), file.url)
        found = beside.get(file.url + SIDECAR_SUFFIX)
        if found is None:
            raise _no_sidecar(file.url, name)
        return _SidecarFile(name, found.size, found.version, lambda: store.read(found))

    def _sidecar(self, table: str, file: _SidecarFile, shown: str) -> Sidecar:
        if file.size > MAX_SIDECAR_BYTES:
            raise UnusableInput(f"{shown}: its sidecar is larger than 1 MiB", "write the declaration only")
        try:
            return parse_sidecar(file.read().decode(), file.name, table)
        except UnicodeDecodeError as error:
            raise UnusableInput(f"{shown}: its sidecar is not UTF-8", "save it as UTF-8") from error
        except DeclarationError as error:
            reason, _, fix = str(error).partition("; fix: ")
            raise UnusableInput(f"{shown}: {reason}", fix) from error

    def _refuse(self, table: str, shown: str, path: Path | None, error: UnusableInput) -> RejectedInput:
        return self._reject(table, shown, path, error.reason.removeprefix(f"{shown}: "), error.fix)

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
    return _is_data_name(path.name) and not path.is_dir()


def _is_data_name(name: str) -> bool:
    hidden = name.startswith(".") or name.endswith(("~", ".tmp", ".part"))
    return not hidden and not name.endswith(SIDECAR_SUFFIX)


def _on_disk(path: Path, shown: str) -> _SidecarFile:
    if not path.is_file():
        raise _no_sidecar(shown, path.name)
    size = path.stat().st_size
    version = file_sha256(path) if size <= MAX_SIDECAR_BYTES else None
    return _SidecarFile(path.name, size, version, path.read_bytes)


def _version(file: RemoteFile, sidecar: _SidecarFile) -> str | None:
    """What changes with the data or its sidecar, as far as a listing tells."""
    if file.version is None or sidecar.version is None:
        return None
    return hashlib.sha256(f"listed\n{file.version}\n{sidecar.version}".encode()).hexdigest()


def _no_sidecar(shown: str, name: str) -> UnusableInput:
    fix = f"write {name} (zone, key, control totals and so on)"
    return UnusableInput(f"{shown}: has no sidecar {name}", fix)


def _missing(shown: str) -> UnusableInput:
    problem = f"{shown}: a sidecar announces it, but it is not there"
    return _NotOurs(problem, "deliver it, or remove the sidecar")


def _empty(shown: str) -> UnusableInput:
    return UnusableInput(f"{shown}: the file is empty", "deliver it with its content, or not at all")


def _refuse_odd_file(path: Path, shown: str, root: Path) -> None:
    if not path.resolve().is_relative_to(root.resolve()):
        raise _NotOurs(f"{shown}: leads out of its folder by a link", "deliver the file itself")
    if not path.exists():
        raise _missing(shown)
    if not path.is_file():
        raise _NotOurs(f"{shown}: is not a regular file", "deliver a file")
    if path.stat().st_size == 0:
        raise _empty(shown)


def _raw(path: Path, shown: str, sidecar: Sidecar) -> RawFile:
    if sidecar.format == "parquet":
        return read_parquet(path, shown)
    if sidecar.format == "jsonl":
        return read_jsonl(path, shown)
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
