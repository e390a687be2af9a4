"""The checks on the service desk's marts fail on bad tables; on the small estate's good ones they pass (test_build)."""

from pathlib import Path

import pytest

from tests.dbt.dbt_project_runner import DbtOutcome, DbtProjectRunner, damaged

pytestmark = pytest.mark.slow

BACKLOG_CHECKS = ("assert_backlog_stock_follows_flow", "assert_backlog_obeys_littles_law")


@pytest.mark.parametrize(
    ("damage", "found"),
    [
        ("select 1", set()),
        (
            "update marts.fct_backlog_daily set arrivals = arrivals + 1 where arrivals > 0",
            {BACKLOG_CHECKS[0]},
        ),
        (
            "update marts.fct_backlog_daily set transfers_in = 0, arrivals = arrivals + transfers_in",
            {BACKLOG_CHECKS[0]},
        ),
        ("update marts.fct_backlog_daily set ticket_days = ticket_days * 1.001", {BACKLOG_CHECKS[1]}),
        ("delete from marts.fct_backlog_daily where ticket_kind = 'problem'", {BACKLOG_CHECKS[1]}),
    ],
    ids=["as built", "an arrival too many", "a transfer lost", "time that nobody waited", "a kind lost"],
)
def test_backlog_checks(
    built: tuple[Path, DbtOutcome],
    dbt_project: DbtProjectRunner,
    tmp_path: Path,
    damage: str,
    found: set[str],
) -> None:
    """Little's law and stock and flow hold in what was built, and each notices its own mistake."""
    warehouse = damaged(built[0], tmp_path, damage)
    outcome = dbt_project.run(["test", "--select", *BACKLOG_CHECKS], warehouse)
    assert set(outcome.failed()) == found
    assert set(outcome.statuses) == set(BACKLOG_CHECKS)


def test_measures_that_disagree_are_noticed(
    built: tuple[Path, DbtOutcome], dbt_project: DbtProjectRunner, tmp_path: Path
) -> None:
    """One mistake on each pair: open problems, clocks, changes, hours, requests, collisions, major incidents, evidence.

    As built all agree.
    """
    checks = ("assert_measures_agree_by_two_paths", "assert_capacity_incidents_have_their_evidence")
    warehouse = damaged(
        built[0],
        tmp_path,
        "update marts.fct_problems set is_open = not is_open"
        " where problem_id = (select min(problem_id) from marts.fct_problems)",
        "update marts.fct_service_levels set total_count = total_count + 1 where counted = 'incidents'"
        " and target_id = (select min(target_id) from marts.fct_incident_sla where stopped_at is not null)",
        "update marts.fct_change_failure_rates set failed_count = failed_count + 1 where service_id = 'all'"
        " and change_kind = 'all' and period_grain = 'month'",
        "delete from intermediate.int_service_level_hours where target_id = 'carry' and hour_at = (select min(hour_at)"
        " from intermediate.int_service_level_hours where target_id = 'carry')",
        "update intermediate.int_service_level_hours set bad_count = bad_count + 1 where (service_id, hour_at) ="
        " (select (service_id, hour_at) from intermediate.int_service_level_hours where measure = 'error_ratio'"
        " order by service_id, hour_at limit 1) and measure = 'error_ratio' and total_count > 1",
        "update marts.fct_service_performance_hourly set request_count = request_count + 1 where service_id = 'shop'"
        " and hour_at = (select max(hour_at) from marts.fct_service_performance_hourly where service_id = 'shop')",
        "delete from marts.fct_major_incidents",
        "update marts.fct_changes set collision_count = collision_count + 1",
        "delete from marts.fct_capacity_incident_evidence where incident_id = (select min(incident_id)"
        " from marts.fct_capacity_incident_evidence)",
    )
    outcome = dbt_project.run(["test", "--select", *checks], warehouse)
    assert set(outcome.failed()) == set(checks)
    assert "Got 8 results" in outcome.messages[checks[0]]


def test_staffing_that_does_not_add_up_is_noticed(
    built: tuple[Path, DbtOutcome], dbt_project: DbtProjectRunner, tmp_path: Path
) -> None:
    """A shortage that is not what is needed less what is available; as built it passes (test_build)."""
    warehouse = damaged(
        built[0],
        tmp_path,
        "update marts.fct_staffing set agents_needed = 2, agents_needed_high = 2, agents_available = 1, "
        "shortage_agents = 2",
    )
    assert dbt_project.run(["test", "--select", "staffing_adds_up"], warehouse).statuses == {
        "staffing_adds_up": "fail"
    }
