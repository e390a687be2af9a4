"""The checks on the KPI tree fail on bad tables; on the small estate's good ones they pass."""

from pathlib import Path

import pytest

from tests.dbt.dbt_project_runner import DbtOutcome, DbtProjectRunner, damaged

pytestmark = pytest.mark.slow

CHECKS = ("assert_kpis_add_up", "assert_kpis_can_be_computed", "kpi_shares_are_parts")
ADDING_UP, COMPUTABLE, SHARES = CHECKS


@pytest.mark.parametrize(
    ("damage", "found"),
    [
        ("select 1", set()),
        (
            "update marts.fct_kpi_parts set numerator = numerator + 1 where kpi_id = 'kpi-change-success'",
            {ADDING_UP},
        ),
        (
            "update marts.fct_kpis set numerator = numerator + 1, adds_up = 'yes' where level = 'value_stream' "
            "and judged_count > 0",
            {ADDING_UP},
        ),
        (
            "update marts.fct_kpis set numerator = numerator + 1, adds_up = 'no' where level = 'kpi' "
            "and period = 'quarter'",
            {ADDING_UP},
        ),
        (
            "update intermediate.int_kpi_tree set measure = 'mood', kind = null where kpi_id = 'prompt'",
            {COMPUTABLE},
        ),
        ("update intermediate.int_kpi_tree set has_root = false where kpi_id = 'prompt'", {COMPUTABLE}),
        ("update intermediate.int_kpi_tree set comparator = null where kpi_id = 'prompt'", {COMPUTABLE}),
        (
            "update intermediate.int_kpi_measures set numerator = denominator + 1 "
            "where measure = 'changes_successful'",
            {SHARES},
        ),
    ],
    ids=[
        "as built",
        "a part too many",
        "a node with another weight",
        "a quarter of other months",
        "an unknown measure",
        "a parent that leads nowhere",
        "half a target",
        "more than all",
    ],
)
def test_kpi_checks(
    built: tuple[Path, DbtOutcome],
    dbt_project: DbtProjectRunner,
    tmp_path: Path,
    damage: str,
    found: set[str],
) -> None:
    """Sums, records and shares hold in what was built, and each check notices its own mistake."""
    warehouse = damaged(built[0], tmp_path, damage)
    outcome = dbt_project.run(["test", "--select", *CHECKS], warehouse)
    noticed = {name for name, status in outcome.statuses.items() if status in ("fail", "warn")}
    assert noticed == found
    assert set(outcome.statuses) == set(CHECKS)
