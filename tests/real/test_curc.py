"""curc: 13,617 checks and 277 derived outages; each known flaw handled or quarantined, and counted."""

from __future__ import annotations

import pytest

from examples.real.curc import THRESHOLD_CHECK
from tests.real.estates import LandedEstate

pytestmark = pytest.mark.real

#: Sum of column `minutes` of the source.
SOURCE_MINUTES = 64_004.583333333333


def test_every_check_is_accounted_for(curc_estate: LandedEstate) -> None:
    """13,617 source rows are a state and a response time each; only absent response times do not land."""
    assert curc_estate.counts("metric_samples") == (2 * 13_617, 2 * 13_617 - 23, 23)
    (receipt,) = curc_estate.receipts("metric_samples")
    assert receipt.control_totals["received"]["rows"] == 13_617
    by_metric = curc_estate.query(
        "metric_samples",
        "select metric, count(*), count(distinct source_row) from landed group by 1 order by 1",
    )
    assert by_metric == [("httpcheck.duration", 13_594, 13_594), ("httpcheck.status", 13_617, 13_617)]


def test_no_answer_is_no_response_time(curc_estate: LandedEstate) -> None:
    """Written as 0 ms by the source: knowingly left out, each with its row and reason."""
    rows = curc_estate.quarantined("metric_samples")
    assert len(rows) == 23
    assert {row["field"] for row in rows} == {"value"}
    assert all("is empty in the optional column response_ms" in row["reason"] for row in rows)
    (receipt,) = curc_estate.receipts("metric_samples")
    assert receipt.rows_excluded == 23


def test_states_are_as_the_source_says(curc_estate: LandedEstate) -> None:
    states = "select value, count(*) from landed where metric = 'httpcheck.status' group by 1 order by 1"
    assert curc_estate.query("metric_samples", states) == [(0.0, 746), (1.0, 12_871)]


def test_renamed_checks_are_one_item(curc_estate: LandedEstate) -> None:
    """19 names of the source, two of them with a pictogram, are 13 items; nothing is left unmapped."""
    items = dict(
        curc_estate.query(
            "metric_samples",
            "select ci_id, count(*) from landed where metric = 'httpcheck.status' group by 1",
        )
    )
    assert len(items) == 13
    assert all(item.startswith("check/") for item in items)
    assert items["check/alpine-login-ssh"] == 419 + 889
    assert items["check/access-website"] == 1443 + 1
    assert (items["check/curc-website"], items["check/xsede-redirect"]) == (1, 1)
    known = {row["ci_id"] for row in curc_estate.landed("configuration_items").to_pylist()}
    assert set(items) == known


def test_the_threshold_check_is_no_availability(curc_estate: LandedEstate) -> None:
    """It is DOWN half of the time, when utilisation is low; it lands, but no service has it."""
    rows = curc_estate.query(
        "metric_samples",
        "select count(*), avg(value) from landed where metric = 'httpcheck.status'"
        f" and ci_id = '{THRESHOLD_CHECK}'",
    )
    assert rows[0][0] == 906
    assert rows[0][1] < 0.5
    mapped = {row["ci_id"] for row in curc_estate.landed("service_cis").to_pylist()}
    assert len(mapped) == 10
    assert THRESHOLD_CHECK not in mapped


def test_outages_are_derived_incidents(curc_estate: LandedEstate) -> None:
    """277 opened, 275 of them resolved; those of the threshold check belong to no service."""
    assert curc_estate.counts("incidents") == (277 + 275, 277 + 275, 0)
    rows = curc_estate.query(
        "incidents",
        "select state, count(*), count(distinct incident_id), bool_and(is_derived),"
        " count(*) filter (service_id is null) from landed group by 1 order by 1",
    )
    assert rows == [("new", 277, 277, True, 67), ("resolved", 275, 275, True, 65)]
    kinds = "select category, service_id is null, count(distinct incident_id) from landed group by 1, 2"
    assert sorted(curc_estate.query("incidents", kinds)) == [
        ("outage", False, 210),
        ("utilisation threshold", True, 67),
    ]


def test_an_outage_lasts_as_long_as_its_source_says(curc_estate: LandedEstate) -> None:
    """The events of an outage, against the minutes that the source counted itself."""
    (minutes,) = curc_estate.query(
        "incidents", "select sum(epoch(resolved_at - opened_at)) / 60 from landed where state = 'resolved'"
    )[0]
    assert minutes == pytest.approx(SOURCE_MINUTES, rel=1e-9)


def test_a_second_run_lands_nothing(curc_estate: LandedEstate) -> None:
    again = curc_estate.land_again()
    assert sum(summary.batches_written for summary in again.values()) == 0
    assert all(summary.is_conserved and not summary.rejections for summary in again.values())
