"""The landing store of one estate: immutable files, written whole or not at all.

A file is written under a temporary name, fsynced, given its final name and never changed. Its final name
carries its content's hash, so that writing the same content again finds it there. A receipt comes last: files
that no current receipt names do not exist for anyone.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from assets.connectors.base import IsLanded, RejectedInput
from assets.durable import sync
from assets.landing.contracts import TableContract
from assets.landing.plan import MeasurementPlan
from assets.landing.receipts import (
    LandedFile,
    QuarantinedFile,
    Receipt,
    StoreError,
    current_receipts,
)

_SAFE_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_SECRET_IN_URL = re.compile(r"(?<=://)[^/\s@]+@")


@dataclass(frozen=True)
class WrittenFile:
    """A file that is durably in place; `path` is relative to the home."""

    path: str
    rows: int
    bytes: int
    sha256: str


class Store:
    """Reads and writes the landed data of one estate under `home`.

    A table's receipts are read once and kept; one store at a time writes a source's table.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        self._receipts: dict[tuple[str, str], dict[str, Receipt]] = {}

    def current(self, source: str, table: str) -> dict[str, Receipt]:
        """Current receipts of one source's table by batch id."""
        if (source, table) not in self._receipts:
            self._folder("landing", source, table)
            found = current_receipts(self.home, source, table)
            self._receipts[source, table] = {receipt.batch_id: receipt for receipt in found}
        return self._receipts[source, table]

    def is_landed(self, source: str, contract: TableContract, plan: MeasurementPlan | None) -> IsLanded:
        """A test whether a batch's current receipt was made of the same content by the same rules."""
        current = self.current(source, contract.name)
        rules = plan or MeasurementPlan()

        def answer(batch_id: str, fingerprint: str) -> bool:
            receipt = current.get(batch_id)
            if receipt is None or fingerprint not in (receipt.fingerprint, receipt.version_fingerprint):
                return False
            same_contract = receipt.contract_digest == contract.digest
            return same_contract and receipt.plan_digest == rules.digest(receipt.metrics)

        return answer

    def write_landed(
        self,
        source: str,
        table: str,
        batch_id: str,
        day: date | None,
        pieces: Iterable[pa.Table],
        schema: pa.Schema,
    ) -> LandedFile:
        """Write the rows of one batch and one UTC day (None: a snapshot), piece by piece."""
        folder = self._folder("landing", source, table) / (f"date={day}" if day else "snapshot")
        written = self._write_parquet(folder, slug(batch_id), pieces, schema)
        return LandedFile(
            path=written.path, date=day, rows=written.rows, bytes=written.bytes, sha256=written.sha256
        )

    def write_quarantine(
        self, source: str, table: str, batch_id: str, pieces: Iterable[pa.Table], schema: pa.Schema
    ) -> QuarantinedFile:
        """Write a batch's quarantined rows, piece by piece."""
        written = self._write_parquet(
            self._folder("quarantine", source, table), slug(batch_id), pieces, schema
        )
        return QuarantinedFile(path=written.path, rows=written.rows, sha256=written.sha256)

    def write_receipt(self, receipt: Receipt) -> None:
        """Make a batch's new version current.

        Raises `ConservationError`, and `StoreError` when the version exists.
        """
        receipt.assert_conserved()
        folder = self._folder("landing", receipt.source, receipt.table) / "receipts"
        name = f"{slug(receipt.batch_id)}.v{receipt.version:04d}.json"
        if not _write_text(folder / name, receipt.to_json()):
            raise StoreError(f"{folder / name}: exists already; fix: let one run at a time land this source")
        self.current(receipt.source, receipt.table)[receipt.batch_id] = receipt

    def keep_rejected(self, rejected: RejectedInput, rejected_at: datetime) -> Path | None:
        """Copy a whole refused input to quarantine with its reason; the same content is kept once.

        Gives the copy's path, None when there is nothing to copy.
        """
        folder = self._folder("quarantine", rejected.source, rejected.table) / "files"
        folder.mkdir(parents=True, exist_ok=True)
        copy = self._copy_input(rejected, folder)
        stem = copy.name if copy else slug(rejected.batch_id)
        record = folder / f"{stem}.reason.json"
        if not record.exists():
            text = {
                "source": rejected.source,
                "table": rejected.table,
                "batch_id": redact(rejected.batch_id),
                "input": redact(rejected.input_path),
                "reason": redact(rejected.reason),
                "fix": redact(rejected.fix),
                "rejected_at": rejected_at.isoformat(),
            }
            _write_text(record, json.dumps(text, indent=1, ensure_ascii=False) + "\n")
        return copy

    def _copy_input(self, rejected: RejectedInput, folder: Path) -> Path | None:
        base = rejected.input_path.replace("\\", "/").rsplit("/", 1)[-1]
        name = re.sub(r"[^A-Za-z0-9._-]+", "-", base)[-100:] or "input"
        with _writing(folder) as temporary:
            if rejected.local_path is not None:
                try:
                    shutil.copyfile(rejected.local_path, temporary)
                except FileNotFoundError:
                    return None
            elif rejected.frame is not None:
                pq.write_table(rejected.frame, temporary)
                name = f"{slug(rejected.batch_id)}.parquet"
            else:
                return None
            sync(temporary)
            final = folder / f"{file_sha256(temporary)[:8]}-{name}"
            _give_name(temporary, final)
        return final

    def _folder(self, area: str, source: str, table: str) -> Path:
        for name in (source, table):
            if not _SAFE_NAME.fullmatch(name):
                raise StoreError(
                    f"{name!r} cannot name a folder; fix: use lower-case letters, digits, - and _"
                )
        return self.home / area / source / table

    def _write_parquet(
        self, folder: Path, stem: str, pieces: Iterable[pa.Table], schema: pa.Schema
    ) -> WrittenFile:
        rows = 0
        with _writing(folder) as temporary:
            with pq.ParquetWriter(temporary, schema, compression="zstd") as writer:
                for piece in pieces:
                    writer.write_table(piece)
                    rows += piece.num_rows
            sync(temporary)
            digest, size = file_sha256(temporary), temporary.stat().st_size
            # Eight digits tell contents apart in names; should two ever share them, the whole hash does.
            for name in (f"{stem}.{digest[:8]}.parquet", f"{stem}.{digest}.parquet"):
                final = folder / name
                if _give_name(temporary, final) or file_sha256(final) == digest:
                    break
        sync(folder)
        return WrittenFile(final.relative_to(self.home).as_posix(), rows, size, digest)


def slug(batch_id: str) -> str:
    """A file name for a batch: readable, free of separators, and different for different ids."""
    readable = re.sub(r"[^A-Za-z0-9_=-]+", "-", batch_id).strip("-")[-60:]
    return f"{readable or 'batch'}-{hashlib.sha256(batch_id.encode()).hexdigest()[:8]}"


def redact(text: str) -> str:
    """Text without user names and passwords in URLs."""
    return _SECRET_IN_URL.sub("***@", text)


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, as hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@contextmanager
def _writing(folder: Path) -> Iterator[Path]:
    """A new file in `folder` under a temporary name, which is gone afterwards whatever happens."""
    folder.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=".writing-", dir=folder)
    os.fchmod(handle, 0o644)
    os.close(handle)
    try:
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


def _write_text(final: Path, text: str) -> bool:
    """Write a whole text file durably; False when its name is taken."""
    with _writing(final.parent) as temporary:
        temporary.write_text(text, encoding="utf-8")
        sync(temporary)
        done = _give_name(temporary, final)
    sync(final.parent)
    return done


def _give_name(temporary: Path, final: Path) -> bool:
    """Give a finished file its final name; False when that is taken. Nothing is ever overwritten."""
    try:
        os.link(temporary, final)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.EMLINK):
            raise
        # A file system without hard links: check, then rename.
        if final.exists():
            return False
        temporary.rename(final)
    return True
