"""Values of one column, as text or in a source's type, to one contract type.

What cannot be read is named, not lost: `Parsed` holds an array of the contract's Arrow type, null where the
input is null or bad, and the bad positions with what is wrong and how to mend it. Nothing here knows files or
rows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from assets.landing.contracts import Field
from assets.landing.faults import Rows
from assets.landing.timestamps import Clock, WrongType, known_zones, parse_date, parse_timestamp
from assets.landing.units import UnitError, check_unit

_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
_INTEGER = r"^[+-]?\d{1,18}(\.0*)?$"
_TIME = r"^([01]?\d|2[0-3]):[0-5]\d(:00(\.0+)?)?$|^24:00(:00)?$"
_TRUE = ("true", "t", "yes", "y", "1")
_FALSE = ("false", "f", "no", "n", "0")


@dataclass(frozen=True)
class Bad:
    """Positions that could not be read, and why."""

    rows: Rows
    what: str | list[str]
    fix: str | list[str]


@dataclass(frozen=True)
class Parsed:
    """Values of the contract's Arrow type (strings may be dictionary-encoded) and what was bad."""

    values: pa.Array
    bad: tuple[Bad, ...] = ()


def parse(array: pa.Array, field: Field, clock: Clock) -> Parsed:
    """Read one array as `field`. Raises `WrongType` when its Arrow type can never be that field."""
    if pa.types.is_dictionary(array.type):
        return _parse_dictionary(array, field, clock)
    if pa.types.is_null(array.type):
        return Parsed(pa.nulls(len(array), field.arrow_type))
    if is_text(array.type):
        array = pc.cast(array, pa.string())
    values, bad = _PARSERS[field.type](array, field, clock)
    return Parsed(values, tuple(item for item in bad if len(item.rows)))


def is_text(kind: pa.DataType) -> bool:
    """True for the Arrow types that hold text."""
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def positions(mask: pa.Array) -> Rows:
    """Positions at which a boolean array is true (null counts as false)."""
    filled = pc.fill_null(mask, False)
    return np.flatnonzero(filled.to_numpy(zero_copy_only=False)).astype(np.int64)


def _parse_dictionary(array: pa.DictionaryArray, field: Field, clock: Clock) -> Parsed:
    """Each distinct value is read once; rows follow by index."""
    distinct = parse(array.dictionary, field, clock)
    indices = array.indices
    if field.type in ("string", "time") and is_text(distinct.values.type):
        values = pa.DictionaryArray.from_arrays(indices, distinct.values)
    else:
        values = distinct.values.take(indices)
    if not distinct.bad:
        return Parsed(values)
    codes = pc.fill_null(indices, -1).to_numpy(zero_copy_only=False)
    return Parsed(values, tuple(_spread(item, codes, len(array.dictionary)) for item in distinct.bad))


def _spread(bad: Bad, codes: np.ndarray, size: int) -> Bad:
    place = np.full(size + 1, -1, dtype=np.int64)
    place[bad.rows] = np.arange(len(bad.rows))
    found = place[codes]
    rows = np.flatnonzero(found >= 0).astype(np.int64)
    what = bad.what if isinstance(bad.what, str) else [bad.what[i] for i in found[rows]]
    fix = bad.fix if isinstance(bad.fix, str) else [bad.fix[i] for i in found[rows]]
    return Bad(rows, what, fix)


def _string(array: pa.Array, field: Field, _: Clock) -> tuple[pa.Array, list[Bad]]:
    text = array if is_text(array.type) else _as_text(array)
    too_long = pc.greater(pc.utf8_length(text), field.max_length)
    has_nul = pc.match_substring(text, "\x00")
    bad = [
        Bad(
            positions(too_long), f"is longer than {field.max_length:,} characters", "shorten it at the source"
        ),
        Bad(positions(has_nul), "contains a NUL character", "remove control characters at the source"),
    ]
    if field.unit:
        bad.append(_wrong_words(text, _unit_complaint))
    if field.zone:
        bad.append(_wrong_words(text, _zone_complaint))
    return text, bad


def _as_text(array: pa.Array) -> pa.Array:
    kind = array.type
    if pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        raise WrongType(f"has type {kind}, which is no text", "deliver it as text")
    return pc.cast(array, pa.string())


def _wrong_words(text: pa.Array, complaint: Callable[[str], tuple[str, str] | None]) -> Bad:
    """Look at each distinct text once; `complaint` says what is wrong with it, or None."""
    coded = pc.dictionary_encode(text)
    rows, what, fix = [], [], []
    for code, word in enumerate(coded.dictionary.to_pylist()):
        found = complaint(word)
        if found is not None:
            hit = positions(pc.equal(coded.indices, code))
            rows.append(hit)
            what += [found[0]] * len(hit)
            fix += [found[1]] * len(hit)
    if not rows:
        return Bad(np.zeros(0, dtype=np.int64), "", "")
    joined = np.concatenate(rows)
    order = np.argsort(joined, kind="stable")
    return Bad(joined[order], [what[i] for i in order], [fix[i] for i in order])


def _unit_complaint(word: str) -> tuple[str, str] | None:
    try:
        check_unit(word)
    except UnitError as error:
        return "is not a UCUM unit", str(error).partition("; fix: ")[2]
    return None


def _zone_complaint(word: str) -> tuple[str, str] | None:
    if word in known_zones():
        return None
    near = get_close_matches(word[:64], known_zones(), n=1)
    return "is not an IANA time zone", f"use a name such as {near[0] if near else 'Europe/Berlin'}"


def _number(array: pa.Array, field: Field, _: Clock) -> tuple[pa.Array, list[Bad]]:
    bad = []
    if is_text(array.type):
        text = pc.utf8_trim_whitespace(array)
        readable = pc.match_substring_regex(text, _NUMBER)
        special = pc.match_substring_regex(text, r"^[+-]?(nan|inf|infinity)$", ignore_case=True)
        readable = pc.or_(readable, special)
        bad.append(
            Bad(positions(pc.invert(readable)), "is not a number", "deliver digits with a decimal point")
        )
        values = pc.cast(pc.if_else(readable, text, None), pa.float64())
    elif (
        pa.types.is_integer(array.type) or pa.types.is_floating(array.type) or pa.types.is_decimal(array.type)
    ):
        values = pc.cast(array, pa.float64(), safe=False)
    else:
        raise WrongType(f"has type {array.type}, which is no number", "deliver it as a number")
    is_nan = pc.is_nan(values)
    bad.append(Bad(positions(is_nan), "is NaN, which is no value", _NAN_FIX))
    refused = is_nan
    if field.finite:
        is_infinite = pc.is_inf(values)
        bad.append(Bad(positions(is_infinite), "is infinite", "deliver a finite number"))
        refused = pc.or_(is_nan, is_infinite)
    # Where nothing is refused no second column is made: a batch may hold millions.
    return (pc.if_else(refused, None, values) if pc.any(refused).as_py() else values), bad


_NAN_FIX = "leave the cell empty, or list the text under nulls in the sidecar"


def _integer(array: pa.Array, _field: Field, _: Clock) -> tuple[pa.Array, list[Bad]]:
    fix = "deliver a whole number of at most 18 digits"
    if is_text(array.type):
        text = pc.utf8_trim_whitespace(array)
        readable = pc.match_substring_regex(text, _INTEGER)
        digits = pc.replace_substring_regex(pc.if_else(readable, text, None), r"^\+|\.0*$", "")
        return pc.cast(digits, pa.int64()), [
            Bad(positions(pc.invert(readable)), "is not a whole number", fix)
        ]
    if pa.types.is_integer(array.type):
        bits = pc.cast(array, pa.int64(), safe=False)
        too_big = pc.less(bits, 0) if pa.types.is_uint64(array.type) else pc.is_null(bits, nan_is_null=False)
        too_big = pc.and_(too_big, pc.is_valid(array))
        return pc.if_else(too_big, None, bits), [Bad(positions(too_big), "is too large", fix)]
    if pa.types.is_floating(array.type) or pa.types.is_decimal(array.type):
        real = pc.cast(array, pa.float64(), safe=False)
        whole = pc.and_(pc.equal(pc.floor(real), real), pc.less(pc.abs(real), 1e18))
        wrong = pc.and_(pc.invert(whole), pc.is_valid(real))
        return pc.cast(pc.if_else(whole, real, None), pa.int64()), [
            Bad(positions(wrong), "is not a whole number", fix)
        ]
    raise WrongType(f"has type {array.type}, which is no whole number", "deliver it as an integer")


def _boolean(array: pa.Array, _field: Field, _: Clock) -> tuple[pa.Array, list[Bad]]:
    if pa.types.is_boolean(array.type):
        return array, []
    if pa.types.is_integer(array.type):
        array = pc.cast(array, pa.string())
    if not is_text(array.type):
        raise WrongType(f"has type {array.type}, which is no boolean", "deliver true or false")
    text = pc.utf8_lower(pc.utf8_trim_whitespace(array))
    is_true = pc.is_in(text, value_set=pa.array(_TRUE))
    known = pc.or_(is_true, pc.is_in(text, value_set=pa.array(_FALSE)))
    wrong = pc.and_(pc.invert(known), pc.is_valid(array))
    return pc.if_else(known, is_true, None), [
        Bad(positions(wrong), "is not true or false", "deliver true or false")
    ]


def _time(array: pa.Array, _field: Field, _: Clock) -> tuple[pa.Array, list[Bad]]:
    if pa.types.is_time(array.type):
        array = pc.strftime(
            pc.cast(pc.cast(array, pa.time64("us")), pa.int64()).cast(pa.timestamp("us")), "%H:%M"
        )
    if not is_text(array.type):
        raise WrongType(f"has type {array.type}, which is no time of day", "deliver HH:MM")
    text = pc.utf8_trim_whitespace(array)
    readable = pc.match_substring_regex(text, _TIME)
    short = pc.replace_substring_regex(pc.if_else(readable, text, None), r"^(\d+:\d\d).*$", r"\1")
    bad = Bad(positions(pc.invert(readable)), "is not a time of day", "deliver HH:MM, 00:00 to 24:00")
    return pc.utf8_lpad(short, 5, "0"), [bad]


def _date(array: pa.Array, _field: Field, clock: Clock) -> tuple[pa.Array, list[Bad]]:
    values, wrong, what, fix = parse_date(array, clock)
    return values, [Bad(wrong, what, fix)]


def _timestamp(array: pa.Array, _field: Field, clock: Clock) -> tuple[pa.Array, list[Bad]]:
    values, found = parse_timestamp(array, clock)
    return values, [Bad(*item) for item in found]


_PARSERS: dict[str, Callable[[pa.Array, Field, Clock], tuple[pa.Array, list[Bad]]]] = {
    "string": _string,
    "number": _number,
    "integer": _integer,
    "boolean": _boolean,
    "time": _time,
    "date": _date,
    "timestamp": _timestamp,
}
