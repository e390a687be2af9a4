"""Cells to values: each type with what it accepts, what it refuses, and the same answer for text and dictionaries."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.landing.contracts import Field
from assets.landing.parsing import parse
from assets.landing.timestamps import Clock, WrongType
from tests.landing.estate import naive

UTC_CLOCK = Clock("UTC")


def read(
    texts: Sequence[str | None], field: Field, clock: Clock = UTC_CLOCK
) -> tuple[list[object], list[int]]:
    """Values and bad positions; checks that a dictionary of the same texts reads the same."""
    plain = parse(pa.array(texts, pa.string()), field, clock)
    coded = parse(pa.array(texts, pa.string()).dictionary_encode(), field, clock)
    bad = sorted(row for item in plain.bad for row in item.rows.tolist())
    assert sorted(row for item in coded.bad for row in item.rows.tolist()) == bad
    values = plain.values.to_pylist()
    if field.type != "string":
        assert coded.values.to_pylist() == values
    return values, bad


@pytest.mark.parametrize(
    ("text", "value"),
    [("1.5", 1.5), (" -2 ", -2.0), ("+3", 3.0), (".5", 0.5), ("1e-3", 0.001), ("5.", 5.0)],
)
def test_numbers(text: str, value: float) -> None:
    assert read([text, None], Field(type="number")) == ([value, None], [])


@pytest.mark.parametrize(
    "text", ["abc", "1,5", "0x10", "1_000", "", "-", "1 2", "１", "NaN", "1.2.3", "--1", "∞"]
)
def test_what_is_no_number(text: str) -> None:
    assert read(["1", text], Field(type="number"))[1] == [1]


def test_infinity_is_a_bound_but_no_measurement() -> None:
    """The last bucket of a histogram is +Inf; a sample never is, not even by overflow."""
    assert read(["+Inf"], Field(type="number")) == ([float("inf")], [])
    assert read(["+Inf", "1e999"], Field(type="number", finite=True))[1] == [0, 1]


@pytest.mark.parametrize(("text", "value"), [("5", 5), ("+5", 5), ("5.0", 5), ("007", 7), ("-1", -1)])
def test_integers(text: str, value: int) -> None:
    assert read([text], Field(type="integer")) == ([value], [])


@pytest.mark.parametrize("text", ["5.5", "0x5", "9" * 19, "0" * 40, "five", "1e3"])
def test_what_is_no_integer(text: str) -> None:
    assert read([text], Field(type="integer")) == ([None], [0])


def test_booleans() -> None:
    texts = ["true", "FALSE", "1", "0", "yes", "n", "2", "maybe", None]
    assert read(texts, Field(type="boolean")) == (
        [True, False, True, False, True, False, None, None, None],
        [6, 7],
    )


def test_times_of_day() -> None:
    texts = ["9:00", "09:30", "24:00", "17:00:00", "24:30", "9am", "25:00"]
    assert read(texts, Field(type="time")) == (
        ["09:00", "09:30", "24:00", "17:00", None, None, None],
        [4, 5, 6],
    )


def test_dates() -> None:
    texts = [
        "2026-06-30",
        "9999-12-31",
        "2026-06-30T00:00:00",
        "2026-02-30",
        "30/06/2026",
        "2026",
        "2026-06-30T01:00",
    ]
    values, bad = read(texts, Field(type="date"))
    assert values[:3] == [date(2026, 6, 30), date(9999, 12, 31), date(2026, 6, 30)]
    assert bad == [3, 4, 5, 6]
    assert read(["30/6/2026", "31/6/2026"], Field(type="date"), Clock("UTC", "%d/%m/%Y"))[1] == [1]


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-06-30T10:00:00Z", naive(2026, 6, 30, 10)),
        ("2026-06-30 10:00:00+02:00", naive(2026, 6, 30, 8)),
        ("2026-06-30 10:00:00 +0200", naive(2026, 6, 30, 8)),
        ("2026-06-30T10:00", naive(2026, 6, 30, 10)),
        ("2026-06-30", naive(2026, 6, 30)),
        ("2026-06-30T10:00:00.123456789Z", naive(2026, 6, 30, 10, 0, 0, 123456)),
        ("9999-12-31T00:00:00Z", naive(9999, 12, 31)),
    ],
)
def test_iso_timestamps(text: str, moment: datetime) -> None:
    assert read([text], Field(type="timestamp")) == ([moment], [])


def test_iso_timestamps_with_and_without_offset_in_one_column() -> None:
    """Only those without an offset are in the declared zone."""
    texts = [
        "2026-06-30T10:00:00",
        "2026-06-30T10:00:00Z",
        "2026-06-30T10:00:00.5-04:00",
        None,
        "soon",
        "2026-13-01",
    ]
    values, bad = read(texts, Field(type="timestamp"), Clock("Europe/Berlin"))
    assert values[:3] == [
        naive(2026, 6, 30, 8),
        naive(2026, 6, 30, 10),
        naive(2026, 6, 30, 14, 0, 0, 500_000),
    ]
    assert bad == [4, 5]


def test_a_fraction_of_nanoseconds_does_not_narrow_the_range_of_others() -> None:
    """A column with one fine timestamp must still hold open ends in the year 9999."""
    texts = ["2026-06-30T10:00:00.123456789", "9999-12-31T00:00:00", "2026-06-30T10:00:00Z"]
    assert read(texts, Field(type="timestamp"))[1] == []


def test_strptime_go_and_epoch_times() -> None:
    moment = naive(2016, 2, 29, 1, 16)
    assert read(
        ["29/2/2016 01:16", "30/2/2016 01:16"], Field(type="timestamp"), Clock("UTC", "%d/%m/%Y %H:%M")
    ) == (
        [moment, None],
        [1],
    )
    zoned = Clock("Europe/Berlin", "%d/%m/%Y %H:%M %z")
    assert read(["29/2/2016 03:16 +0200"], Field(type="timestamp"), zoned)[0] == [moment]
    go = ["2022-08-23 11:59:28.15674849412 +0000 UTC m=+0.13", "2022-08-23 11:59:28 +0200 CEST", "2022-08-23"]
    assert read(go, Field(type="timestamp"), Clock("UTC", "go")) == (
        [naive(2022, 8, 23, 11, 59, 28, 156748), naive(2022, 8, 23, 9, 59, 28), None],
        [2],
    )
    epoch = ["1661255968", "1661255968.123456", "-1", "1661255968000000", "x", "nan"]
    assert read(epoch, Field(type="timestamp"), Clock("UTC", "epoch_s")) == (
        [
            naive(2022, 8, 23, 11, 59, 28),
            naive(2022, 8, 23, 11, 59, 28, 123456),
            naive(1969, 12, 31, 23, 59, 59),
            None,
            None,
            None,
        ],
        [3, 4, 5],
    )


@given(st.datetimes(min_value=naive(1975, 1, 1), max_value=naive(2035, 1, 1), timezones=st.just(UTC)))
def test_a_local_time_that_is_read_back_is_the_same_moment(moment: datetime) -> None:
    """Every moment either survives the way through local time, or its local time is ambiguous and refused."""
    zone = ZoneInfo("America/New_York")
    local = moment.astimezone(zone)
    (value,), bad = read([local.replace(tzinfo=None).isoformat()], Field(type="timestamp"), Clock(str(zone)))
    if local.utcoffset() != local.replace(fold=1 - local.fold).utcoffset():
        assert bad == [0]
    else:
        assert value == moment.replace(tzinfo=None)


def test_values_that_a_source_has_typed() -> None:
    """Parquet and databases deliver types; they are taken as they are."""
    at = datetime(2026, 6, 30, 10, tzinfo=timezone(timedelta(hours=2)))
    assert parse(pa.array([at]), Field(type="timestamp"), UTC_CLOCK).values.to_pylist() == [
        naive(2026, 6, 30, 8)
    ]
    local = pa.array([naive(2026, 6, 30, 10)])
    berlin = parse(local, Field(type="timestamp"), Clock("Europe/Berlin"))
    assert berlin.values.to_pylist() == [naive(2026, 6, 30, 8)]
    assert parse(pa.array([date(2026, 6, 30)]), Field(type="date"), UTC_CLOCK).values.to_pylist() == [
        date(2026, 6, 30)
    ]
    assert parse(pa.array([Decimal("1.5")]), Field(type="number"), UTC_CLOCK).values.to_pylist() == [1.5]
    assert parse(pa.array([3.0, 3.5]), Field(type="integer"), UTC_CLOCK).values.to_pylist() == [3, None]
    assert parse(pa.array([2**63], pa.uint64()), Field(type="integer"), UTC_CLOCK).bad[0].rows.tolist() == [0]
    assert parse(pa.array([7]), Field(type="string"), UTC_CLOCK).values.to_pylist() == ["7"]
    assert parse(pa.nulls(2), Field(type="number"), UTC_CLOCK).values.to_pylist() == [None, None]


@pytest.mark.parametrize(
    ("array", "field"),
    [
        (pa.array([True]), Field(type="number")),
        (pa.array([1]), Field(type="timestamp")),
        (pa.array([1.5]), Field(type="date")),
        (pa.array([1.5]), Field(type="boolean")),
        (pa.array([[1]]), Field(type="string")),
        (pa.array([naive(2026, 1, 1)]), Field(type="integer")),
        (pa.array([b"x"]), Field(type="number")),
    ],
)
def test_a_type_that_never_fits_is_the_columns_fault(array: pa.Array, field: Field) -> None:
    with pytest.raises(WrongType, match=r"has type .*; fix: "):
        parse(array, field, UTC_CLOCK)


def test_zones_are_known_names() -> None:
    parsed = parse(pa.array(["Europe/Berlin", "Europe/Berln"]), Field(type="string", zone=True), UTC_CLOCK)
    assert parsed.bad[0].rows.tolist() == [1]
    assert parsed.bad[0].fix == ["use a name such as Europe/Berlin"]
