"""Receipts: one immutable record of each version of each batch, and the law that nothing is lost."""

from __future__ import annotations

import json
from datetime import date, datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from checks.results import CheckResult


class ConservationError(AssertionError):
    """Rows received differ from rows landed plus rows quarantined: a defect of Ullage, never of the data."""


class StoreError(RuntimeError):
    """The landing store holds something that it should not, or refuses a name."""


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class LandedFile(_Record):
    """One Parquet file; `path` is relative to the home, `date` the UTC day of its rows (None: a snapshot)."""

    path: str
    date: date | None
    rows: int
    bytes: int
    sha256: str


class QuarantinedFile(_Record):
    """One Parquet file of quarantined rows."""

    path: str
    rows: int
    sha256: str


class InputRecord(_Record):
    """The input as it was: the name it is known by, the SHA-256 and the size of its bytes."""

    path: str
    sha256: str
    bytes: int


class WindowRecord(_Record):
    """UTC days, both included."""

    start: date
    end: date


class Receipt(_Record):
    """What happened to one batch. `version` n supersedes version n − 1 of the same batch whole.

    `rows_excluded` of the quarantined rows were knowingly left out by the declaration. `fingerprint`,
    `plan_digest` (rules of `metrics`; None: of all) and `contract_digest` decide whether the same batch must
    be read again; `version_fingerprint` stands for `fingerprint` where a source can tell versions apart.
    """

    receipt_id: str
    source: str
    table: str
    batch_id: str
    version: int
    supersedes: str | None
    query: str | None
    window: WindowRecord | None
    extracted_at: datetime
    rows_received: int
    rows_landed: int
    rows_quarantined: int
    rows_excluded: int
    control_totals: dict[str, Any]
    input: InputRecord
    landed: tuple[LandedFile, ...]
    quarantined: tuple[QuarantinedFile, ...]
    checks: tuple[dict[str, Any], ...]
    warnings: tuple[str, ...]
    metrics: tuple[str, ...] | None
    fingerprint: str
    version_fingerprint: str | None = None
    plan_digest: str
    contract_digest: str
    code_version: str
    config_hash: str

    def assert_conserved(self) -> None:
        """Raise `ConservationError` unless every row received is landed or quarantined, once, in a file."""
        in_files = sum(file.rows for file in self.landed)
        in_quarantine = sum(file.rows for file in self.quarantined)
        if self.rows_received != self.rows_landed + self.rows_quarantined:
            raise ConservationError(
                f"{self.receipt_id}: received {self.rows_received} rows, but landed {self.rows_landed} "
                f"and quarantined {self.rows_quarantined}"
            )
        if (in_files, in_quarantine) != (self.rows_landed, self.rows_quarantined):
            raise ConservationError(
                f"{self.receipt_id}: files hold {in_files} landed and {in_quarantine} quarantined rows, "
                f"the receipt says {self.rows_landed} and {self.rows_quarantined}"
            )

    @property
    def check_results(self) -> list[CheckResult]:
        """The checks as records."""
        return [CheckResult.from_dict(values) for values in self.checks]

    def to_json(self) -> str:
        """Stable, readable JSON."""
        return json.dumps(self.model_dump(mode="json"), indent=1, ensure_ascii=False) + "\n"


def read_receipt(path: Path) -> Receipt:
    """Read one receipt file. Raises `StoreError` naming the file when it is damaged."""
    try:
        return Receipt.model_validate_json(path.read_bytes())
    except ValidationError as error:
        detail = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors()[:3])
        raise StoreError(
            f"{path}: not a receipt of this version ({detail}); fix: restore it from a backup, or remove "
            "it together with its batch's other versions so that the batch lands again"
        ) from error


def all_receipts(home: Path, source: str = "*", table: str = "*") -> list[Receipt]:
    """Every receipt of an estate, or of one source or table, by source, table, batch and version."""
    files = sorted((home / "landing").glob(f"{source}/{table}/receipts/*.v[0-9][0-9][0-9][0-9]*.json"))
    found = [read_receipt(path) for path in files]
    return sorted(found, key=lambda item: (item.source, item.table, item.batch_id, item.version))


def current_receipts(home: Path, source: str = "*", table: str = "*") -> list[Receipt]:
    """The newest receipt of each batch, by source, table and batch. Only their files are current."""
    return newest(all_receipts(home, source, table))


def newest(receipts: list[Receipt]) -> list[Receipt]:
    """The highest version of each batch, in the order of the batches."""
    latest: dict[tuple[str, str, str], Receipt] = {}
    for receipt in receipts:
        batch = (receipt.source, receipt.table, receipt.batch_id)
        if batch not in latest or receipt.version > latest[batch].version:
            latest[batch] = receipt
    return list(latest.values())
