"""The checks on costs and sizes fail on bad tables; on the small estate's good ones they pass (test_build)."""

import shutil
from pathlib import Path

import duckdb
import pytest

from tests.dbt.dbt_project_runner import WAREHOUSE, DbtOutcome, DbtProjectRunner

pytestmark = pytest.mark.slow

CHECKS = (
    "assert_costs_add_up_to_the_bills",
    "assert_a_service_is_billed_in_one_currency",
    "proposals_pass_their_backtest",
    "recorded_limits_are_those_of_the_size",
)


def test_a_millionth_and_a_crossed_size_are_noticed(
    built: tuple[Path, DbtOutcome], dbt_project: DbtProjectRunner, tmp_path: Path
) -> None:
    """Costs that differ from the bills in the last digit stop the run, so does a proposal that was crossed; limits that
    are not those of the named size are told; with one currency there is nothing to tell.
    """
    warehouse = tmp_path / WAREHOUSE
    shutil.copy(built[0], warehouse)
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute("delete from marts.fct_service_cost where billing_currency = 'USD'")
        connection.execute("update marts.fct_service_cost set billed_cost = billed_cost + 0.000001")
        connection.execute("update marts.fct_rightsizing set breached_weeks = 1 where verdict = 'proposed'")
        connection.execute("update intermediate.int_size_candidates set agrees_with_limits = false")
    outcome = dbt_project.run(["test", "--select", *CHECKS], warehouse)
    assert outcome.statuses == {
        "assert_costs_add_up_to_the_bills": "fail",
        "assert_a_service_is_billed_in_one_currency": "pass",
        "proposals_pass_their_backtest": "fail",
        "recorded_limits_are_those_of_the_size": "warn",
    }
