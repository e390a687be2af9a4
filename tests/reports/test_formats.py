"""Numbers, dates, units and names must read right, whatever comes in."""

from __future__ import annotations

import re
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports import formats as f

NARROW = "\u202f"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "–"),
        (0.18, "18 %"),
        (0.043, "4.3 %"),
        (-0.46, "−46 %"),
        (0.99914, "99.91 %"),
        (0.99995, "99.995 %"),
        (0.0014, "0.1 %"),
        (1.0, "100 %"),
        (0.0, "0 %"),
    ],
)
def test_percentages_keep_the_decimals_that_tell_them_from_none_and_all(value: float, expected: str) -> None:
    assert f.percent(value) == expected.replace(" ", NARROW)


@given(st.floats(min_value=1e-5, max_value=1 - 1e-5))
def test_a_share_that_is_not_all_never_reads_100_percent_nor_0(value: float) -> None:
    assert float(f.percent(value).split(NARROW)[0]) not in (0.0, 100.0)


def test_what_somebody_agreed_is_shown_as_agreed() -> None:
    assert f.agreed_percent(0.95) == f"95{NARROW}%"
    assert f.agreed_percent(0.9995) == f"99.95{NARROW}%"


def test_simulated_probabilities_never_claim_certainty() -> None:
    assert f.chance(0.0) == f"under 1{NARROW}%"
    assert f.chance(1.0) == f"over 99{NARROW}%"


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (0.18, "1", "18 %"),
        (3 * 2**30, "By", "3 GiB"),
        (512, "MiBy", "512 MiB"),
        (1.5 * 2**20, "By/s", "1.5 MiB/s"),
        (412, "{connection}", "412 connections"),
        (182, "ms", "182 ms"),
        (12.34, "1/s", "12.3 /s"),
        (0.0, "By", "0 B"),
        (None, "By", "–"),
    ],
)
def test_quantities_carry_units_that_people_use(value: float | None, unit: str, expected: str) -> None:
    assert f.quantity(value, unit) == expected.replace(" ", NARROW)


@pytest.mark.parametrize(
    ("minutes", "expected"), [(45, "45 min"), (240, "4 h"), (245, "4 h 05 min"), (60 * 24 * 3, "3 days")]
)
def test_durations_read_in_the_unit_that_fits(minutes: float, expected: str) -> None:
    assert f.duration(minutes).replace(NARROW, " ") == expected


def test_agreed_service_time_is_told_in_hours_because_working_days_differ() -> None:
    assert f.working_time(50 * 60).replace(NARROW, " ") == "50 h"


def test_dates_are_unambiguous_between_countries() -> None:
    assert f.day(date(2026, 8, 12)) == "12 Aug 2026"
    assert f.days(date(2026, 7, 9), date(2026, 9, 21)) == "9 Jul to 21 Sep 2026"
    assert f.days(date(2026, 12, 30), date(2027, 1, 2)) == "30 Dec 2026 to 2 Jan 2027"


@given(st.text(max_size=600))
def test_slugs_are_safe_file_names_for_any_identifier(identifier: str) -> None:
    """Protects against path traversal and names that some file system does not take."""
    assert re.fullmatch(r"[a-z0-9][a-z0-9-]{0,80}", f.slug(identifier))


def test_identifiers_that_differ_only_in_what_a_slug_drops_stay_apart() -> None:
    assert f.slug("payments") == "payments"
    assert (
        len({f.slug(name) for name in ("payments", "Payments", "pay/ments", "pay ments", "..payments")}) == 5
    )


@given(st.text(max_size=300))
def test_names_hold_no_characters_that_turn_or_break_the_text_around_them(name: str) -> None:
    cleaned = f.clean(name)
    assert cleaned
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u2028\u2029]", cleaned)
    assert len(f.shorten(name, 40)) <= 40


def test_prices_of_units_are_by_as_many_as_make_them_readable() -> None:
    prices = [
        f.unit_price(value, "EUR").replace("\u202f", " ")
        for value in (31.0, 0.31, 0.00062, 0.0000154, 0.0, None)
    ]
    assert prices == [
        "31 EUR each",
        "0.31 EUR each",
        "0.62 EUR per 1,000",
        "15 EUR per million",
        "0.00 EUR each",
        "–",
    ]


def test_rough_numbers_keep_three_digits_and_large_ones_become_words() -> None:
    found = [
        f.approximate(value).replace("\u202f", " ")
        for value in (14_361.7, -329.6, 4.018, 999_600, 68_722_074, 2.9e9)
    ]
    assert found == ["14,400", "−330", "4.02", "1 million", "68.7 million", "2.9 billion"]


def test_points_of_a_percentage_are_counted() -> None:
    assert [f.points(value).replace("\u202f", " ") for value in (0.342, 0.01, 0.0011)] == [
        "34 points",
        "1 point",
        "0.11 points",
    ]


def test_a_number_and_its_unit_stay_on_one_line_in_names_too() -> None:
    assert f.clean(f" resolved  within 8{NARROW}h\n") == f"resolved within 8{NARROW}h"
