"""Checks between tables fail when one of them is wrong; on the small estate's good ones they pass (test_build)."""

from pathlib import Path

import pytest

from tests.dbt.dbt_project_runner import PROJECT, DbtOutcome, DbtProjectRunner, damaged

pytestmark = pytest.mark.slow

# By check: what breaks it, and nothing that the others look at.
DAMAGE = {
    "assert_business_time_is_counted": (
        "update marts.fct_incident_sla set business_minutes = 0, stopped_at = started_at + interval 8 day"
    ),
    "assert_daily_means_agree_with_hours": (
        "update marts.fct_resource_utilisation_daily set sample_count = sample_count + 1"
    ),
    "assert_daily_means_agree_with_sketches": (
        "update marts.fct_resource_utilisation_sketches set bucket = bucket + 2 where bucket > 0"
    ),
    "assert_downtime_agrees_by_two_ways": (
        "update marts.fct_availability set measured_downtime_minutes = measured_downtime_minutes + 1"
    ),
    "assert_incident_counts_agree": (
        "delete from marts.fct_incidents where incident_id = (select min(incident_id) from marts.fct_incidents)"
    ),
    "assert_one_metric_a_resource": (
        "update intermediate.int_sampled_days set last_metric = last_metric || ' of another tool'"
    ),
    "assert_one_rule_a_resource": (
        "update intermediate.int_resource_rules_by_day set statistic = 'another' || statistic"
    ),
    "assert_plans_name_what_exists": "update marts.dim_planned_purchase set ci_id = 'host-that-nobody-recorded'",
    "assert_service_level_periods_add_up": (
        "update marts.fct_service_levels set good_count = good_count * 0.9 where period = 'quarter'"
    ),
    "assert_service_measurements_have_a_service": "delete from intermediate.int_service_endpoints_by_day",
    "assert_supplier_time_agrees_by_two_ways": (
        "delete from intermediate.int_availability_intervals where state = 'supplier' and subject_kind = 'ci'"
    ),
    "assert_weeks_of_sketches_agree_with_days": (
        "update intermediate.int_resource_sketch_weeks set covered_microseconds = covered_microseconds + 1"
    ),
}
WARNINGS = {
    "assert_business_time_is_counted",
    "assert_plans_name_what_exists",
    "assert_service_measurements_have_a_service",
}


def test_each_notices_its_own_mistake(
    built: tuple[Path, DbtOutcome], dbt_project: DbtProjectRunner, tmp_path: Path
) -> None:
    before = built[1].statuses
    assert {name: before[name] for name in DAMAGE} == dict.fromkeys(DAMAGE, "pass")
    warehouse = damaged(built[0], tmp_path, *DAMAGE.values())
    outcome = dbt_project.run(["test", "--select", *DAMAGE], warehouse)
    assert outcome.statuses == {name: "warn" if name in WARNINGS else "fail" for name in DAMAGE}


def test_every_check_of_the_project_has_a_case_in_which_it_fails() -> None:
    cases = "\n".join(path.read_text("utf-8") for path in Path(__file__).parent.glob("test_*.py"))
    checks = {path.stem for path in (PROJECT / "tests").glob("*.sql")}
    assert {name for name in checks if f'"{name}"' not in cases} == set()
