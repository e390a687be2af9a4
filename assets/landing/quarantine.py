"""Rows that do not land: each with its place, its value, a reason, a fix and its original text."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from assets.landing.casting import TypedBatch
from assets.landing.faults import Fault, shorten

SCHEMA = pa.schema(
    [
        ("source_file", pa.string()),
        ("source_row", pa.int64()),
        ("field", pa.string()),
        ("rule", pa.string()),
        ("value", pa.string()),
        ("reason", pa.string()),
        ("fix", pa.string()),
        ("original", pa.string()),
    ]
)
BROKEN = "row_is_readable"
#: Rows written at a time: bounds the memory that originals need.
PIECE_ROWS = 20_000
_encode = json.JSONEncoder(ensure_ascii=False, default=str).encode


def quarantined_rows(typed: TypedBatch, faults: list[Fault]) -> Iterator[pa.Table]:
    """The rows that the faults name, once each, in pieces; then the rows that could not be split.

    The first fault of a row gives its field, value and reason; the reasons of further ones are appended.
    """
    rows, fault_ids, places = _pairs(faults)
    unique, starts = np.unique(rows, return_index=True)
    ends = [*starts[1:].tolist(), len(rows)]
    for first in range(0, len(unique), PIECE_ROWS):
        chosen = unique[first : first + PIECE_ROWS]
        originals = _originals(typed, chosen)
        entries = []
        for offset, row in enumerate(chosen.tolist()):
            start, end = int(starts[first + offset]), ends[first + offset]
            found = [(faults[fault_ids[i]], int(places[i])) for i in range(start, end)]
            entries.append(_entry(typed, row, found, originals[offset]))
        yield pa.Table.from_pylist(entries, schema=SCHEMA)
    if typed.batch.broken:
        yield pa.Table.from_pylist(_broken(typed), schema=SCHEMA)


def first_reason(typed: TypedBatch, faults: list[Fault]) -> str:
    """Reason and fix of the first row that a fault names, for messages."""
    for table in quarantined_rows(typed, [_head(fault) for fault in faults if not fault.is_known][:1]):
        entry = table.slice(0, 1).to_pylist()[0]
        return f"{entry['reason']}; fix: {entry['fix']}"
    return ""


def broken_reason(typed: TypedBatch) -> str:
    """Reason and fix of the first row that could not be split, for messages; empty when all could."""
    if not typed.batch.broken:
        return ""
    entry = _broken(typed)[0]
    return f"{entry['reason']}; fix: {entry['fix']}"


def _head(fault: Fault) -> Fault:
    what, fix = fault.text_of(0)
    return Fault(fault.rule, fault.field, fault.rows[:1], what, fix, fault.is_known)


def _pairs(faults: list[Fault]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(row, fault, place in the fault), ordered by row and then by fault."""
    empty = np.zeros(0, dtype=np.int64)
    rows = np.concatenate([empty, *(fault.rows for fault in faults)])
    ids = np.concatenate([empty, *(np.full(len(fault.rows), i) for i, fault in enumerate(faults))])
    places = np.concatenate([empty, *(np.arange(len(fault.rows)) for fault in faults)])
    order = np.argsort(rows, kind="stable")
    return rows[order], ids[order], places[order]


def _originals(typed: TypedBatch, rows: np.ndarray) -> list[tuple[int, dict[str, Any]]]:
    places = typed.source_positions(rows)
    raw = typed.batch.frame.take(pa.array(places)).to_pylist()
    numbers = typed.frame["source_row"].take(pa.array(rows)).to_pylist()
    return list(zip(numbers, raw, strict=True))


def _entry(
    typed: TypedBatch, row: int, found: list[tuple[Fault, int]], original: tuple[int, dict[str, Any]]
) -> dict[str, Any]:
    number, raw = original
    fault, place = found[0]
    what, fix = fault.text_of(place)
    value = _value(typed, fault.field, row, raw)
    shown = "" if value is None else f" {shorten(value)}"
    reason = f"{typed.batch.input_path}, row {number}, field {fault.field}:{shown} {what}"
    for other, other_place in found[1:]:
        reason += f"; also field {other.field} {other.text_of(other_place)[0]}"
    return {
        "source_file": typed.batch.input_path,
        "source_row": number,
        "field": fault.field,
        "rule": fault.rule,
        "value": None if value is None else shorten(value),
        "reason": reason,
        "fix": fix,
        "original": _encode(_plain(raw)),
    }


def _value(typed: TypedBatch, field: str, row: int, raw: dict[str, Any]) -> Any:
    if field in raw and field not in typed.contract.fields:
        return raw[field]
    column = typed.source_column(field, row)
    if column is not None:
        value = raw.get(column)
        return None if value == "" else value
    return typed.frame[field][row].as_py() if field in typed.frame.column_names else None


def _plain(value: Any) -> Any:
    """The value without what JSON cannot say: NaN and infinity become text."""
    if isinstance(value, dict):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def _broken(typed: TypedBatch) -> list[dict[str, Any]]:
    path = typed.batch.input_path
    entries = []
    for row in typed.batch.broken:
        where = f"{path}, row {row.source_row}" + (f", field {row.field}" if row.field else "")
        entries.append(
            {
                "source_file": path,
                "source_row": row.source_row,
                "field": row.field,
                "rule": BROKEN,
                "value": shorten(row.text),
                "reason": f"{where}: {row.reason}",
                "fix": row.fix,
                "original": _encode({"line": row.text}),
            }
        )
    # A wide source row stands for several samples: each is counted as received, so each is counted here.
    return entries * typed.width
