"""Rows of a database driver as a raw frame of text. Pure.

Text keeps what a column of another kind would lose: decimals to the last digit, and the offset (or its lack)
of a timestamp.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa


def raw_frame(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> pa.Table:
    """One text column a database column; NULL stays null."""
    columns: list[list[str | None]] = [[] for _ in names]
    for row in rows:
        for column, cell in zip(columns, row, strict=True):
            column.append(as_text(cell))
    return pa.Table.from_arrays([pa.array(column, pa.string()) for column in columns], names=list(names))


def as_text(cell: Any) -> str | None:
    """A driver's value as the text that landing reads; None for NULL."""
    if cell is None or isinstance(cell, str):
        return cell
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, datetime):
        return cell.isoformat(sep=" ")
    if isinstance(cell, Decimal):
        return format(cell, "f") if cell.is_finite() else str(cell)
    if isinstance(cell, (date, time)):
        return cell.isoformat()
    if isinstance(cell, timedelta):
        return f"{cell.total_seconds():.6f}"
    if isinstance(cell, (bytes, bytearray, memoryview)):
        return bytes(cell).decode("utf-8", errors="backslashreplace")
    if isinstance(cell, (dict, list, tuple)):
        return json.dumps(cell, sort_keys=True, default=str, ensure_ascii=False)
    return repr(cell) if isinstance(cell, float) else str(cell)
