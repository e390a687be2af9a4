"""Facts are rebuilt by day: many small runs give what one large run gives, and withdrawn days empty."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.dbt.dbt_project_runner import BUILD_ONLY, WAREHOUSE, DbtOutcome, DbtProjectRunner, damaged
from tests.dbt.landing_fixture import landing_tables, load_duckdb
from tests.dbt.small_estate import DAYS, estate_rows
from tests.dbt.tables import differences, read_duckdb

pytestmark = pytest.mark.slow

FACTS = (
    "intermediate.int_threshold_hours",
    "marts.fct_resource_utilisation_hourly",
    "marts.fct_resource_utilisation_daily",
    "marts.fct_resource_utilisation_sketches",
    "marts.fct_latency_distribution_daily",
    "marts.fct_pool_demand_daily",
    "marts.fct_service_performance_daily",
    "marts.fct_service_performance_hourly",
    "intermediate.int_service_availability_daily",
    "intermediate.int_service_level_days",
    "intermediate.int_service_level_hours",
    "intermediate.int_check_intervals",
)
WEEKS = "intermediate.int_resource_sketch_weeks"
# What they need and nothing else: a run of everything proves no more and takes twice as long.
SELECTION = (
    *BUILD_ONLY,
    "--select",
    "+fct_service_capacity",
    "+int_service_level_days",
    "+int_service_level_hours",
    "int_check_intervals",
    "fct_service_performance_hourly",
    "+fct_demand_percentiles",
    "fct_latency_distribution_daily",
    "int_threshold_hours",
)
AS_OF_FACTS = (
    "marts.fct_resource_capacity",
    "marts.fct_pool_capacity",
    "marts.fct_service_capacity",
    "marts.fct_demand_percentiles",
)


def run(
    project: DbtProjectRunner,
    warehouse: Path,
    days: Sequence[date],
    as_of: date,
    *,
    without: date | None = None,
) -> None:
    load_duckdb(warehouse, landing_tables(estate_rows(days, as_of, without=without)))
    outcome = project.run(SELECTION, warehouse)
    assert outcome.failed() == {}


@pytest.fixture(scope="module")
def day_by_day(dbt_project: DbtProjectRunner, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four runs, one a day, each as of its day."""
    warehouse = tmp_path_factory.mktemp("day_by_day") / WAREHOUSE
    for day in DAYS:
        run(dbt_project, warehouse, [day], day)
    return warehouse


def test_day_by_day_equals_all_at_once(day_by_day: Path, built: tuple[Path, DbtOutcome]) -> None:
    """Bit for bit. Counters and availability look back over midnight; whichever run builds a day, it is the same."""
    at_once, _ = built
    for table in (*FACTS, WEEKS):
        assert differences(read_duckdb(day_by_day, table), read_duckdb(at_once, table), tolerance=0) == [], (
            table
        )


def test_as_of_facts_keep_every_as_of_day(day_by_day: Path, built: tuple[Path, DbtOutcome]) -> None:
    """Each run adds its own as-of day; the last one is what a single run gives."""
    at_once, _ = built
    for table in AS_OF_FACTS:
        history = read_duckdb(day_by_day, table)
        assert sorted(set(history.column("as_of_date").to_pylist())) == list(DAYS)
        last = history.filter([value == DAYS[-1] for value in history.column("as_of_date").to_pylist()])
        assert differences(last, read_duckdb(at_once, table), tolerance=0) == [], table


def test_a_withdrawn_day_empties_and_the_others_stay(
    day_by_day: Path, dbt_project: DbtProjectRunner, tmp_path: Path
) -> None:
    """A day superseded by nothing has no rows after its rebuild; the same run again changes nothing."""
    warehouse = tmp_path / WAREHOUSE
    warehouse.write_bytes(day_by_day.read_bytes())
    withdrawn = DAYS[1]
    for _ in range(2):
        run(dbt_project, warehouse, [withdrawn], DAYS[-1], without=withdrawn)
        for table in FACTS:
            before, after = read_duckdb(day_by_day, table), read_duckdb(warehouse, table)
            kept = before.filter([value != withdrawn for value in before.column("observed_date").to_pylist()])
            assert kept.num_rows < before.num_rows
            assert differences(after, kept, tolerance=0) == [], table

        assert weeks_of(warehouse, "sketch") == weeks_of(warehouse, "day") != weeks_of(day_by_day, "day")


def weeks_of(warehouse: Path, source: str) -> list[tuple[Any, ...]]:
    """Time of each week and bucket, from the weeks' sketches or from those of the days."""
    query = {
        "sketch": f"select week_start_date as week, bucket, sum(covered_microseconds) from {WEEKS}",
        "day": "select cast(date_trunc('week', observed_date) as date) as week, bucket, "
        "sum(covered_microseconds) from marts.fct_resource_utilisation_sketches",
    }
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        return connection.execute(f"{query[source]} group by all order by all").fetchall()


def test_a_week_that_is_not_its_days_is_noticed(
    built: tuple[Path, DbtOutcome], dbt_project: DbtProjectRunner, tmp_path: Path
) -> None:
    """A microsecond too much fails the data test, which passes in test_build."""
    warehouse = damaged(
        built[0], tmp_path, f"update {WEEKS} set covered_microseconds = covered_microseconds + 1"
    )
    check = "assert_weeks_of_sketches_agree_with_days"
    assert dbt_project.run(["test", "--select", check], warehouse).statuses == {check: "fail"}
