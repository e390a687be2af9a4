"""The dbt project, parsed once a session, and the small estate built once."""

from pathlib import Path

import pytest

from tests.dbt.dbt_project_runner import WAREHOUSE, DbtOutcome, DbtProjectRunner
from tests.dbt.landing_fixture import landing_tables, load_duckdb
from tests.dbt.small_estate import estate_rows


@pytest.fixture(scope="session")
def dbt_project(tmp_path_factory: pytest.TempPathFactory) -> DbtProjectRunner:
    """The project for DuckDB."""
    return DbtProjectRunner(tmp_path_factory.mktemp("dbt"))


@pytest.fixture(scope="session")
def built(dbt_project: DbtProjectRunner, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, DbtOutcome]:
    """The small estate in DuckDB, all at once, with every data and unit test: path and outcome."""
    warehouse = tmp_path_factory.mktemp("warehouse") / WAREHOUSE
    load_duckdb(warehouse, landing_tables(estate_rows()))
    return warehouse, dbt_project.run(["build"], warehouse)
