"""Control totals: what a source says that it delivered against what arrived and what landed."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from assets.landing.casting import TypedBatch
from assets.landing.contracts import Field
from assets.landing.declaration import ControlTotals, Declaration
from assets.landing.mapping import normalise
from assets.landing.parsing import parse
from assets.landing.timestamps import Clock, WrongType

RELATIVE_TOLERANCE = 1e-9
_PIECE = 250_000
_NUMBER = Field(type="number", finite=True)


def column_sum(column: pa.ChunkedArray, declaration: Declaration) -> float | None:
    """Exact sum of a raw column's numbers, empty cells left out; None when a cell is no number."""
    try:
        return math.fsum(_numbers(column, declaration))
    except (WrongType, _NoNumber):
        return None


class _NoNumber(ValueError):
    pass


def _numbers(column: pa.ChunkedArray, declaration: Declaration) -> Iterator[float]:
    for piece in _pieces(normalise(column, "", declaration)):
        parsed = parse(piece, _NUMBER, Clock("UTC"))
        if parsed.bad:
            raise _NoNumber
        yield from parsed.values.drop_null().to_numpy().tolist()


def exact_sum(values: pa.Array | pa.ChunkedArray) -> float:
    """Correctly rounded sum of numbers, nulls left out: independent of their order."""
    return math.fsum(number for piece in _pieces(values) for number in piece.drop_null().to_numpy().tolist())


def _pieces(values: pa.Array | pa.ChunkedArray) -> Iterator[pa.Array]:
    """Slices that are small enough to become Python objects."""
    for chunk in values.chunks if isinstance(values, pa.ChunkedArray) else [values]:
        for start in range(0, len(chunk), _PIECE):
            yield chunk.slice(start, _PIECE)


def received_totals(
    frame: pa.Table, broken: int, columns: Iterable[str], declaration: Declaration
) -> dict[str, Any]:
    """Rows (broken ones included) and sums of source columns as they arrived.

    A sum that cannot be taken is None: of a column with a cell that is no number, and of every column when a
    broken row hides its cells.
    """
    sums: dict[str, float | None] = {}
    for name in columns:
        present = frame.column_names.count(name) == 1
        sums[name] = column_sum(frame[name], declaration) if present and not broken else None
    return {"rows": frame.num_rows + broken, "sums": sums}


def differences(declared: ControlTotals, received: dict[str, Any], frame: pa.Table) -> list[str]:
    """What differs between declared and received totals, each in words; empty when they agree."""
    found = []
    if declared.rows != received["rows"]:
        found.append(f"{declared.rows:,} rows are declared but {received['rows']:,} arrived")
    for name, wanted in declared.sums.items():
        got = received["sums"].get(name)
        if name not in frame.column_names:
            found.append(f"the sum of column {name!r} is declared but the column is missing")
        elif got is not None and not math.isclose(wanted, got, rel_tol=RELATIVE_TOLERANCE, abs_tol=1e-12):
            found.append(f"column {name!r} should sum to {wanted:.15g} but sums to {got:.15g}")
    return found


def landed_totals(typed: TypedBatch, refused: np.ndarray, columns: Iterable[str]) -> dict[str, Any]:
    """Rows that landed, and sums over them of the fields that source columns gave (None: no number)."""
    keep = pa.array(~refused)
    sums = {name: _landed_sum(typed, keep, name) for name in columns}
    return {"rows": int((~refused).sum()), "sums": sums}


def _landed_sum(typed: TypedBatch, keep: pa.Array, column: str) -> float | None:
    count = typed.batch.frame.num_rows
    for position, value in enumerate(typed.batch.declaration.values):
        if value.column == column:
            field = "value" if "value" in typed.contract.fields else "count"
            segment = typed.frame[field].slice(position * count, count)
            return exact_sum(segment.filter(keep.slice(position * count, count)))
    for field, source in typed.mapping.columns.items():
        if source == column and typed.contract.fields[field].type in ("number", "integer"):
            return exact_sum(typed.frame[field].slice(0, count).filter(keep.slice(0, count)))
    return None
