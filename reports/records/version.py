"""What a published version says of itself: tables, checks, and what sources delivered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from checks.results import CheckResult


@dataclass(frozen=True)
class TableInfo:
    """One published table, as the manifest describes it."""

    name: str
    rows: int
    description: str
    depends_on_landing: tuple[str, ...]


@dataclass(frozen=True)
class Input:
    """What one source delivered for one landing table."""

    source: str
    table: str
    receipts: int
    rows_received: int
    rows_landed: int
    rows_quarantined: int

    @property
    def is_conserved(self) -> bool:
        """The conservation law: received = landed + quarantined."""
        return self.rows_received == self.rows_landed + self.rows_quarantined


@dataclass(frozen=True)
class Manifest:
    """The published version's own account of itself."""

    estate: str
    version: str
    as_of_date: date
    code_version: str
    config_hash: str
    tables: Mapping[str, TableInfo]
    checks: tuple[CheckResult, ...]
    inputs: tuple[Input, ...]


@dataclass(frozen=True)
class ExtractionTotal:
    """Current receipts of one source table, summed; superseded versions are only counted."""

    source: str
    table_name: str
    receipts: int
    superseded: int
    first_window_at: datetime | None
    last_window_at: datetime | None
    rows_received: int
    rows_landed: int
    rows_quarantined: int
    is_conserved: bool


@dataclass(frozen=True)
class QuarantinedBatch:
    """A current receipt with rows or files in quarantine."""

    source: str
    table_name: str
    batch_id: str
    input_path: str | None
    rows_received: int
    rows_quarantined: int
