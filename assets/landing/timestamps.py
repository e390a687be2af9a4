"""Timestamps and dates of a source to UTC, by its declared format and IANA zone.

A local time that happened twice (clocks set back) or never (clocks set forward) has no single UTC time: it is
named as bad, never guessed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from assets.landing.faults import Rows

_ISO_DATE = r"^\d{4}-\d{2}-\d{2}$"
_ISO_MIDNIGHT = r"^(\d{4}-\d{2}-\d{2})[T ]00:00(:00(\.0+)?)?$"
_ISO = r"^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}([.,]\d+)?)?( ?(Z|z|[+-]\d{2}(:?\d{2})?))?)?$"
_OFFSET = r"(Z|z|[+-]\d{2}(:?\d{2})?)$"
_GO = r"^\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}(\.\d+)? [+-]\d{4} \S+( m=[+-][0-9.]+)?$"
#: Seconds from year 1 to year 9999, the range of a timestamp in every store that the rows reach.
_FIRST_SECOND, _LAST_SECOND = -62_135_596_800, 253_402_300_799

#: (positions, what, fix), as `parsing.Bad` takes them.
Found = tuple[Rows, str, str]


class WrongType(ValueError):
    """A whole column whose type can never be read as its field."""

    def __init__(self, what: str, fix: str) -> None:
        super().__init__(f"{what}; fix: {fix}")
        self.what = what
        self.fix = fix


@lru_cache(maxsize=1)
def known_zones() -> frozenset[str]:
    """Names of all IANA time zones. Kept: listing them reads hundreds of files."""
    return frozenset(available_timezones())


@dataclass(frozen=True)
class Clock:
    """How a source writes time: the `zone` of naive timestamps, and `form`, as in a declaration."""

    zone: str
    form: str = "ISO8601"

    @property
    def is_strptime(self) -> bool:
        """True when `form` is a strptime pattern."""
        return "%" in self.form


def parse_timestamp(array: pa.Array, clock: Clock) -> tuple[pa.Array, list[Found]]:
    """An array of text, numbers, dates or timestamps as naive UTC `timestamp[us]`, null where bad."""
    kind = array.type
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return _typed(array, clock)
    if clock.form == "epoch_s":
        return _epoch(array)
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        advice = (
            "declare timestamp_format: epoch_s" if pa.types.is_integer(kind) else "deliver it as a timestamp"
        )
        raise WrongType(f"has type {kind}, which is no timestamp", advice)
    text = pc.utf8_trim_whitespace(array)
    if clock.is_strptime:
        return _strptime(text, clock)
    if clock.form == "go":
        readable = pc.match_substring_regex(text, _GO)
        text = pc.replace_substring_regex(text, r"^(\S+ \S+) ([+-]\d{4}) .*$", r"\1\2")
        return _iso(pc.if_else(readable, text, "x"), clock, pc.is_valid(array))
    return _iso(text, clock, pc.is_valid(array))


def parse_date(array: pa.Array, clock: Clock) -> tuple[pa.Array, Rows, str, str]:
    """An array as `date32` (calendar dates have no zone): values, bad positions, what is wrong, fix."""
    kind = array.type
    form = clock.form if clock.is_strptime else "YYYY-MM-DD"
    fix = f"deliver a date that exists, as {form}"
    if pa.types.is_date(kind):
        return pc.cast(array, pa.date32()), np.zeros(0, dtype=np.int64), "", fix
    if pa.types.is_timestamp(kind):
        naive = pc.local_timestamp(array) if kind.tz else array
        day = pc.floor_temporal(naive, unit="day")
        wrong = _true(pc.not_equal(day, naive))
        return pc.cast(pc.cast(day, pa.date32()), pa.date32()), wrong, "has a time of day", fix
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        raise WrongType(f"has type {kind}, which is no date", "deliver it as a date")
    text = pc.utf8_trim_whitespace(array)
    if clock.is_strptime:
        moments = pd.to_datetime(_objects(text), format=clock.form, errors="coerce")
    else:
        text = pc.replace_substring_regex(text, _ISO_MIDNIGHT, r"\1")
        shaped = pc.if_else(pc.match_substring_regex(text, _ISO_DATE), text, None)
        moments = pd.to_datetime(_objects(shaped), format="%Y-%m-%d", errors="coerce")
    days = moments.dt.tz_localize(None).to_numpy().astype("datetime64[D]")
    values = pa.array(days, type=pa.date32(), from_pandas=True)
    return values, _true(pc.and_(pc.is_null(values), pc.is_valid(text))), f"is not a date ({form})", fix


def _typed(array: pa.Array, clock: Clock) -> tuple[pa.Array, list[Found]]:
    kind = array.type
    if pa.types.is_timestamp(kind) and kind.tz is not None:
        return pc.cast(pc.cast(array, pa.timestamp("us", "UTC"), safe=False), pa.timestamp("us")), []
    return _to_utc(pc.cast(array, pa.timestamp("us"), safe=False), clock)


def _epoch(array: pa.Array) -> tuple[pa.Array, list[Found]]:
    if not (
        pa.types.is_string(array.type) or pa.types.is_integer(array.type) or pa.types.is_floating(array.type)
    ):
        raise WrongType(f"has type {array.type}, which is no number of seconds", "deliver seconds since 1970")
    text = pc.utf8_trim_whitespace(array) if pa.types.is_string(array.type) else array
    if pa.types.is_string(array.type):
        readable = pc.match_substring_regex(text, r"^-?\d{1,15}(\.\d*)?([eE]\+?\d{1,2})?$")
        text = pc.if_else(readable, text, None)
    seconds = pc.cast(text, pa.float64(), safe=False)
    inside = pc.and_(pc.greater_equal(seconds, _FIRST_SECOND), pc.less_equal(seconds, _LAST_SECOND))
    whole = pc.floor(pc.if_else(inside, seconds, None))
    # Whole seconds and the rest apart: one float of microseconds would round times after 1985.
    rest = pc.round(pc.multiply(pc.subtract(seconds, whole), 1e6))
    micros = pc.add(pc.multiply(pc.cast(whole, pa.int64()), 1_000_000), pc.cast(rest, pa.int64()))
    values = pc.cast(micros, pa.timestamp("us"))
    wrong = _true(pc.and_(pc.is_null(values), pc.is_valid(array)))
    return values, [(wrong, "is not a number of seconds since 1970", "deliver seconds, not milliseconds")]


def _strptime(text: pa.Array, clock: Clock) -> tuple[pa.Array, list[Found]]:
    has_zone = "%z" in clock.form or "%Z" in clock.form
    moments = pd.to_datetime(_objects(text), format=clock.form, errors="coerce", utc=has_zone)
    naive = _arrow(moments)
    wrong = _true(pc.and_(pc.is_null(naive), pc.is_valid(text)))
    found: list[Found] = [
        (
            wrong,
            f"is not a date and time that exists, as {clock.form}",
            "correct it, or timestamp_format in the sidecar",
        )
    ]
    if has_zone:
        return naive, found
    values, more = _to_utc(naive, clock)
    return values, [*found, *more]


def _iso(text: pa.Array, clock: Clock, given: pa.Array) -> tuple[pa.Array, list[Found]]:
    """ISO 8601 texts, each with or without an offset."""
    shaped = pc.match_substring_regex(text, _ISO)
    plain = pc.if_else(shaped, text, None)
    aware = pc.match_substring_regex(plain, r":\d{2}([.,]\d+)? ?" + _OFFSET)
    with_offset = _read_iso(pc.if_else(aware, plain, None), utc=True)
    local, ambiguous = _to_utc(_read_iso(pc.if_else(aware, None, plain), utc=False), clock)
    values = pc.coalesce(with_offset, local)
    skipped = np.zeros(len(text), dtype=bool)
    for rows, _, _ in ambiguous:
        skipped[rows] = True
    unread = pc.and_(pc.and_(pc.is_null(values), given), pc.invert(pa.array(skipped)))
    impossible = pc.and_(unread, pc.fill_null(shaped, False))
    misshapen = pc.and_(unread, pc.invert(pc.fill_null(shaped, False)))
    form = "a Go time" if clock.form == "go" else "an ISO 8601 timestamp"
    return values, [
        (_true(misshapen), f"is not {form}", "correct it, or timestamp_format in the sidecar"),
        (_true(impossible), "is a date or time that does not exist", "correct it at the source"),
        *ambiguous,
    ]


def _read_iso(text: pa.Array, *, utc: bool) -> pa.Array:
    """Texts of ISO shape, all with an offset (`utc`) or none, as naive timestamps; null where impossible."""
    if text.null_count == len(text):
        return pa.nulls(len(text), pa.timestamp("us"))
    # Six digits of a fraction are kept: one finer text would narrow the range of all.
    text = pc.replace_substring_regex(text, r"[.,](\d{1,6})\d*", r".\1")
    try:
        return pc.cast(pc.cast(text, pa.timestamp("us", "UTC" if utc else None)), pa.timestamp("us"))
    except pa.ArrowInvalid:
        return _arrow(pd.to_datetime(_objects(text), format="ISO8601", errors="coerce", utc=utc))


def _to_utc(naive: pa.Array, clock: Clock) -> tuple[pa.Array, list[Found]]:
    """Local times of the declared zone as UTC; those that exist twice or never become null and are named."""
    if clock.zone == "UTC" or naive.null_count == len(naive):
        return naive, []
    local = pd.DatetimeIndex(naive.to_numpy(zero_copy_only=False)).as_unit("us")
    zone = ZoneInfo(clock.zone)
    zoned = local.tz_localize(zone, ambiguous="NaT", nonexistent="NaT")
    values = _arrow(pd.Series(zoned.tz_convert("UTC")))
    lost = np.flatnonzero(np.asarray(zoned.isna()) & ~np.asarray(local.isna())).astype(np.int64)
    if not len(lost):
        return values, []
    shifted = local[lost].tz_localize(zone, ambiguous="NaT", nonexistent="shift_forward")
    twice = np.asarray(shifted.isna())
    fix = "deliver timestamps in UTC or with an offset"
    return values, [
        (lost[twice], f"happened twice in {clock.zone} (clocks were set back)", fix),
        (lost[~twice], f"never happened in {clock.zone} (clocks were set forward)", fix),
    ]


def _objects(text: pa.Array) -> pd.Series:
    return text.to_pandas()


def _arrow(moments: pd.Series) -> pa.Array:
    naive = (
        moments.dt.tz_localize(None)
        if moments.dt.tz is None
        else moments.dt.tz_convert("UTC").dt.tz_localize(None)
    )
    return pa.array(naive.dt.as_unit("us"), type=pa.timestamp("us"), from_pandas=True)


def _true(mask: pa.Array) -> Rows:
    return np.flatnonzero(pc.fill_null(mask, False).to_numpy(zero_copy_only=False)).astype(np.int64)
