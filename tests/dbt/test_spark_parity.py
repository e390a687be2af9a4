"""The same models on Spark: every table equals DuckDB's row for row, and all data and unit tests pass there too.

Run with the Spark environment (`make test-spark`).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.dbt.dbt_project_runner import DbtOutcome, DbtProjectRunner
from tests.dbt.landing_fixture import landing_tables
from tests.dbt.small_estate import DAYS, estate_rows
from tests.dbt.spark_landing import load_spark, read_spark, spark_session
from tests.dbt.tables import built_tables, differences, read_duckdb
from tests.dbt.test_incremental import AS_OF_FACTS, FACTS, SELECTION

pytestmark = [pytest.mark.spark, pytest.mark.slow]

Built = tuple[Path, DbtOutcome]
TOLERANCE = 1e-9


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    if find_spec("pyspark") is None and os.environ.get("CI", "").lower() != "true":
        pytest.skip("Spark is not in this environment: run `make test-spark`")
    session = spark_session(tmp_path_factory.mktemp("spark"))
    yield session
    session.stop()


@pytest.fixture(scope="module")
def spark_project(tmp_path_factory: pytest.TempPathFactory) -> DbtProjectRunner:
    return DbtProjectRunner(tmp_path_factory.mktemp("dbt_spark"), target="spark")


@pytest.fixture(scope="module")
def spark_outcome(
    session: Any, spark_project: DbtProjectRunner, tmp_path_factory: pytest.TempPathFactory
) -> DbtOutcome:
    """The small estate on Spark, all at once, with every data and unit test."""
    load_spark(session, tmp_path_factory.mktemp("landing"), landing_tables(estate_rows()))
    return spark_project.run(["build"])


def test_everything_builds_and_passes_on_spark(built: Built, spark_outcome: DbtOutcome) -> None:
    """The same nodes run with the same verdicts."""
    _, duckdb_outcome = built
    assert spark_outcome.failed() == {}
    assert spark_outcome.statuses == duckdb_outcome.statuses


def test_every_table_is_the_same_on_both(built: Built, session: Any, spark_outcome: DbtOutcome) -> None:
    """Views, tables, incremental facts and seeds; floats to 1e-9 relative."""
    warehouse, _ = built
    tables = built_tables(warehouse)
    assert {table.split(".")[1] for table in tables} == _models_and_seeds(spark_outcome)
    found = {
        table: differences(read_duckdb(warehouse, table), read_spark(session, table), TOLERANCE)
        for table in tables
    }
    assert {table: problems[:3] for table, problems in found.items() if problems} == {}


def test_days_are_rebuilt_on_spark(
    built: Built,
    session: Any,
    spark_project: DbtProjectRunner,
    spark_outcome: DbtOutcome,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """A withdrawn day empties and the others stay; landed again, the day is as before. Other as-of days stay too."""
    warehouse, _ = built
    withdrawn = DAYS[2]
    earlier = DAYS[-2]
    landing = tmp_path_factory.mktemp("landing_again")

    load_spark(session, landing, landing_tables(estate_rows([withdrawn], earlier, without=withdrawn)))
    assert spark_project.run(SELECTION).failed() == {}
    for table in FACTS:
        full = read_duckdb(warehouse, table)
        kept = full.filter([value != withdrawn for value in full.column("observed_date").to_pylist()])
        assert differences(kept, read_spark(session, table), TOLERANCE) == [], table

    load_spark(session, landing, landing_tables(estate_rows([withdrawn], DAYS[-1])))
    assert spark_project.run(SELECTION).failed() == {}
    for table in FACTS:
        assert differences(read_duckdb(warehouse, table), read_spark(session, table), TOLERANCE) == [], table
    for table in AS_OF_FACTS:
        history = read_spark(session, table)
        days = history.column("as_of_date").to_pylist()
        assert sorted(set(days)) == [earlier, DAYS[-1]]
        last = history.filter([value == DAYS[-1] for value in days])
        assert differences(read_duckdb(warehouse, table), last, TOLERANCE) == [], table


def _models_and_seeds(outcome: DbtOutcome) -> set[str]:
    return {name for name, status in outcome.statuses.items() if status == "success"}
