"""dbt inside the pipeline's own process: what it reports, and that it lets go of the warehouse."""

from __future__ import annotations

import os
from pathlib import Path

import duckdb
import pytest

from assets.warehouse.dbt_build import WAREHOUSE_VARIABLE, DbtError, build
from orchestration.assembly import dbt_project, parse_if_changed
from tests.dbt.landing_fixture import landing_tables, load_duckdb
from tests.dbt.small_estate import estate_rows

PROJECT = Path(dbt_project().project_dir)
ONE_MODEL = (
    "--select",
    "stg_teams",
    "dim_team",
    "--indirect-selection",
    "cautious",
    "--exclude-resource-type",
    "unit_test",
)


@pytest.fixture
def warehouse(tmp_path: Path) -> Path:
    parse_if_changed()
    path = tmp_path / "ullage.duckdb"
    load_duckdb(path, landing_tables(estate_rows()))
    return path


def test_every_node_is_reported_and_the_warehouse_is_free_afterwards(warehouse: Path, tmp_path: Path) -> None:
    """A connection left open would refuse the next one, which has other settings."""
    before = os.environ.get(WAREHOUSE_VARIABLE)

    results = build(PROJECT, warehouse, tmp_path / "target", ONE_MODEL)

    assert {r.node["name"]: r.status for r in results}["dim_team"] == "success"
    assert all(r.status == "pass" for r in results if r.node["resource_type"] == "test")
    assert (tmp_path / "target" / "run_results.json").exists()
    with duckdb.connect(str(warehouse), read_only=True, config={"threads": 1}) as connection:
        assert connection.execute("select count(*) > 0 from marts.dim_team").fetchall() == [(True,)]
    assert os.environ.get(WAREHOUSE_VARIABLE) == before


def test_a_model_that_fails_says_why(warehouse: Path, tmp_path: Path) -> None:
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute("alter table landing.teams drop column headcount")

    results = build(PROJECT, warehouse, tmp_path / "target", ONE_MODEL)

    [failed] = [r for r in results if r.status == "error"]
    assert failed.node["name"] == "stg_teams"
    assert "headcount" in failed.message
    assert "dim_team" in {r.node["name"] for r in results if r.status == "skipped"}


def test_a_command_that_dbt_does_not_know_is_an_error(warehouse: Path, tmp_path: Path) -> None:
    with pytest.raises(DbtError, match="no-such-option"):
        build(PROJECT, warehouse, tmp_path / "target", ["--no-such-option"])
