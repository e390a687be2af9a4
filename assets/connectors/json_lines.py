"""Read one file of JSON lines whole: one object a line, each name a column of text.

A number keeps the digits that the source wrote, a nested value stays JSON text (without spaces), true and false
are words; null and a name that a line does not have are missing. Row n is the n-th line that is not blank.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import pyarrow as pa

from assets.connectors.base import BrokenRow, UnusableInput
from assets.connectors.file_reading import DICTIONARY_SHARE, RawFile
from assets.connectors.unpacking import opened, pieces

#: Lines that are parsed together; the first so many decide which columns are kept as dictionaries.
CHUNK_LINES = 50_000
MAX_LINE_BYTES = 64 * 2**20
MAX_COLUMNS = 5_000
_FIX = "write one JSON object a line, UTF-8, each name once (jsonlines.org)"
Row = dict[str, Any]


class _Number(str):
    """Digits as the source wrote them."""

    __slots__ = ()


class _Twice(ValueError):
    """An object with one name twice: to keep one of the values would be a guess."""


def read_jsonl(path: Path, shown: str) -> RawFile:
    """Read a file of JSON lines (compressed when its name says so).

    Lines that are no JSON object are broken rows. Raises `UnusableInput` for a file that is cut short, holds a
    line of more than 64 MiB, or more than 5,000 different names.
    """
    chunks, broken, numbers = _Chunks(shown), [], []
    rows: list[Row] = []
    with opened(path, shown) as stream:
        for number, line in enumerate(_lines(stream, shown), start=1):
            found = _row(number, line)
            if isinstance(found, BrokenRow):
                broken.append(found)
                continue
            rows.append(found)
            numbers.append(number)
            if len(rows) == CHUNK_LINES:
                chunks.add(rows)
                rows = []
    chunks.add(rows)
    return RawFile(chunks.table(), pa.array(numbers, pa.int64()), tuple(broken))


def _lines(stream: IO[bytes], shown: str) -> Iterator[bytes]:
    """Lines that are not blank, without their ends and a byte-order mark before the first."""
    rest, is_first = b"", True
    for piece in pieces(stream, shown):
        if is_first:
            piece, is_first = piece.removeprefix(b"\xef\xbb\xbf"), False
        *whole, rest = (rest + piece).split(b"\n") if b"\n" in piece else [rest + piece]
        if len(rest) > MAX_LINE_BYTES:
            raise UnusableInput(f"{shown}: a line is longer than 64 MiB", "write one object a line")
        yield from (line for line in whole if line.strip())
    if rest.strip():
        yield rest


def _row(number: int, line: bytes) -> Row | BrokenRow:
    try:
        text = line.decode()
        row = _DECODER.decode(text)
        if not isinstance(row, dict):
            raise ValueError(f"found {_kind(row)}")
        cells = {name: _cell(value) for name, value in row.items()}
        # JSON may spell half of a surrogate pair, which no text can hold.
        "".join(cell for cell in (*cells, *cells.values()) if cell).encode()
    except (ValueError, RecursionError) as error:
        shown = line.decode("utf-8", "backslashreplace").rstrip("\r")
        return BrokenRow(number, shown, f"is no JSON object ({_detail(error)})", _FIX)
    return cells


def _detail(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at character {error.pos + 1}"
    if isinstance(error, UnicodeDecodeError):
        return f"byte {error.start + 1} is not UTF-8"
    if isinstance(error, UnicodeEncodeError):
        return "half a surrogate pair"
    return "nested too deeply" if isinstance(error, RecursionError) else str(error)


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    kinds = ((bool, "a boolean"), (list, "an array"), (_Number, "a number"))
    return next((name for kind, name in kinds if isinstance(value, kind)), "a string")


def _object(pairs: list[tuple[str, Any]]) -> Row:
    row = dict(pairs)
    if len(row) != len(pairs):
        names = [name for name, _ in pairs]
        twin = next(name for position, name in enumerate(names) if name in names[:position])
        raise _Twice(f"{twin!r} occurs twice")
    return row


#: NaN and Infinity, which are no JSON, pass as words: landing refuses them where a number is wanted.
_DECODER = json.JSONDecoder(
    parse_int=_Number, parse_float=_Number, parse_constant=_Number, object_pairs_hook=_object
)


def _cell(value: Any) -> str | None:
    if value is None or type(value) is str:
        return value
    return str(value) if isinstance(value, _Number) else _json(value)


def _json(value: Any) -> str:
    """JSON text of a parsed value, numbers digit by digit as they were."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{_json(name)}:{_json(one)}" for name, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(_json(one) for one in value) + "]"
    if isinstance(value, _Number):
        return str(value)
    return json.dumps(value, ensure_ascii=False)


class _Chunks:
    """Collects rows as columns, chunk by chunk; a name that comes late is missing in the chunks before."""

    def __init__(self, shown: str) -> None:
        self._shown = shown
        self._columns: dict[str, list[pa.Array]] = {}
        self._types: dict[str, pa.DataType] = {}
        self._sizes: list[int] = []

    def add(self, rows: list[Row]) -> None:
        """One more chunk."""
        for name in dict.fromkeys(name for row in rows for name in row):
            if name not in self._columns:
                self._columns[name] = []
        if len(self._columns) > MAX_COLUMNS:
            reason = f"{self._shown}: its objects have more than {MAX_COLUMNS:,} different names"
            raise UnusableInput(reason, "keep names that vary (ids, dates) in values")
        for name, arrays in self._columns.items():
            cells = [row.get(name) for row in rows]
            kind = self._types.setdefault(name, _type(cells))
            arrays += [pa.nulls(size, kind) for size in self._sizes[len(arrays) :]]
            arrays.append(pa.array(cells, kind))
        self._sizes.append(len(rows))

    def table(self) -> pa.Table:
        """All chunks as one table of text."""
        columns = {
            name: pa.chunked_array(arrays, self._types[name]) for name, arrays in self._columns.items()
        }
        return pa.table(columns)


def _type(cells: list[str | None]) -> pa.DataType:
    """Text, as a dictionary where it repeats itself: memory for one."""
    repeats = len(set(cells)) <= len(cells) * DICTIONARY_SHARE
    return pa.dictionary(pa.int32(), pa.string()) if repeats else pa.string()
