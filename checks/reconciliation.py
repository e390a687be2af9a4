"""Reconciliations: the same measure by two independent paths must agree.

Path one is what the receipts say was landed; path two is what the marts hold. Pure: callers pass the two counts.
"""

from __future__ import annotations

from collections.abc import Mapping

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
