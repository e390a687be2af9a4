"""Raw rows of a batch to typed rows of its contract, and what is wrong with the others.

Casting does what types and zones demand, and nothing that a rule about values could say: missing, allowed, in
range, unique and future are the suite's business (`checks.batches`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from assets.connectors.base import Batch, UnusableInput
from assets.landing.contracts import DEFAULT_MAX_LENGTH, Field, TableContract
from assets.landing.declaration import Declaration, ValueColumn
from assets.landing.faults import Fault, Rows
from assets.landing.mapping import Mapping, map_columns, normalise
from assets.landing.parsing import is_text, parse, positions
from assets.landing.timestamps import Clock, WrongType

CODED_TEXT = pa.dictionary(pa.int32(), pa.string())
EXCLUDED = "row_is_wanted"
#: Rows parsed at a time: bounds the memory that text needs while it is read.
CHUNK_ROWS = 250_000


@dataclass
class TypedBatch:
    """A batch after casting. A row here is a sample: a wide source row gives `width`, column after column.

    `frame` has the contract's fields, `extra` and `source_row`; `faults` name its rows by position. Rows that
    could not even be split (`batch.broken`) are not in it.
    """

    batch: Batch
    contract: TableContract
    frame: pa.Table
    mapping: Mapping
    faults: list[Fault] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def width(self) -> int:
        """Samples that one source row gives."""
        return max(1, len(self.batch.declaration.values))

    @property
    def rows_received(self) -> int:
        """Samples in the whole batch, broken rows included."""
        return (self.batch.frame.num_rows + len(self.batch.broken)) * self.width

    def source_positions(self, rows: Rows) -> Rows:
        """Positions in the batch's raw frame of the given samples."""
        count = self.batch.frame.num_rows
        return rows % count if count else rows

    def source_column(self, field_name: str, row: int) -> str | None:
        """The raw column that gave `field_name` of sample `row`; None when the declaration did."""
        values = self.batch.declaration.values
        if values and field_name in ("value", "count"):
            return values[row // max(1, self.batch.frame.num_rows)].column
        return self.mapping.columns.get(field_name)


def check_name(name: str, rules: Field) -> str:
    """Name of the one check that casting makes of a field."""
    kind = (
        "unit"
        if rules.unit
        else "time_zone"
        if rules.zone
        else "text"
        if rules.type == "string"
        else rules.type
    )
    return f"{name}_is_{kind}"


def cast(batch: Batch, contract: TableContract) -> TypedBatch:
    """Map, stack and cast the rows of one batch.

    Raises `UnusableInput` when a declared or required column is missing, or has a type that never fits.
    """
    declaration = batch.declaration
    mapping = map_columns(batch, contract)
    clock = Clock(declaration.zone, declaration.timestamp_format)
    typed = TypedBatch(batch, contract, pa.table({}), mapping, warnings=[*batch.warnings, *mapping.warnings])
    excluded = _exclude(typed)
    columns = {name: _cast_field(typed, name, rules, clock) for name, rules in contract.fields.items()}
    if declaration.sequence is not None:
        columns[declaration.sequence.field] = _sequence(declaration, columns)
    for name, moment in declaration.known_by.items():
        columns[name] = _as_known(typed, name, columns[name], moment, columns[moment])
    columns = {name: _coded(values) for name, values in columns.items()}
    columns["extra"] = _extra(typed)
    columns["source_row"] = _tile(pa.chunked_array([source_rows(batch)]), typed.width)
    typed.frame = pa.table(columns)
    # An excluded row is excluded, whatever else is wrong with it.
    typed.faults = [fault.restricted(~excluded) if not fault.is_known else fault for fault in typed.faults]
    typed.faults = [fault for fault in typed.faults if len(fault.rows)]
    return typed


def source_rows(batch: Batch) -> pa.Array:
    """Number in the source, from 1, of each row of the raw frame."""
    if batch.source_rows is not None:
        return pc.cast(batch.source_rows, pa.int64())
    return pa.array(np.arange(1, batch.frame.num_rows + 1, dtype=np.int64))


def _exclude(typed: TypedBatch) -> np.ndarray:
    """Name the rows that the declaration does not want; gives a mask over samples."""
    frame, declaration = typed.batch.frame, typed.batch.declaration
    mask = np.zeros(frame.num_rows * typed.width, dtype=bool)
    for item in declaration.exclude:
        text = pc.cast(frame[item.column], pa.string())
        hits = _tile_rows(positions(pc.equal(text, item.equals)), frame.num_rows, typed.width)
        hits = hits[~mask[hits]]
        mask[hits] = True
        fix = "none needed: the declaration excludes it"
        if len(hits):
            fault = Fault(EXCLUDED, item.column, hits, f"is excluded: {item.reason}", fix, is_known=True)
            typed.faults.append(fault)
    return mask


def _cast_field(typed: TypedBatch, name: str, rules: Field, clock: Clock) -> pa.ChunkedArray:
    batch, declaration, width = typed.batch, typed.batch.declaration, typed.width
    rows = batch.frame.num_rows
    column = typed.mapping.columns.get(name)
    constant = typed.mapping.constants.get(name)
    if declaration.values and name in typed.mapping.stacked:
        return _stack(typed, name, rules, clock)
    if column is None:
        if constant is None:
            return repeated(pa.nulls(1, rules.arrow_type), rows * width)
        return _cast_constant(typed, name, rules, clock, constant)
    raw = normalise(batch.frame[column], name, declaration)
    parsed = _parse_column(raw, name, column, rules, clock, batch)
    for bad in parsed.bad:
        _add_fault(
            typed, name, rules, _tile_rows(bad.rows, rows, width), *_tiled_texts(bad.what, bad.fix, width)
        )
    values = parsed.values
    if constant is not None:
        default = parse(pa.array([constant]), rules, clock).values[0]
        values = pc.fill_null(_plain(values), default)
    return _tile(values, width)


def _cast_constant(
    typed: TypedBatch, name: str, rules: Field, clock: Clock, constant: str
) -> pa.ChunkedArray:
    rows = typed.batch.frame.num_rows * typed.width
    parsed = parse(pa.array([constant]), rules, clock)
    if parsed.bad:
        raise UnusableInput(
            f"{typed.batch.input_path}: the declared value {constant!r} of {name} {parsed.bad[0].what}",
            "correct it in the declaration",
        )
    value = parsed.values.slice(0, 1)
    if rules.type == "string":
        value = pa.DictionaryArray.from_arrays(pa.array([0], pa.int32()), value)
    return repeated(value, rows)


def repeated(value: pa.Array, rows: int) -> pa.ChunkedArray:
    """A column that says the one `value` in all `rows`: one piece, which is there as often as needed."""
    piece = value.take(pa.array(np.zeros(min(rows, CHUNK_ROWS), dtype=np.int32)))
    whole, rest = divmod(rows, CHUNK_ROWS)
    return pa.chunked_array([piece] * whole + ([piece.slice(0, rest)] if rest else []), type=value.type)


def _parse_column(
    raw: pa.ChunkedArray, name: str, column: str, rules: Field, clock: Clock, batch: Batch
) -> _ParsedColumn:
    done, bad, start = [], [], 0
    try:
        for chunk in _pieces(raw):
            parsed = parse(chunk, rules, clock)
            done.append(parsed.values)
            bad += [_Shifted(item.rows + start, item.what, item.fix) for item in parsed.bad]
            start += len(chunk)
    except WrongType as error:
        where = f"{batch.input_path}: column {column!r} (field {name})"
        raise UnusableInput(f"{where} {error.what}", error.fix) from error
    if not done:
        done = [parse(pa.array([], pa.string()), rules, clock).values]
    return _ParsedColumn(pa.chunked_array(done), bad)


@dataclass(frozen=True)
class _Shifted:
    rows: Rows
    what: str | list[str]
    fix: str | list[str]


@dataclass(frozen=True)
class _ParsedColumn:
    values: pa.ChunkedArray
    bad: list[_Shifted]


def _pieces(column: pa.ChunkedArray) -> list[pa.Array]:
    """Chunks small enough to parse at once. A dictionary is cheap whatever its length, and stays whole."""
    if pa.types.is_dictionary(column.type):
        whole = column.unify_dictionaries().combine_chunks()
        return whole.chunks if isinstance(whole, pa.ChunkedArray) else [whole]
    return [
        chunk.slice(start, CHUNK_ROWS)
        for chunk in column.chunks
        for start in range(0, len(chunk), CHUNK_ROWS)
    ]


def _stack(typed: TypedBatch, name: str, rules: Field, clock: Clock) -> pa.ChunkedArray:
    """One field of a wide source: a part for each declared value column."""
    batch = typed.batch
    rows = batch.frame.num_rows
    parts: list[pa.Array] = []
    for position, value in enumerate(batch.declaration.values):
        if name in ("value", "count"):
            raw = normalise(batch.frame[value.column], name, batch.declaration)
            parsed = _parse_column(raw, name, value.column, rules, clock, batch)
            for bad in parsed.bad:
                _add_fault(typed, name, rules, bad.rows + position * rows, bad.what, bad.fix)
            _leave_out_empty(typed, value, name, pc.is_null(parsed.values), position * rows)
            parts += parsed.values.chunks
        else:
            parts.append(_declared_part(value, name, rules, batch.declaration, rows))
    if pa.types.is_dictionary(parts[0].type):
        return pa.chunked_array(parts).unify_dictionaries()
    return pa.chunked_array(parts, type=rules.arrow_type)


def _leave_out_empty(
    typed: TypedBatch, value: ValueColumn, name: str, empty: pa.ChunkedArray, start: int
) -> None:
    if not value.optional:
        return
    text = normalise(typed.batch.frame[value.column], name, typed.batch.declaration)
    rows = positions(pc.and_(empty, pc.is_null(text)).combine_chunks()) + start
    if len(rows):
        what = f"is empty in the optional column {value.column}"
        typed.faults.append(Fault(EXCLUDED, name, rows, what, "none needed: it is no sample", is_known=True))


def _declared_part(
    value: ValueColumn, name: str, rules: Field, declaration: Declaration, rows: int
) -> pa.Array:
    given = getattr(value, name)
    if given is None:
        given = declaration.interval_seconds
    if rules.type == "string":
        codes = pa.array(np.zeros(rows, dtype=np.int32))
        return pa.DictionaryArray.from_arrays(codes, pa.array([str(given)]))
    number = float("nan") if given is None else float(given)
    return pa.array(np.full(rows, number), type=rules.arrow_type, from_pandas=True)


def _add_fault(
    typed: TypedBatch, name: str, rules: Field, rows: Rows, what: str | list[str], fix: str | list[str]
) -> None:
    typed.faults.append(Fault(check_name(name, rules), name, rows, what, fix))


def _tile(values: pa.ChunkedArray, width: int) -> pa.ChunkedArray:
    """The column repeated for each value column of a wide source: the chunks are shared, not copied."""
    if width == 1:
        return values
    return pa.chunked_array(values.chunks * width, type=values.type)


def _tile_rows(rows: Rows, count: int, width: int) -> Rows:
    if width == 1 or not len(rows):
        return rows
    return (rows[None, :] + count * np.arange(width, dtype=np.int64)[:, None]).ravel()


def _tiled_texts(
    what: str | list[str], fix: str | list[str], width: int
) -> tuple[str | list[str], str | list[str]]:
    return (what if isinstance(what, str) else what * width), (fix if isinstance(fix, str) else fix * width)


def _coded(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Text as a dictionary, whatever the source had: batches of one table can be put together."""
    if values.type == CODED_TEXT or not is_text(_value_type(values.type)):
        return values
    return pc.dictionary_encode(_plain(values)).cast(CODED_TEXT)


def _value_type(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _plain(values: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.cast(values, pa.string()) if pa.types.is_dictionary(values.type) else values


def _sequence(declaration: Declaration, columns: dict[str, pa.ChunkedArray]) -> pa.ChunkedArray:
    """1..n within each entity, by the declared fields, then by source order; null without entity or order."""
    assert declaration.sequence is not None
    wanted = [*declaration.sequence.by, *declaration.sequence.order]
    frame = pa.table({name: _plain(columns[name]) for name in dict.fromkeys(wanted)}).to_pandas()
    complete = frame.dropna(subset=wanted)
    ordered = complete.sort_values(list(declaration.sequence.order), kind="stable")
    numbers = ordered.groupby(list(declaration.sequence.by), sort=False, observed=True).cumcount() + 1
    aligned = numbers.reindex(frame.index)
    return pa.chunked_array([pa.array(aligned, type=pa.int64(), from_pandas=True)])


def _as_known(
    typed: TypedBatch, name: str, values: pa.ChunkedArray, moment: str, moments: pa.ChunkedArray
) -> pa.ChunkedArray:
    """The column without values that lie after their row's own time: nobody knew them then."""
    later = pc.fill_null(pc.greater(values, moments), False)
    count = pc.sum(later).as_py() or 0
    if count:
        typed.warnings.append(
            f"{typed.batch.input_path}: {count:,} values of {name} lie after the {moment} of their row, where "
            "they were not known yet: null there"
        )
    return pc.if_else(later, None, values)


def _extra(typed: TypedBatch) -> pa.ChunkedArray:
    """JSON of the columns that nobody declared, null where they are all empty."""
    frame, width = typed.batch.frame, typed.width
    rows = frame.num_rows
    if not typed.mapping.undeclared or not rows:
        return repeated(pa.nulls(1, pa.string()), rows * width)
    pairs = []
    for name in typed.mapping.undeclared:
        text = _plain_text(frame[name])
        coded = pc.dictionary_encode(text).unify_dictionaries().combine_chunks()
        coded = coded.chunk(0) if isinstance(coded, pa.ChunkedArray) else coded
        too_long = positions(pc.greater(pc.utf8_length(coded.dictionary), DEFAULT_MAX_LENGTH))
        if len(too_long):
            hits = positions(pc.is_in(coded.indices, value_set=pa.array(too_long, coded.indices.type)))
            what = f"is longer than {DEFAULT_MAX_LENGTH:,} characters in the undeclared column {name!r}"
            rule = "extra_is_text"
            typed.faults.append(
                Fault(
                    rule,
                    name,
                    _tile_rows(hits, rows, width),
                    what,
                    "shorten it, or list the column under ignore",
                )
            )
        prefix = f", {json.dumps(name, ensure_ascii=False)}: "
        encoded = [
            "" if value is None or value == "" else prefix + json.dumps(value, ensure_ascii=False)
            for value in coded.dictionary.to_pylist()
        ]
        pairs.append(pc.fill_null(pa.array(encoded, pa.string()).take(coded.indices), ""))
    inner = pc.binary_join_element_wise(*pairs, "")
    wrapped = pc.binary_join_element_wise("{", pc.utf8_slice_codeunits(inner, 2), "}", "")
    return _tile(pa.chunked_array([pc.if_else(pc.equal(inner, ""), None, wrapped)]), width)


def _plain_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_nested(column.type) or pa.types.is_binary(column.type):
        return pa.chunked_array(
            [pa.array([None if v is None else str(v) for v in column.to_pylist()], pa.string())]
        )
    return pc.cast(column, pa.string())
