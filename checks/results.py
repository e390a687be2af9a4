"""The one record of a data-quality check's outcome, whoever ran it (Great Expectations, dbt, a reconciliation)."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

Severity = Literal["error", "warn"]


@dataclass(frozen=True)
class CheckResult:
    """Outcome of one check on one table.

    `stage` is where it ran (landing, dbt, forecasts, reconciliation, publishing); `blocking` says whether a failure
    stops publishing; `rows_checked` and `rows_failed` count rows; `message` is one sentence for a person.
    """

    name: str
    table: str
    stage: str
    passed: bool
    severity: Severity = "error"
    blocking: bool = False
    rows_checked: int = 0
    rows_failed: int = 0
    message: str = ""

    @property
    def stops_publishing(self) -> bool:
        """True when this outcome must keep the last good version served."""
        return self.blocking and not self.passed

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> CheckResult:
        """Inverse of `to_dict`."""
        return cls(**values)
