"""Reconciliations: the same measure by two independent paths must agree.

Path one is what the receipts say was landed; path two is what the marts hold. Pure: callers pass the two counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from checks.results import CheckResult

STAGE = "reconciliation"


def compare(
    name: str, table: str, receipts: Mapping[str, int], warehouse: Mapping[str, int], unit: str = "rows"
) -> CheckResult:
    """Compare two counts key by key (a day, a source table). The message names the first key that differs."""
    keys = sorted(set(receipts) | set(warehouse))
    different = [key for key in keys if receipts.get(key, 0) != warehouse.get(key, 0)]
    message = f"{sum(receipts.values())} {unit} by both paths"
    if different:
        key = different[0]
        message = (
            f"{len(different)} of {len(keys)} keys differ; first {key}: {receipts.get(key, 0)} {unit} by receipts, "
            f"{warehouse.get(key, 0)} in the warehouse"
        )
    return CheckResult(
        name=name,
        table=table,
        stage=STAGE,
        passed=not different,
        blocking=True,
        rows_checked=sum(receipts.values()),
        rows_failed=sum(abs(receipts.get(key, 0) - warehouse.get(key, 0)) for key in different),
        message=message,
    )


def newest_day(table: str, days: Sequence[date], as_of: date) -> CheckResult:
    """Warn when the newest landed day is before `as_of`: figures would be of an older day than they claim."""
    newest = max((day for day in days if day <= as_of), default=None)
    passed = newest == as_of
    message = (
        f"newest day {newest}" if passed else f"newest day is {newest or 'missing'}, the run is as of {as_of}"
    )
    return CheckResult(
        name="newest_day_is_fresh", table=table, stage=STAGE, passed=passed, severity="warn", message=message
    )
