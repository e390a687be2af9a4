"""Land batches: cast, check, write, give each a receipt. Nothing is lost; one bad input stops no other."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
import pyarrow as pa

from assets.connectors.base import Batch, RejectedInput, UnusableInput
from assets.landing.casting import TypedBatch, cast, repeated
from assets.landing.contracts import TableContract
from assets.landing.faults import Rows, RuleOutcome, faulty_mask, joined
from assets.landing.plan import MeasurementPlan
from assets.landing.receipts import InputRecord, Receipt, WindowRecord
from assets.landing.store import Store, redact, slug
from assets.landing.summary import LandingSummary, summarise
from assets.landing.writing import (
    batch_checks,
    control_totals,
    metrics_of,
    unplanned,
    write_landed,
    write_quarantine,
)
from assets.memory import give_back

#: Small batches are checked together up to this many rows, large ones in such slices: starting a suite costs as much
#: as 300,000 rows, and pandas holds 200 bytes a row while it runs.
ROWS_A_SUITE = 200_000
#: Rows of tickets and other records are ten times as wide as samples.
RECORDS_A_SUITE = 50_000


@dataclass
class _Landing:
    """One call of `land`: its settings, and the batches that wait to be checked together."""

    contract: TableContract
    store: Store
    source: str
    plan: MeasurementPlan
    extracted_at: datetime
    code_version: str
    config_hash: str
    waiting: list[TypedBatch] = field(default_factory=list)
    written: list[Receipt] = field(default_factory=list)
    rejected: list[RejectedInput] = field(default_factory=list)

    def reject(self, item: RejectedInput) -> None:
        self.store.keep_rejected(item, self.extracted_at)
        self.rejected.append(item)

    def add(self, batch: Batch) -> None:
        if any(other.batch.batch_id == batch.batch_id for other in self.waiting):
            self.flush()
        try:
            self.waiting.append(cast(batch, self.contract))
        except UnusableInput as error:
            self.reject(_refused(batch, error))
            batch.landed()
        give_back()
        if sum(typed.frame.num_rows for typed in self.waiting) >= _rows_a_suite(self.contract):
            self.flush()

    def flush(self) -> None:
        """Check the waiting batches in one go and write each with its receipt."""
        waiting, self.waiting = self.waiting, []
        give_back()
        outcomes = _validate(waiting, self.contract, self.plan, self.extracted_at)
        for typed, found in zip(waiting, outcomes, strict=True):
            self.written.append(_write(self, typed, found))
            typed.batch.landed()


def land(
    batches: Iterable[Batch | RejectedInput],
    contract: TableContract,
    store: Store,
    *,
    source: str,
    plan: MeasurementPlan | None,
    extracted_at: datetime,
    code_version: str,
    config_hash: str,
    max_quarantined_ratio: float,
) -> LandingSummary:
    """Land the batches of one source's table; unchanged ones are skipped, changed ones supersede.

    `extracted_at` (aware) is the system time of all receipts written. The summary covers every current batch
    of the source's table, so that a run with nothing new repeats the outcome of the checks. Raises
    `ConservationError` when a row would be lost, which is a defect of Ullage.
    """
    if extracted_at.tzinfo is None:
        raise ValueError("extracted_at has no zone; fix: pass an aware datetime")
    rules = plan or MeasurementPlan()
    run = _Landing(contract, store, source, rules, extracted_at, code_version, config_hash)
    is_landed = store.is_landed(source, contract, rules)
    for item in batches:
        if isinstance(item, RejectedInput):
            run.reject(item)
        elif is_landed(item.batch_id, item.fingerprint):
            item.landed()
        else:
            run.add(item)
        # The connector makes the next batch without this one beside it.
        del item
    run.flush()
    current = sorted(store.current(source, contract.name).values(), key=lambda receipt: receipt.batch_id)
    return summarise(source, contract.name, current, run.written, run.rejected, max_quarantined_ratio)


def _refused(batch: Batch, error: UnusableInput) -> RejectedInput:
    return RejectedInput(
        source=batch.source,
        table=batch.table,
        batch_id=batch.batch_id,
        input_path=batch.input_path,
        reason=error.reason,
        fix=error.fix,
        input_sha256=batch.input_sha256,
        input_bytes=batch.input_bytes,
        local_path=batch.local_path,
        frame=None if batch.local_path else batch.frame,
    )


def _validate(
    waiting: list[TypedBatch], contract: TableContract, plan: MeasurementPlan, extracted_at: datetime
) -> list[list[RuleOutcome]]:
    """Outcomes of the suites for each waiting batch. The suites see only rows that casting could read."""
    from checks.batches import validate_keys, validate_rows

    if not waiting:
        return []
    good = [_good_rows(typed) for typed in waiting]
    table = _suite_table(waiting, good, contract)
    # One batch may be much larger than a suite: in slices, pandas holds only a part of it at a time.
    slices = range(0, max(table.num_rows, 1), _rows_a_suite(contract))
    parts = []
    for start in slices:
        parts.append(validate_rows(table.slice(start, slices.step).to_pandas(), contract, plan, extracted_at))
        give_back()
    outcomes = [joined(same, slices) for same in zip(*parts, strict=True)]
    passed = ~faulty_mask([item.fault for item in outcomes if item.fault], table.num_rows)
    give_back()
    keys = table.select(["batch", *contract.key, "source_row"])
    found: list[list[RuleOutcome]] = [[] for _ in waiting]
    ends = np.cumsum([len(rows) for rows in good])
    for item in outcomes:
        _share(found, item, ends, good)
    if not passed.all():
        kept = np.split(passed, ends[:-1])
        good = [np.asarray(rows)[keep] for rows, keep in zip(good, kept, strict=True)]
        ends = np.cumsum([len(rows) for rows in good])
        keys = keys.filter(pa.array(passed))
    del table
    _share(found, validate_keys(keys, contract), ends, good)
    return found


def _good_rows(typed: TypedBatch) -> Rows | range:
    """Positions of the rows that casting could read: as a range, which weighs nothing, where it could read all."""
    if not typed.faults:
        return range(typed.frame.num_rows)
    return np.flatnonzero(~faulty_mask(typed.faults, typed.frame.num_rows))


def _rows_a_suite(contract: TableContract) -> int:
    return ROWS_A_SUITE if contract.is_metric else RECORDS_A_SUITE


def _share(
    found: list[list[RuleOutcome]], outcome: RuleOutcome, ends: np.ndarray, good: list[Rows | range]
) -> None:
    """Give each batch its part of a rule's outcome. Of the suite's frame a batch has the rows up to its end."""
    fault, start = outcome.fault, 0
    for outcomes, end, rows in zip(found, ends.tolist(), good, strict=True):
        part = None if fault is None else fault.between(start, end)
        part = part.moved(np.asarray(rows), start) if part is not None and len(part.rows) else None
        outcomes.append(RuleOutcome(outcome.name, end - start, part))
        start = end


def _suite_table(waiting: list[TypedBatch], good: list[Rows | range], contract: TableContract) -> pa.Table:
    """The columns that rules look at, of the good rows of all waiting batches, one under the other."""
    from checks.batches import rule_columns

    parts = []
    for number, (typed, rows) in enumerate(zip(waiting, good, strict=True)):
        part = typed.frame.select([*rule_columns(contract), "source_row"])
        if len(rows) < part.num_rows:
            part = part.take(pa.array(rows))
        parts.append(part.append_column("batch", repeated(pa.array([number], pa.int32()), len(rows))))
    return pa.concat_tables(parts).unify_dictionaries()


def _write(run: _Landing, typed: TypedBatch, outcomes: list[RuleOutcome]) -> Receipt:
    """Write one batch's files, then its receipt."""
    batch, contract, store = typed.batch, run.contract, run.store
    faults = [*typed.faults, *(item.fault for item in outcomes if item.fault is not None)]
    refused = faulty_mask(faults, typed.frame.num_rows)
    give_back()
    unknown = faulty_mask([fault for fault in faults if not fault.is_known], typed.frame.num_rows)
    previous = store.current(run.source, contract.name).get(batch.batch_id)
    version = previous.version + 1 if previous else 1
    metrics = metrics_of(typed)
    receipt = Receipt(
        receipt_id=f"{run.source}.{contract.name}.{slug(batch.batch_id)}.v{version:04d}",
        source=run.source,
        table=contract.name,
        batch_id=batch.batch_id,
        version=version,
        supersedes=previous.receipt_id if previous else None,
        query=None if batch.query is None else redact(batch.query),
        window=WindowRecord(start=batch.window.start, end=batch.window.end) if batch.window else None,
        extracted_at=run.extracted_at,
        rows_received=typed.rows_received,
        rows_landed=int((~refused).sum()),
        rows_quarantined=int(refused.sum()) + len(batch.broken) * typed.width,
        rows_excluded=int((refused & ~unknown).sum()),
        control_totals=control_totals(typed, refused),
        input=InputRecord(path=redact(batch.input_path), sha256=batch.input_sha256, bytes=batch.input_bytes),
        landed=write_landed(store, typed, refused, run.source),
        quarantined=write_quarantine(store, typed, faults, run.source),
        checks=tuple(check.to_dict() for check in batch_checks(typed, outcomes)),
        warnings=tuple(redact(text) for text in [*typed.warnings, *unplanned(metrics, run.plan, batch)]),
        metrics=metrics,
        fingerprint=batch.fingerprint,
        version_fingerprint=batch.version_fingerprint,
        plan_digest=run.plan.digest(metrics),
        contract_digest=contract.digest,
        code_version=run.code_version,
        config_hash=run.config_hash,
    )
    store.write_receipt(receipt)
    return receipt
