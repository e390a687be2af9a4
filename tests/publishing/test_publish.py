"""Publishing is atomic, readers are not disturbed, and a failed blocking check leaves the last version served."""

from __future__ import annotations

import hashlib
import json
from datetime import date
from pathlib import Path

import duckdb
import pytest

from assets.publishing.lineage import computed_from
from assets.publishing.publish import (
    AuditError,
    PublishedTable,
    audit,
    prune,
    publish,
    published_tables,
    switch,
)
from assets.warehouse.computed import computed_tables
from checks.results import CheckResult

AS_OF = date(2026, 6, 30)
TABLE = PublishedTable(
    name="fct_room",
    order_by=("service_id", "as_of_date"),
    as_of_column="as_of_date",
    description="Room left; it's small.",
    columns={"service_id": "The service's id."},
    depends_on_landing=("metric_samples",),
)


@pytest.fixture
def warehouse(tmp_path: Path) -> Path:
    path = tmp_path / "warehouse.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("create schema marts")
        connection.execute(
            "create table marts.fct_room as select * from (values ('b', date '2026-06-30', 0.5), "
            "('a', date '2026-06-30', 0.25), ('a', date '2026-07-01', 0.1)) t(service_id, as_of_date, headroom_ratio)"
        )
    return path


def published(tmp_path: Path, warehouse: Path, version: str) -> Path:
    folder = tmp_path / "published"
    folder.mkdir(exist_ok=True)
    return publish(warehouse, folder, version, AS_OF, [TABLE], {"estate": "test", "checks": [], "inputs": []})


def test_version_holds_rows_up_to_the_as_of_day_in_order(tmp_path: Path, warehouse: Path) -> None:
    folder = published(tmp_path, warehouse, "v1")
    with duckdb.connect(str(folder / "ullage.duckdb"), read_only=True) as connection:
        rows = connection.execute("from marts.fct_room").fetchall()
        comment = connection.execute(
            "select comment from duckdb_columns() where table_name = 'fct_room' and column_name = 'service_id'"
        ).fetchone()
    assert rows == [("a", AS_OF, 0.25), ("b", AS_OF, 0.5)]
    assert comment == ("The service's id.",)
    manifest = json.loads((folder / "manifest.json").read_text())
    parquet = folder / manifest["tables"]["fct_room"]["parquet"]
    assert manifest["tables"]["fct_room"]["rows"] == 2
    assert hashlib.sha256(parquet.read_bytes()).hexdigest() == manifest["tables"]["fct_room"]["sha256"]
    assert manifest["tables"]["fct_room"]["depends_on_landing"] == ["metric_samples"]


def test_published_files_are_read_only(tmp_path: Path, warehouse: Path) -> None:
    folder = published(tmp_path, warehouse, "v1")
    assert {file.stat().st_mode & 0o222 for file in folder.rglob("*") if file.is_file()} == {0}


def test_same_input_gives_the_same_parquet_bytes(tmp_path: Path, warehouse: Path) -> None:
    one = published(tmp_path, warehouse, "v1") / "parquet" / "fct_room.parquet"
    two = published(tmp_path, warehouse, "v2") / "parquet" / "fct_room.parquet"
    assert one.read_bytes() == two.read_bytes()


def test_reader_of_the_old_version_is_not_disturbed(tmp_path: Path, warehouse: Path) -> None:
    published(tmp_path, warehouse, "v1")
    current = tmp_path / "published" / "current"
    with duckdb.connect(str(current / "ullage.duckdb"), read_only=True) as reader:
        with duckdb.connect(str(warehouse)) as connection:
            connection.execute("delete from marts.fct_room where service_id = 'b'")
        published(tmp_path, warehouse, "v2")
        prune(tmp_path / "published", keep=1)
        assert reader.execute("select count(*) from marts.fct_room").fetchone() == (2,)
    assert current.resolve().name == "v2"
    with duckdb.connect(str(current / "ullage.duckdb"), read_only=True) as reader:
        assert reader.execute("select count(*) from marts.fct_room").fetchone() == (1,)


def test_crash_while_building_leaves_the_last_version_served(tmp_path: Path, warehouse: Path) -> None:
    published(tmp_path, warehouse, "v1")
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute("drop table marts.fct_room")
    with pytest.raises(duckdb.CatalogException):
        published(tmp_path, warehouse, "v2")
    folder = tmp_path / "published"
    assert (folder / "current").resolve().name == "v1"
    assert not (folder / "v2").exists()


def test_leftovers_of_a_crashed_build_do_not_stop_the_next(tmp_path: Path, warehouse: Path) -> None:
    leftover = tmp_path / "published" / ".v1.building"
    leftover.mkdir(parents=True)
    (leftover / "ullage.duckdb").write_bytes(b"half a file")
    assert (published(tmp_path, warehouse, "v1") / "manifest.json").exists()


def test_prune_keeps_the_newest_and_the_served_version(tmp_path: Path, warehouse: Path) -> None:
    for version in ("v1", "v2", "v3"):
        published(tmp_path, warehouse, version)
    switch(tmp_path / "published" / "current", "v1")
    assert prune(tmp_path / "published", keep=1) == ["v2"]
    assert {p.name for p in (tmp_path / "published").iterdir()} == {"v1", "v3", "current"}


def result(*, passed: bool, blocking: bool) -> CheckResult:
    return CheckResult("unique", "fct_room", "dbt", passed=passed, blocking=blocking, message="2 keys twice")


def test_audit_stops_on_a_failed_blocking_check_and_names_it() -> None:
    with pytest.raises(AuditError, match=r"fct_room: unique: 2 keys twice"):
        audit([result(passed=True, blocking=True), result(passed=False, blocking=True)])


def test_audit_passes_when_only_warnings_failed() -> None:
    audit([result(passed=True, blocking=True), result(passed=False, blocking=False)])


def test_published_tables_know_their_landing_tables_however_far_upstream() -> None:
    model = {
        "resource_type": "model",
        "name": "fct_room",
        "unique_id": "model.fct_room",
        "description": "Room\nleft.",
        "columns": {"service_id": {"description": "The id."}},
        "config": {"meta": {"published": {"order_by": ["service_id"], "as_of_column": None}}},
    }
    staging = {"resource_type": "model", "name": "stg", "unique_id": "model.stg", "config": {"meta": {}}}
    manifest = {
        "nodes": {"model.fct_room": model, "model.stg": staging},
        "sources": {"source.services": {"name": "services"}},
        "parent_map": {"model.fct_room": ["model.stg"], "model.stg": ["source.services"]},
    }
    [table] = published_tables(manifest, {})
    assert (table.name, table.order_by, table.as_of_column) == ("fct_room", ("service_id",), None)
    assert table.description == "Room left."
    assert table.depends_on_landing == ("services",)


def test_lineage_goes_on_behind_tables_that_python_computes() -> None:
    """A mart on a back-test must name the deliveries behind it, not only the back-test; circles must end."""

    def model(name: str, **meta: object) -> dict[str, object]:
        shown = {
            "resource_type": "model",
            "name": name,
            "unique_id": f"model.{name}",
            "description": "",
            "columns": {},
        }
        return shown | {"config": {"meta": meta}}

    manifest = {
        "nodes": {"model.fct_fit": model("fct_fit", published={"order_by": []}), "model.days": model("days")},
        "sources": {"source.fits": {"name": "fits"}, "source.samples": {"name": "samples"}},
        "parent_map": {"model.fct_fit": ["source.fits"], "model.days": ["source.samples"]},
    }
    [table] = published_tables(manifest, {"fits": ("days", "fits")})
    assert table.depends_on_landing == ("fits", "samples")


def test_every_computed_table_says_what_it_is_computed_from() -> None:
    assert computed_from().keys() == computed_tables().keys()
    assert all(computed_from().values())
