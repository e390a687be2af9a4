"""Where an estate keeps its files: one name for each place, used by every stage."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path


@dataclass(frozen=True)
class Home:
    """The folder of one estate (the `home` of its configuration)."""

    root: Path

    @property
    def landing(self) -> Path:
        """Immutable Parquet and receipts, as received."""
        return self.root / "landing"

    @property
    def quarantine(self) -> Path:
        """Rows and files that were not accepted, with their original text."""
        return self.root / "quarantine"

    @property
    def spool(self) -> Path:
        """Pages of questions to sources that are not landed yet; what a killed run goes on from."""
        return self.root / "spool"

    @property
    def warehouse(self) -> Path:
        """The DuckDB file that dbt builds in. Only the pipeline opens it."""
        return self.root / "warehouse" / "ullage.duckdb"

    @property
    def published(self) -> Path:
        """Audited versions; `current` is the one served."""
        return self.root / "published"

    @property
    def current(self) -> Path:
        """The served version: a link that is switched atomically."""
        return self.published / "current"

    @property
    def reports(self) -> Path:
        """Rendered report sites, one a published version."""
        return self.root / "reports"

    @property
    def log(self) -> Path:
        """What dbt printed during the last run from the command line."""
        return self.root / "logs" / "last-run.log"

    def artefact(self, sha256: str) -> Path:
        """A trained model (skops), by the hash of its content; kept for good."""
        return self.root / "artefacts" / f"{sha256}.skops"

    def computed(self, as_of: date | None = None) -> Path:
        """Forecasts and analyses, kept for good; one folder an as-of day."""
        folder = self.root / "computed"
        return folder if as_of is None else folder / f"as_of={as_of.isoformat()}"

    def checks(self, as_of: date) -> Path:
        """Outcomes of the data-quality checks of one as-of day, one file a stage."""
        return self.root / "checks" / f"as_of={as_of.isoformat()}"
