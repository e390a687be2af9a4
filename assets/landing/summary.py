"""The outcome of landing one source's table: every current batch, and what this run did."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from assets.connectors.base import RejectedInput
from assets.landing.receipts import Receipt
from assets.landing.store import redact
from checks.results import CheckResult

STAGE = "landing"
RATIO = "quarantined_rows_are_few"
ACCEPTED = "inputs_are_accepted"


@dataclass(frozen=True)
class LandingSummary:
    """Sums over the current receipts of one source's table, and over what this run wrote.

    `batches_skipped` are current and were not written by this run. `checks` holds one result a rule over all
    current batches; `warnings` and `rejections` are one line each. `inputs` are the places they were read from.
    """

    source: str
    table: str
    batches_current: int
    batches_written: int
    batches_skipped: int
    rows_received: int
    rows_landed: int
    rows_quarantined: int
    rows_excluded: int
    rows_written: int
    rejections: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    checks: tuple[CheckResult, ...] = ()
    receipts_written: tuple[str, ...] = field(default=())
    inputs: tuple[str, ...] = field(default=())

    @property
    def is_conserved(self) -> bool:
        """True when every row received is landed or quarantined."""
        return self.rows_received == self.rows_landed + self.rows_quarantined

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        plain = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {**plain, "checks": [check.to_dict() for check in self.checks]}


def summarise(
    source: str,
    table: str,
    current: list[Receipt],
    written: list[Receipt],
    rejected: list[RejectedInput],
    max_quarantined_ratio: float,
) -> LandingSummary:
    """Add up the current receipts and judge them.

    Two results may stop publishing: too large a share of a batch in quarantine (rows that a declaration
    excludes do not count), and a refused input, which counts as wholly quarantined.
    """
    return LandingSummary(
        source=source,
        table=table,
        batches_current=len(current),
        batches_written=len(written),
        batches_skipped=len(current) - len({receipt.batch_id for receipt in written}),
        rows_received=sum(receipt.rows_received for receipt in current),
        rows_landed=sum(receipt.rows_landed for receipt in current),
        rows_quarantined=sum(receipt.rows_quarantined for receipt in current),
        rows_excluded=sum(receipt.rows_excluded for receipt in current),
        rows_written=sum(receipt.rows_received for receipt in written),
        rejections=tuple(redact(item.message) for item in rejected),
        warnings=tuple(dict.fromkeys(text for receipt in current for text in receipt.warnings)),
        checks=(
            _accepted(table, current, rejected, max_quarantined_ratio),
            _ratio(table, current, max_quarantined_ratio),
            *_rules(table, current),
        ),
        receipts_written=tuple(receipt.receipt_id for receipt in written),
        inputs=tuple(dict.fromkeys(receipt.input.path for receipt in current)),
    )


def _accepted(
    table: str, current: list[Receipt], rejected: list[RejectedInput], max_ratio: float
) -> CheckResult:
    message = f"{len(current)} inputs are landed"
    if rejected:
        more = f" (and {len(rejected) - 1} more)" if len(rejected) > 1 else ""
        message = redact(rejected[0].message) + more
    return CheckResult(
        name=ACCEPTED,
        table=table,
        stage=STAGE,
        passed=not rejected,
        severity="error",
        blocking=max_ratio < 1,
        rows_checked=len(current) + len(rejected),
        rows_failed=len(rejected),
        message=message,
    )


def _ratio(table: str, current: list[Receipt], max_ratio: float) -> CheckResult:
    worst: Receipt | None = None
    failing = []
    for receipt in current:
        if _share(receipt) > max_ratio:
            failing.append(receipt)
            worst = receipt if worst is None or _share(receipt) > _share(worst) else worst
    faults = sum(receipt.rows_quarantined - receipt.rows_excluded for receipt in current)
    received = sum(receipt.rows_received for receipt in current)
    message = f"{faults:,} of {received:,} rows are in quarantine; at most {max_ratio:.2%} of a batch may be"
    if worst is not None:
        first = next((check["message"] for check in worst.checks if not check["passed"]), "")
        message = (
            f"{len(failing)} of {len(current)} batches have more than {max_ratio:.2%} of their rows in "
            f"quarantine; the worst is {worst.input.path} with {_share(worst):.1%}: {first}"
        )
    return CheckResult(
        name=RATIO,
        table=table,
        stage=STAGE,
        passed=not failing,
        severity="error",
        blocking=True,
        rows_checked=received,
        rows_failed=faults,
        message=message,
    )


def _share(receipt: Receipt) -> float:
    """Share of a batch's wanted rows that is in quarantine; excluded rows count on neither side."""
    wanted = receipt.rows_received - receipt.rows_excluded
    return (receipt.rows_quarantined - receipt.rows_excluded) / wanted if wanted else 0.0


def _rules(table: str, current: list[Receipt]) -> list[CheckResult]:
    """One result a rule over all current batches, with the first failure's message."""
    checked: dict[str, list[CheckResult]] = {}
    for receipt in current:
        for check in receipt.check_results:
            checked.setdefault(check.name, []).append(check)
    results = []
    for name, checks in checked.items():
        failed = [check for check in checks if not check.passed]
        results.append(
            CheckResult(
                name=name,
                table=table,
                stage=STAGE,
                passed=not failed,
                severity="warn",
                rows_checked=sum(check.rows_checked for check in checks),
                rows_failed=sum(check.rows_failed for check in checks),
                message=failed[0].message if failed else "",
            )
        )
    return results
