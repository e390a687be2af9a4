"""Which source column gives which contract field, and the text of a source in the words of the contract."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches

import pyarrow as pa
import pyarrow.compute as pc

from assets.connectors.base import Batch, UnusableInput
from assets.landing.contracts import TableContract
from assets.landing.declaration import Declaration
from assets.landing.parsing import is_text

#: Fields that come from the `values` of a wide declaration, column by column.
STACKED = ("value", "count", "metric", "unit", "kind", "upper_bound")


@dataclass(frozen=True)
class Mapping:
    """The plan of a batch's columns.

    `columns`: field → source column; `constants`: field → declared text (fills the empty cells of a column
    when both are given); `stacked`: fields that come from `values`; `undeclared`: source columns that nobody
    named.
    """

    columns: dict[str, str]
    constants: dict[str, str]
    stacked: frozenset[str]
    undeclared: tuple[str, ...]
    warnings: tuple[str, ...]


def map_columns(batch: Batch, contract: TableContract) -> Mapping:
    """Match declared and equally named columns to fields.

    Raises `UnusableInput` when a column that the declaration names, or a required field, is not there.
    """
    declaration, present = batch.declaration, batch.frame.column_names
    _refuse_twins(batch)
    stacked = (
        frozenset(name for name in STACKED if name in contract.fields) if declaration.values else frozenset()
    )
    if stacked and any(value.interval_seconds for value in declaration.values):
        stacked |= {"interval_seconds"}
    for role, column in _named_columns(declaration):
        if column not in present:
            raise UnusableInput(
                f"{batch.input_path}: column {column!r}, declared under {role}, is missing",
                _hint(column, present),
            )
    columns = dict(declaration.columns)
    for name in contract.fields:
        taken = name in columns or name in declaration.constants or name in stacked
        if not taken and name in present and name not in declaration.ignore:
            columns[name] = name
    constants = {**declaration.defaults, **declaration.constants}
    _require(batch, contract, {*columns, *constants, *stacked})
    used = {*columns.values(), *declaration.ignore, *(item.column for item in declaration.exclude)}
    used |= {value.column for value in declaration.values}
    undeclared = tuple(name for name in present if name not in used)
    warnings: tuple[str, ...] = ()
    if undeclared:
        listed = ", ".join(undeclared[:10]) + (" …" if len(undeclared) > 10 else "")
        warnings = (
            f"{batch.input_path}: columns that nobody declared are kept in `extra`: {listed}; "
            "fix: map them under columns or list them under ignore",
        )
    return Mapping(columns, constants, stacked, undeclared, warnings)


def _refuse_twins(batch: Batch) -> None:
    names = batch.frame.column_names
    twins = sorted({name for name in names if names.count(name) > 1})
    if twins:
        raise UnusableInput(
            f"{batch.input_path}: column {twins[0]!r} occurs twice", "give every column its own name"
        )


def _named_columns(declaration: Declaration) -> list[tuple[str, str]]:
    named = [(f"columns.{name}", column) for name, column in declaration.columns.items()]
    named += [(f"exclude.{i}.column", item.column) for i, item in enumerate(declaration.exclude)]
    return named + [(f"values.{i}.column", value.column) for i, value in enumerate(declaration.values)]


def _require(batch: Batch, contract: TableContract, given: set[str]) -> None:
    sequence = batch.declaration.sequence
    missing = [
        name
        for name in contract.required_fields
        if name not in given and not (sequence and sequence.field == name)
    ]
    if missing:
        raise UnusableInput(
            f"{batch.input_path}: required field {missing[0]!r} of {contract.name} has no column",
            _hint(missing[0], batch.frame.column_names),
        )


def _hint(wanted: str, present: list[str]) -> str:
    near = get_close_matches(wanted, present, n=1)
    have = ", ".join(present[:20])
    guess = f" (perhaps it is now called {near[0]!r})" if near else ""
    return f"deliver it, or correct the declaration{guess}; the source has {have}"


def normalise(column: pa.ChunkedArray, field: str, declaration: Declaration) -> pa.ChunkedArray:
    """A raw column with declared nulls made null, white space collapsed and words replaced.

    Text stays dictionary-encoded where it was; other types pass as they are unless `replace` names the field.
    """
    replace = declaration.replace.get(field)
    coded = pa.types.is_dictionary(column.type)
    text = is_text(column.type.value_type if coded else column.type)
    if replace and not text:
        column, coded, text = pc.cast(column, pa.string()), False, True
    if not text:
        return column
    if not coded and (replace or field in declaration.strip):
        column, coded = pc.dictionary_encode(column), True
    if coded:
        return _map_words(column, _word_rule(field, declaration))
    if not declaration.nulls:
        return column
    return pc.if_else(pc.is_in(column, value_set=pa.array(declaration.nulls, column.type)), None, column)


def _word_rule(field: str, declaration: Declaration) -> Callable[[str], str | None]:
    nulls = set(declaration.nulls)
    replace = declaration.replace.get(field, {})
    strips = field in declaration.strip

    def rule(word: str) -> str | None:
        if word in nulls:
            return None
        if strips:
            word = " ".join(word.split())
        return None if word in nulls else replace.get(word, word)

    return rule


def _map_words(column: pa.ChunkedArray, rule: Callable[[str], str | None]) -> pa.ChunkedArray:
    whole = column.unify_dictionaries()
    chunks = []
    for chunk in whole.chunks:
        words = [None if word is None else rule(word) for word in chunk.dictionary.to_pylist()]
        distinct = list(dict.fromkeys(word for word in words if word is not None))
        place = {word: position for position, word in enumerate(distinct)}
        codes = pa.array([None if word is None else place[word] for word in words], pa.int32())
        chunks.append(
            pa.DictionaryArray.from_arrays(codes.take(chunk.indices), pa.array(distinct, pa.string()))
        )
    return pa.chunked_array(chunks, type=pa.dictionary(pa.int32(), pa.string()))
