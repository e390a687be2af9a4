"""Great Expectations suites on raw batches after casting and before they land.

A suite is built from the record contract and the measurement plan. It runs on a pandas frame; each
expectation is one rule, and each row that breaks it becomes part of a `Fault`. Rules that Great Expectations
evaluates row by row (comparing timestamps, converting units) are computed as boolean columns first and then
expected to be true.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from assets.landing.contracts import TableContract
from assets.landing.faults import Fault, Rows, RuleOutcome, joined
from assets.landing.plan import MeasurementPlan
from checks.expectations import validate
from checks.metric_rules import add_plan_columns

#: Clocks of sources may run ahead of ours by this much before a timestamp counts as future.
CLOCK_TOLERANCE = timedelta(minutes=5)
#: The first zone to see a new day is 14 hours ahead of UTC.
DATE_TOLERANCE = timedelta(hours=14)
#: Answers about keys that Great Expectations sees at a time.
ROWS_AT_A_TIME = 250_000

Text = str | Callable[[pd.DataFrame], list[str]]


@dataclass(frozen=True)
class Rule:
    """One expectation and what to say of a row that breaks it.

    `kind` is given, allowed, range or true (a boolean column that must be true); `column` is the column it
    looks at, `field` the contract field that a person must mend. `what` may be a function from the broken
    rows to texts.
    """

    name: str
    kind: str
    field: str
    column: str
    what: Text
    fix: Text
    values: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None


def batch_rules(contract: TableContract) -> list[Rule]:
    """The rules of single rows that the contract and the measurement plan set, uniqueness apart."""
    rules: list[Rule] = []
    for name, field in contract.fields.items():
        if field.required:
            fix = "deliver a value, or a default in the declaration"
            rules.append(Rule(f"{name}_is_given", "given", name, name, "is missing", fix))
        if field.values is not None:
            listed = ", ".join(field.values)
            fix = f"deliver one of {listed}, or map it under replace in the declaration"
            rules.append(
                Rule(f"{name}_is_allowed", "allowed", name, name, "is not allowed", fix, field.values)
            )
        if field.minimum is not None or field.maximum is not None:
            what = f"is not {_span(field.minimum, field.maximum)}"
            fix = "correct it at the source, or its unit in the declaration"
            rule = Rule(f"{name}_is_in_range", "range", name, name, what, fix)
            rules.append(replace(rule, minimum=field.minimum, maximum=field.maximum))
    for name in _clock_fields(contract):
        fix = "correct the source's clock, or the zone in the declaration"
        rules.append(Rule(f"{name}_is_not_future", "true", name, f"{name}__is_past", "is in the future", fix))
    return rules + _metric_rules(contract)


def _clock_fields(contract: TableContract) -> list[str]:
    """Fields that tell when something happened, as opposed to when it is planned."""
    return sorted({name for name in (contract.time, contract.since) if name is not None})


def _metric_rules(contract: TableContract) -> list[Rule]:
    if not contract.is_metric:
        return []
    rules = [
        Rule(
            "unit_fits_plan", "true", "unit", "unit__fits_plan",
            lambda rows: [f"does not convert to {unit}, the unit in the plan" for unit in rows["plan__unit"]],
            "declare the unit that the source really delivers, or correct the measurement plan",
        )
    ]  # fmt: skip
    if "value" in contract.fields:
        rules += [
            Rule(
                "value_fits_plan", "true", "value", "value__fits_plan", _outside_plan,
                "correct the source or its unit, or the range in the measurement plan",
            ),
            Rule(
                "counter_is_not_negative", "true", "value", "value__is_countable", "is a negative counter",
                "declare kind: gauge if it may fall, or correct the source",
            ),
        ]  # fmt: skip
    return rules


def rule_columns(contract: TableContract) -> list[str]:
    """The fields that rules look at, in the order of the contract."""
    wanted = {rule.field for rule in batch_rules(contract)} | {*contract.key, *_clock_fields(contract)}
    if contract.is_metric:
        wanted |= {"metric", "unit", "kind", "value"}
    return [name for name in contract.fields if name in wanted]


def key_rule(contract: TableContract) -> Rule:
    """The rule that a key occurs once in a batch: the first row stays."""
    key = ", ".join(contract.key)
    return Rule(
        "key_is_unique", "true", contract.key[0], "key__is_first", f"repeats the key ({key})",
        "deliver one row a key",
    )  # fmt: skip


def validate_rows(
    frame: pd.DataFrame, contract: TableContract, plan: MeasurementPlan | None, extracted_at: datetime
) -> list[RuleOutcome]:
    """Check each row by itself. `frame` has the contract's fields (index 0..n-1) and is not changed.

    `extracted_at` is aware. Faults name rows by position. Raises `RuntimeError` when Great Expectations could
    not evaluate a rule: a rule is never skipped.
    """
    table = frame.copy(deep=False)
    for name in _clock_fields(contract):
        table[f"{name}__is_past"] = _is_past(table[name], extracted_at)
    rules = batch_rules(contract)
    if any(rule.name == "unit_fits_plan" for rule in rules):
        add_plan_columns(table, plan or MeasurementPlan(), contract.time)
    return _validate(table, rules)


def validate_keys(table: pa.Table, contract: TableContract) -> RuleOutcome:
    """Check that a key occurs once within each `batch`: the first row stays.

    `table` has the key, `batch` and `source_row`.
    """
    labels = _key_labels(table, ["batch", *contract.key])
    repeats = _repeats(labels)
    starts = range(0, max(len(repeats), 1), ROWS_AT_A_TIME)
    rule = [key_rule(contract)]
    # Great Expectations sees only the answer: it copies what it is given.
    parts = [
        _validate(pd.DataFrame({"key__is_first": ~repeats[start : start + starts.step]}), rule)[0]
        for start in starts
    ]
    outcome = joined(parts, starts)
    if outcome.fault is None:
        return outcome
    known, firsts = np.unique(labels, return_index=True)
    first = firsts[np.searchsorted(known, labels[outcome.fault.rows])]
    rows = table["source_row"].take(pa.array(first)).to_pylist()
    key = ", ".join(contract.key)
    what = [f"repeats the key ({key}) of row {row}" for row in rows]
    return replace(outcome, fault=replace(outcome.fault, what=what))


def _repeats(labels: np.ndarray) -> np.ndarray:
    """True for each label that occurred before."""
    if (labels[1:] > labels[:-1]).all():
        return np.zeros(len(labels), dtype=bool)
    in_order = np.sort(labels)
    if (in_order[1:] != in_order[:-1]).all():
        # The usual case. The table that tells which ones repeat weighs more than the batch.
        return np.zeros(len(labels), dtype=bool)
    del in_order
    return pd.Series(labels).duplicated(keep="first").to_numpy()


def _key_labels(table: pa.Table, key: list[str]) -> np.ndarray:
    """One whole number a row, equal where the key is equal (missing parts of it too)."""
    labels = np.zeros(table.num_rows, dtype=np.int64)
    size = 1
    for name in key:
        pieces, count = _codes(table[name])
        if size * count >= 2**62:
            labels, kept = pd.factorize(labels)
            size = len(kept)
        if size * count >= 2**62:
            codes, distinct = pd.factorize(np.concatenate(list(pieces)))
            pieces, count = iter([codes]), len(distinct)
        # In place: a batch may hold millions.
        labels *= count
        start = 0
        for codes in pieces:
            labels[start : start + len(codes)] += codes
            start += len(codes)
        size *= count
    return labels


def _codes(values: pa.ChunkedArray) -> tuple[Iterator[np.ndarray], int]:
    """A number from 0 for each value, equal where values are equal, piece by piece; and a limit above them.

    Moments, whole numbers and words of a dictionary are numbers as they are; for others a table is made.
    """
    if pa.types.is_dictionary(values.type):
        unified = values.unify_dictionaries()
        words = len(unified.chunk(0).dictionary) if unified.num_chunks else 0
        return (pc.fill_null(one.indices, words).to_numpy() for one in _pieces(unified)), words + 1
    is_number = pa.types.is_timestamp(values.type) or pa.types.is_integer(values.type)
    if is_number and len(values) and not values.null_count:
        least, most = (one.cast(pa.int64()).as_py() for one in pc.min_max(values).values())
        if most - least < 2**62:
            return (one.cast(pa.int64()).to_numpy() - least for one in _pieces(values)), most - least + 1
    codes, distinct = pd.factorize(values.to_pandas())
    return iter([codes + 1]), len(distinct) + 1


def _pieces(values: pa.ChunkedArray) -> Iterator[pa.Array]:
    """Chunks of a size that computing with them does not double."""
    for chunk in values.chunks:
        for start in range(0, len(chunk), ROWS_AT_A_TIME):
            yield chunk.slice(start, ROWS_AT_A_TIME)


def _is_past(times: pd.Series, extracted_at: datetime) -> np.ndarray:
    limit: datetime | date
    if pd.api.types.is_datetime64_any_dtype(times):
        naive = pd.Timestamp(extracted_at + CLOCK_TOLERANCE).tz_convert("UTC").tz_localize(None)
        return ~(times.to_numpy() > naive.to_datetime64())
    limit = pd.Timestamp(extracted_at + DATE_TOLERANCE).tz_convert("UTC").date()
    days = pd.to_datetime(times).to_numpy().astype("datetime64[D]")
    return ~(days > np.datetime64(limit))


def _outside_plan(rows: pd.DataFrame) -> list[str]:
    columns = ["plan__value", "plan__unit", "plan__minimum", "plan__maximum"]
    texts = []
    for value, unit, low, high in zip(*(rows[name].tolist() for name in columns), strict=True):
        span = _span(None if math.isinf(low) else low, None if math.isinf(high) else high)
        texts.append(f"({value:.6g} in unit {unit}) is not {span}")
    return texts


def _span(low: float | None, high: float | None) -> str:
    if high is None:
        return f"{low:.15g} or more"
    return f"{high:.15g} or less" if low is None else f"between {low:.15g} and {high:.15g}"


def _validate(table: pd.DataFrame, rules: list[Rule]) -> list[RuleOutcome]:
    outcomes = {rule.name: RuleOutcome(rule.name, len(table), None) for rule in rules}
    if not len(table):
        return list(outcomes.values())
    by_name = {rule.name: rule for rule in rules}
    for result in _run(table, rules).results:
        rule = by_name[result.expectation_config.meta["rule"]]
        if result.exception_info.get("raised_exception", True) or "element_count" not in result.result:
            raise RuntimeError(f"the rule {rule.name} could not be evaluated: {result.exception_info}")
        if result.success:
            continue
        rows = np.sort(np.asarray(result.result["unexpected_index_list"], dtype=np.int64))
        fault = Fault(
            rule.name, rule.field, rows, _text(rule.what, table, rows), _text(rule.fix, table, rows)
        )
        outcomes[rule.name] = RuleOutcome(rule.name, len(table), fault)
    return list(outcomes.values())


def _text(text: Text, table: pd.DataFrame, rows: Rows) -> str | list[str]:
    return text if isinstance(text, str) else text(table.iloc[rows])


def _run(table: pd.DataFrame, rules: list[Rule]) -> Any:
    return validate(table, "batch", lambda: [_expectation(rule) for rule in rules])


def _expectation(rule: Rule) -> Any:
    import great_expectations.expectations as gxe

    meta = {"rule": rule.name}
    if rule.kind == "given":
        return gxe.ExpectColumnValuesToNotBeNull(column=rule.column, meta=meta)
    if rule.kind == "allowed":
        return gxe.ExpectColumnValuesToBeInSet(column=rule.column, value_set=list(rule.values), meta=meta)
    if rule.kind == "range":
        return gxe.ExpectColumnValuesToBeBetween(
            column=rule.column, min_value=rule.minimum, max_value=rule.maximum, meta=meta
        )
    return gxe.ExpectColumnValuesToBeInSet(column=rule.column, value_set=[True], meta=meta)
