"""What a batch leaves behind: files by UTC day, quarantined rows, checks, warnings and control totals."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from assets.connectors.base import Batch
from assets.landing.casting import TypedBatch, check_name
from assets.landing.declaration import Sidecar
from assets.landing.faults import Fault, RuleOutcome
from assets.landing.plan import MeasurementPlan
from assets.landing.quarantine import BROKEN, SCHEMA, broken_reason, first_reason, quarantined_rows
from assets.landing.receipts import LandedFile, QuarantinedFile
from assets.landing.store import Store
from assets.landing.totals import landed_totals, received_totals
from assets.memory import give_back
from checks.results import CheckResult

STAGE = "landing"
#: A batch with more metrics than this depends on the whole plan: its receipt does not list them.
MAX_METRICS = 1_000
#: Rows of a landed file that are plain text at a time: repeated words weigh ten times their codes. Also the rows of
#: a group in the file.
ROWS_A_PIECE = 125_000


def write_landed(store: Store, typed: TypedBatch, refused: np.ndarray, source: str) -> tuple[LandedFile, ...]:
    """Write the rows that are not refused: one file a UTC day, or one for a snapshot."""
    contract, batch = typed.contract, typed.batch
    kept = typed.frame if not refused.any() else typed.frame.filter(pa.array(~refused))
    if not kept.num_rows:
        return ()
    return tuple(
        store.write_landed(
            source, contract.name, batch.batch_id, day, _as_contracted(rows, typed), contract.arrow_schema
        )
        for day, rows in _by_day(kept, contract.time)
    )


def _by_day(frame: pa.Table, time: str | None) -> list[tuple[date | None, pa.Table]]:
    if time is None:
        return [(None, frame)]
    first, last = pc.min_max(pc.cast(frame[time], pa.date32())).values()
    if first == last:
        # The usual case: no order is needed, which would weigh as much as the samples of a day.
        return [(first.as_py(), frame)]
    days = pc.cast(frame[time], pa.date32()).to_numpy().astype("datetime64[D]").astype(np.int64)
    if not (days[1:] >= days[:-1]).all():
        order = np.argsort(days, kind="stable")
        days, frame = days[order], frame.take(pa.array(order))
    starts = [0, *(np.flatnonzero(days[1:] != days[:-1]) + 1).tolist()]
    ends = [*starts[1:], len(days)]
    epoch = date(1970, 1, 1).toordinal()
    return [
        (date.fromordinal(epoch + int(days[start])), frame.slice(start, end - start))
        for start, end in zip(starts, ends, strict=True)
    ]


def _as_contracted(rows: pa.Table, typed: TypedBatch) -> Iterator[pa.Table]:
    """Exactly the columns and types of the contract, in pieces of one chunk: the same rows give the same bytes."""
    schema = typed.contract.arrow_schema
    for start in range(0, rows.num_rows, ROWS_A_PIECE):
        piece = rows.slice(start, ROWS_A_PIECE)
        path = pa.array([typed.batch.input_path]).take(pa.array(np.zeros(piece.num_rows, dtype=np.int32)))
        piece = piece.append_column("source_file", path)
        columns = [pc.cast(piece[item.name], item.type) for item in schema]
        yield pa.table(columns, schema=schema).combine_chunks()
        del columns
        give_back()


def write_quarantine(
    store: Store, typed: TypedBatch, faults: list[Fault], source: str
) -> tuple[QuarantinedFile, ...]:
    """Write the rows that faults name and the broken ones, when there are any."""
    if not faults and not typed.batch.broken:
        return ()
    pieces = quarantined_rows(typed, faults)
    return (store.write_quarantine(source, typed.contract.name, typed.batch.batch_id, pieces, SCHEMA),)


def batch_checks(typed: TypedBatch, outcomes: list[RuleOutcome]) -> list[CheckResult]:
    """One result a rule: what casting found, then what the suites found.

    Failures are warnings here, because the rows are quarantined; whether they are too many the summary says.
    """
    table = typed.contract.name
    count = typed.frame.num_rows
    broken = len(typed.batch.broken) * typed.width
    results = [_result(BROKEN, table, typed.rows_received, broken, broken_reason(typed))]
    names = [check_name(name, rules) for name, rules in typed.contract.fields.items()]
    names += [fault.rule for fault in typed.faults if not fault.is_known]
    for name in dict.fromkeys(names):
        faults = [fault for fault in typed.faults if fault.rule == name]
        failed = sum(len(fault.rows) for fault in faults)
        results.append(_result(name, table, count, failed, first_reason(typed, faults)))
    for outcome in outcomes:
        faults = [] if outcome.fault is None else [outcome.fault]
        failed = sum(len(fault.rows) for fault in faults)
        results.append(
            _result(outcome.name, table, outcome.rows_checked, failed, first_reason(typed, faults))
        )
    return results


def _result(name: str, table: str, checked: int, failed: int, message: str) -> CheckResult:
    return CheckResult(
        name=name,
        table=table,
        stage=STAGE,
        passed=failed == 0,
        severity="warn",
        rows_checked=checked,
        rows_failed=failed,
        message=message,
    )


def metrics_of(typed: TypedBatch) -> tuple[str, ...] | None:
    """The metrics that a batch brings, sorted; None when there are too many to list."""
    if not typed.contract.is_metric:
        return ()
    found = pc.unique(typed.frame["metric"]).drop_null()
    if len(found) > MAX_METRICS:
        return None
    return tuple(sorted(found.to_pylist()))


def unplanned(metrics: tuple[str, ...] | None, plan: MeasurementPlan, batch: Batch) -> list[str]:
    """A warning when the measurement plan does not name a metric: its rows land, but no model uses them."""
    strangers = [metric for metric in metrics or () if not plan.of(metric)]
    if not strangers:
        return []
    listed = ", ".join(strangers[:10]) + (" …" if len(strangers) > 10 else "")
    return [
        f"{batch.input_path}: metrics that the measurement plan does not name land unused: {listed}; "
        "fix: add them to the measurement plan, or stop delivering them"
    ]


def control_totals(typed: TypedBatch, refused: np.ndarray) -> dict[str, Any]:
    """Declared, received and landed totals; `declared` is None when the source declares none."""
    batch = typed.batch
    declared = batch.declaration.control_totals if isinstance(batch.declaration, Sidecar) else None
    columns = list(declared.sums) if declared else []
    return {
        "declared": declared.model_dump(mode="json") if declared else None,
        "received": received_totals(batch.frame, len(batch.broken), columns, batch.declaration),
        "landed": landed_totals(typed, refused, columns),
    }
