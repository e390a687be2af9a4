"""servicedesk: 141,712 events of 24,918 incidents; each known flaw handled or quarantined, and counted."""

from __future__ import annotations

import pytest

from tests.real.estates import LandedEstate

pytestmark = pytest.mark.real


def test_every_event_is_accounted_for(servicedesk_estate: LandedEstate) -> None:
    assert servicedesk_estate.counts("incidents") == (141_712, 141_707, 5)
    counts = "select count(*), count(distinct incident_id), count(distinct source_row) from landed"
    assert servicedesk_estate.query("incidents", counts) == [(141_707, 24_918, 141_707)]


def test_the_state_without_a_meaning_is_quarantined(servicedesk_estate: LandedEstate) -> None:
    rows = servicedesk_estate.quarantined("incidents")
    assert [row["value"] for row in rows] == ["'-100'"] * 5
    assert all("stands for no state that the source explains" in row["reason"] for row in rows)
    assert servicedesk_estate.receipts("incidents")[0].rows_excluded == 5


def test_only_the_last_event_tells_whether_the_sla_was_met(servicedesk_estate: LandedEstate) -> None:
    """63.4 % at the last event; taken over all events, as if known at once, it would be 93.5 %."""
    last = (
        "select avg(met), min(state), max(state) from (select incident_id, state,"
        " cast(source_made_sla as int) as met, row_number() over"
        " (partition by incident_id order by event_sequence desc) as n from landed) where n = 1"
    )
    ((share, *states),) = servicedesk_estate.query("incidents", last)
    assert round(share, 3) == 0.634
    assert states == ["closed", "closed"]
    ((naive,),) = servicedesk_estate.query(
        "incidents", "select avg(cast(source_made_sla as int)) from landed"
    )
    assert round(naive, 3) == 0.935


def test_events_of_an_incident_are_numbered_in_order(servicedesk_estate: LandedEstate) -> None:
    out_of_order = (
        "select count(*) from (select updated_at, lag(updated_at) over"
        " (partition by incident_id order by event_sequence) as before from landed) where updated_at < before"
    )
    assert servicedesk_estate.query("incidents", out_of_order) == [(0,)]


def test_final_values_are_unknown_on_early_rows(servicedesk_estate: LandedEstate) -> None:
    """The log repeats the final resolved_at on every event; before that time no event has it."""
    known_too_early = (
        "select count(*) filter (resolved_at > updated_at), count(*) filter (closed_at > updated_at)"
        " from landed"
    )
    assert servicedesk_estate.query("incidents", known_too_early) == [(0, 0)]
    (receipt,) = servicedesk_estate.receipts("incidents")
    assert [text.split(": ", 1)[1].split(" lie")[0] for text in receipt.warnings] == [
        "87,471 values of resolved_at",
        "116,726 values of closed_at",
    ]


def test_missing_values_are_null_and_dates_are_read_day_first(servicedesk_estate: LandedEstate) -> None:
    nulls = (
        "select count(*) filter (team_id is null), count(*) filter (category is null),"
        " count(*) filter (ci_id is null), count(*) filter (resolved_at is null and state = 'closed'),"
        " strftime(min(opened_at), '%Y-%m-%d %H:%M'), strftime(max(updated_at), '%Y-%m-%d %H:%M') from landed"
    )
    assert servicedesk_estate.query("incidents", nulls) == [
        (14_213, 78, 141_262, 1_571, "2016-02-29 01:16", "2017-02-18 15:00")
    ]


def test_words_become_those_of_the_contract(servicedesk_estate: LandedEstate) -> None:
    states = dict(servicedesk_estate.query("incidents", "select state, count(*) from landed group by 1"))
    assert states == {
        "new": 36_407,
        "in_progress": 38_716,
        "on_hold": 14_642 + 707 + 461 + 38,
        "resolved": 25_751,
        "closed": 24_985,
    }
    doubled = "select count(*) from landed where regexp_matches(category || coalesce(team_id, ''), '  ')"
    assert servicedesk_estate.query("incidents", doubled) == [(0,)]
    priorities = dict(
        servicedesk_estate.query("incidents", "select priority, count(*) from landed group by 1")
    )
    assert sorted(priorities) == [1, 2, 3, 4]


def test_control_records_name_what_the_log_names(servicedesk_estate: LandedEstate) -> None:
    for table, field in (("teams", "team_id"), ("configuration_items", "ci_id"), ("services", "service_id")):
        known = {row[field] for row in servicedesk_estate.landed(table).to_pylist()}
        used = servicedesk_estate.query(
            "incidents", f"select distinct {field} from landed where {field} is not null"
        )
        assert {row[0] for row in used} == known


def test_assumed_targets_are_labelled(servicedesk_estate: LandedEstate) -> None:
    targets = servicedesk_estate.landed("targets").to_pylist()
    assert [row["priority"] for row in targets] == [1, 2, 3, 4]
    assert all(row["approved_by"] == "example" and row["target_id"].startswith("example-") for row in targets)


def test_a_second_run_lands_nothing(servicedesk_estate: LandedEstate) -> None:
    again = servicedesk_estate.land_again()
    assert sum(summary.batches_written for summary in again.values()) == 0
    assert all(summary.is_conserved and not summary.rejections for summary in again.values())
