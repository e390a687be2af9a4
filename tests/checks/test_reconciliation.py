"""Reconciliations pass when two paths agree, and fail with the first difference when they do not."""

from __future__ import annotations

from datetime import date

from checks.reconciliation import compare, newest_day

AS_OF = date(2026, 6, 30)


def test_equal_counts_pass() -> None:
    outcome = compare("rows", "receipts", {"incidents": 3, "changes": 0}, {"incidents": 3})
    assert outcome.passed
    assert (outcome.rows_checked, outcome.rows_failed) == (3, 0)


def test_missing_rows_block_and_are_named() -> None:
    outcome = compare("rows", "receipts", {"changes": 2, "incidents": 3}, {"changes": 2, "incidents": 1})
    assert outcome.stops_publishing
    assert outcome.rows_failed == 2
    assert "1 of 2 keys differ; first incidents: 3 rows by receipts, 1 in the warehouse" in outcome.message


def test_rows_from_nowhere_block_too() -> None:
    assert compare("rows", "receipts", {}, {"incidents": 1}).stops_publishing


def test_newest_day_is_the_as_of_day() -> None:
    assert newest_day("receipts", [date(2026, 6, 29), AS_OF, date(2026, 7, 2)], AS_OF).passed


def test_stale_day_warns_without_blocking() -> None:
    outcome = newest_day("receipts", [date(2026, 6, 28)], AS_OF)
    assert not outcome.passed
    assert not outcome.stops_publishing
    assert "newest day is 2026-06-28" in outcome.message


def test_no_day_at_all_warns() -> None:
    assert "missing" in newest_day("receipts", [], AS_OF).message
