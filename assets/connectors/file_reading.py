"""Read one CSV or Parquet file whole as raw columns. Rows that cannot be split are kept apart, not lost."""

from __future__ import annotations

import codecs
import csv
import io
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from assets.connectors.base import BrokenRow, UnusableInput
from assets.connectors.unpacking import RESEND, opened, pieces
from assets.landing.parsing import is_text

#: Rows that decide whether a column repeats itself enough to be kept as a dictionary.
SAMPLE_BYTES = 2_097_152
DICTIONARY_SHARE = 0.2
_BLOCK_BYTES = 16 * 2**20
_NOT_UTF8 = "deliver UTF-8, or declare the encoding in the sidecar"


@dataclass(frozen=True)
class RawFile:
    """What a file holds: raw columns, the number of each row from 1, and the rows that could not be split."""

    frame: pa.Table
    source_rows: pa.Array
    broken: tuple[BrokenRow, ...] = ()


def read_parquet(path: Path, shown: str) -> RawFile:
    """Read a Parquet file. Raises `UnusableInput` when it is damaged or cut short."""
    try:
        with pq.ParquetFile(path) as file:
            names = [item.name for item in file.schema_arrow if is_text(item.type)]
        frame = pq.read_table(path, read_dictionary=names)
        frame = frame.replace_schema_metadata(None)
    except (pa.ArrowException, OSError, ValueError) as error:
        detail = " ".join(str(error).split())[:200]
        raise UnusableInput(f"{shown}: not a whole Parquet file ({detail})", RESEND) from error
    numbers = pa.array(np.arange(1, frame.num_rows + 1, dtype=np.int64))
    return _without_bad_text(frame, numbers)


def _without_bad_text(frame: pa.Table, numbers: pa.Array) -> RawFile:
    """Parquet does not prove that its text is UTF-8: rows with other bytes are set apart."""
    bad: dict[int, tuple[str, str]] = {}
    for position, name in enumerate(frame.column_names):
        column = frame[name]
        coded = pa.types.is_dictionary(column.type)
        if not is_text(column.type.value_type if coded else column.type) or _is_valid(column):
            continue
        plain = pc.cast(column, pa.string()) if coded else column
        frame = frame.set_column(position, name, plain)
        for row, raw in enumerate(pc.cast(plain, pa.binary()).to_pylist()):
            if raw is not None and not _is_utf8(raw):
                bad.setdefault(row, (name, raw.decode("utf-8", "backslashreplace")))
    if not bad:
        return RawFile(frame, numbers)
    keep = np.ones(frame.num_rows, dtype=bool)
    keep[list(bad)] = False
    broken = tuple(
        BrokenRow(row + 1, f"{name}={text}", "is not UTF-8 text", _NOT_UTF8, name)
        for row, (name, text) in sorted(bad.items())
    )
    return RawFile(frame.filter(pa.array(keep)), numbers.filter(pa.array(keep)), broken)


def _is_valid(column: pa.ChunkedArray) -> bool:
    try:
        for chunk in column.chunks:
            (chunk.dictionary if pa.types.is_dictionary(column.type) else chunk).validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _is_utf8(raw: bytes) -> bool:
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def read_csv(path: Path, shown: str, delimiter: str, encoding: str) -> RawFile:
    """Read a CSV file (compressed when its name says so), every cell as text.

    Row 1 is the first record after the header; blank lines are no rows. Raises `UnusableInput` when there is
    no usable header or the file is cut short.
    """
    try:
        if _check_text(path, shown, encoding):
            with opened(path, shown) as stream:
                head = stream.read(SAMPLE_BYTES)
            with opened(path, shown) as stream:
                return _parse(stream, head, shown, delimiter, mark=None)
        with opened(path, shown) as stream:
            text, mark = _decode(stream.read(), encoding)
        return _parse(io.BytesIO(text), text[:SAMPLE_BYTES], shown, delimiter, mark)
    except pa.ArrowInvalid as error:
        detail = " ".join(str(error).split())[:200]
        raise UnusableInput(f"{shown}: not readable as CSV ({detail})", RESEND) from error


def _check_text(path: Path, shown: str, encoding: str) -> bool:
    """True when the file is UTF-8 throughout and may be parsed as it is. Refuses what unpacks without end."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    is_utf8 = encoding in ("utf-8", "ascii")
    with opened(path, shown) as stream:
        for piece in pieces(stream, shown):
            if is_utf8:
                try:
                    decoder.decode(piece)
                except UnicodeDecodeError:
                    is_utf8 = False
    if is_utf8:
        try:
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return False
    return is_utf8


def _decode(raw: bytes, encoding: str) -> tuple[bytes, str | None]:
    """The text as UTF-8, bytes that are none shown as \\xNN after a mark that the file does not use."""
    try:
        return raw.decode(encoding).encode(), None
    except UnicodeDecodeError:
        # Unicode keeps these characters out of text that is exchanged; one that the file does not hold marks
        # its rows.
        mark = next(sign for sign in map(chr, range(0xFDD0, 0xFDF0)) if sign.encode() not in raw)

    def show(error: UnicodeError) -> tuple[str, int]:
        assert isinstance(error, UnicodeDecodeError)
        bad = error.object[error.start : error.end]
        return mark + "".join(f"\\x{byte:02x}" for byte in bad), error.end

    codecs.register_error("ullage-show", show)
    return raw.decode(encoding, "ullage-show").encode(), mark


def _parse(stream: IO[bytes], head: bytes, shown: str, delimiter: str, mark: str | None) -> RawFile:
    names = _header(head, shown, delimiter)
    broken: list[BrokenRow] = []
    numbers: list[int] = []

    def set_apart(row: pa_csv.InvalidRow) -> str:
        # Arrow counts the header as row 1, and blank lines not at all.
        numbers.append(row.number - 1)
        reason = f"has {row.actual_columns} cells where the header has {row.expected_columns}"
        broken.append(BrokenRow(row.number - 1, row.text, reason, "quote cells that hold the delimiter"))
        return "skip"

    parse = pa_csv.ParseOptions(delimiter=delimiter, newlines_in_values=True, invalid_row_handler=set_apart)
    types = _column_types(head, names, delimiter)
    frame = _read_blocks(stream, parse, types)
    every = np.arange(1, frame.num_rows + len(numbers) + 1, dtype=np.int64)
    kept = np.delete(every, np.asarray(numbers, dtype=np.int64) - 1)
    raw = RawFile(frame, pa.array(kept), tuple(broken))
    return raw if mark is None else _without_marked(raw, mark)


def _read_blocks(stream: IO[bytes], parse: pa_csv.ParseOptions, types: dict[str, pa.DataType]) -> pa.Table:
    convert = pa_csv.ConvertOptions(column_types=types, strings_can_be_null=False, check_utf8=False)
    # One thread, because only then Arrow knows the numbers of rows that it cannot split.
    options = pa_csv.ReadOptions(use_threads=False, block_size=_BLOCK_BYTES)
    return pa_csv.read_csv(pa.PythonFile(stream, "r"), options, parse, convert)


def _header(head: bytes, shown: str, delimiter: str) -> list[str]:
    lines = csv.reader(io.StringIO(head.decode("utf-8-sig", "replace"), newline=""), delimiter=delimiter)
    try:
        names = next((line for line in lines if line), [])
    except csv.Error as error:
        raise UnusableInput(f"{shown}: the header is not readable ({error})", RESEND) from error
    if not names:
        raise UnusableInput(f"{shown}: the file is empty", "deliver it with a header line, or not at all")
    twins = [name for position, name in enumerate(names) if name in names[:position]]
    if "" in names or twins:
        which = f"column {twins[0]!r} occurs twice" if twins else f"column {names.index('') + 1} has no name"
        raise UnusableInput(f"{shown}: {which} in the header", "give every column its own name")
    return names


def _column_types(head: bytes, names: list[str], delimiter: str) -> dict[str, pa.DataType]:
    """Text for every column, as a dictionary where the first rows repeat themselves: memory for one."""
    types: dict[str, pa.DataType] = dict.fromkeys(names, pa.string())
    whole = head[: head.rfind(b"\n") + 1]
    parse = pa_csv.ParseOptions(
        delimiter=delimiter, newlines_in_values=True, invalid_row_handler=lambda _: "skip"
    )
    try:
        sample = _read_blocks(io.BytesIO(whole), parse, types)
    except pa.ArrowInvalid:
        return types
    for name in names:
        if pc.count_distinct(sample[name]).as_py() <= sample.num_rows * DICTIONARY_SHARE:
            types[name] = pa.dictionary(pa.int32(), pa.string())
    return types


def _without_marked(raw: RawFile, mark: str) -> RawFile:
    """Set rows apart that hold bytes which are no text."""
    hit = np.zeros(raw.frame.num_rows, dtype=bool)
    where: dict[int, str] = {}
    for name in raw.frame.column_names:
        found = pc.match_substring(pc.cast(raw.frame[name], pa.string()), mark).to_numpy()
        for row in np.flatnonzero(found).tolist():
            where.setdefault(row, name)
        hit |= found
    numbers = raw.source_rows.to_pylist()
    marked = raw.frame.filter(pa.array(hit)).to_pylist()
    broken = [*raw.broken]
    for row, cells in zip(np.flatnonzero(hit).tolist(), marked, strict=True):
        line = io.StringIO()
        csv.writer(line, lineterminator="").writerow(cells.values())
        text = line.getvalue().replace(mark, "")
        broken.append(
            BrokenRow(numbers[row], text, "is not text in the declared encoding", _NOT_UTF8, where[row])
        )
    broken = [
        BrokenRow(row.source_row, row.text.replace(mark, ""), row.reason, row.fix, row.field)
        for row in broken
    ]
    keep = pa.array(~hit)
    ordered = tuple(sorted(broken, key=lambda row: row.source_row))
    return RawFile(raw.frame.filter(keep), raw.source_rows.filter(keep), ordered)
