"""What Dagster loads: nothing is opened on loading; every asset is grouped, owned, described, partitioned by day."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path

import dagster as dg
import pytest

from assets.landing.contracts import contract
from orchestration.assembly import DEFAULT_CONFIG, MANIFEST, build_defs
from orchestration.code_version import ROOT
from orchestration.jobs import PIPELINE
from orchestration.schedules import last_complete_day
from orchestration.settings import load_settings


@pytest.fixture(scope="module")
def definitions() -> dg.Definitions:
    return build_defs(load_settings(DEFAULT_CONFIG), DEFAULT_CONFIG)


@pytest.fixture(scope="module")
def specs(definitions: dg.Definitions) -> list[dg.AssetSpec]:
    return [spec for spec in definitions.resolve_all_asset_specs() if spec.group_name is not None]


def materialised(definitions: dg.Definitions) -> list[dg.AssetsDefinition]:
    return [asset for asset in definitions.assets or [] if isinstance(asset, dg.AssetsDefinition)]


def test_without_an_instance_the_same_assets_have_no_days() -> None:
    """An instance that ends with its run keeps no days: two events a table and day would be written for nobody."""
    settings = load_settings(DEFAULT_CONFIG)
    by_day = build_defs(settings, DEFAULT_CONFIG).resolve_asset_graph()
    plain = build_defs(settings, DEFAULT_CONFIG, by_day=False).resolve_asset_graph()
    assert plain.get_all_asset_keys() == by_day.get_all_asset_keys()
    assert not any(plain.get(key).is_partitioned for key in plain.get_all_asset_keys())


def test_loading_opens_no_socket_and_no_database() -> None:
    """A code location must load when every source is down, and must never lock the warehouse."""
    script = (
        "import socket, sqlite3, duckdb, sqlalchemy, dagster_dbt\n"
        "def refuse(*a, **k): raise SystemExit('input or output while loading definitions')\n"
        "socket.socket.connect = refuse; duckdb.connect = refuse; sqlalchemy.create_engine = refuse\n"
        "import orchestration.definitions as d\n"
        "assert d.defs.resolve_all_asset_specs()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_heavy_libraries_are_not_imported_on_loading() -> None:
    """Great Expectations and scikit-learn cost seconds each; only the steps that use them may pay."""
    script = (
        "import sys, orchestration.definitions\n"
        "print([m for m in ('great_expectations', 'sklearn', 'altair') if m in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_every_asset_is_owned_described_and_of_a_kind(specs: list[dg.AssetSpec]) -> None:
    bare = [s.key.to_user_string() for s in specs if not (s.owners and s.description and s.kinds)]
    assert bare == []


def test_extraction_of_dated_tables_is_by_day_and_backfilled_in_one_run(definitions: dg.Definitions) -> None:
    """Only what is a day may claim days: a version or a report is made once a run, as of its last day."""
    partitioned = {key for asset in materialised(definitions) if asset.partitions_def for key in asset.keys}
    sources = {source.name for source in load_settings(DEFAULT_CONFIG).sources}
    assert partitioned == {
        key
        for asset in materialised(definitions)
        for key in asset.keys
        if key.path[0] in sources and contract(key.path[-1]).is_dated
    }
    for asset in materialised(definitions):
        if asset.partitions_def:
            assert isinstance(asset.partitions_def, dg.DailyPartitionsDefinition)
            assert asset.backfill_policy == dg.BackfillPolicy.single_run(), asset.keys


def test_sources_that_say_how_fresh_they_are_have_a_policy(specs: list[dg.AssetSpec]) -> None:
    policies = {spec.key.path[0] for spec in specs if spec.freshness_policy is not None}
    assert policies == {source.name for source in load_settings(DEFAULT_CONFIG).sources if source.freshness}
    assert policies == {"monitoring", "itsm"}


def test_retries_on_extraction_only(definitions: dg.Definitions) -> None:
    sources = {source.name for source in load_settings(DEFAULT_CONFIG).sources}
    for asset in materialised(definitions):
        extracts = all(key.path[0] in sources for key in asset.keys)
        assert (asset.op.retry_policy is not None) == extracts, asset.keys


def test_whatever_opens_the_warehouse_holds_its_pool(definitions: dg.Definitions) -> None:
    sources = {source.name for source in load_settings(DEFAULT_CONFIG).sources}
    without = {"service_report"}
    for asset in materialised(definitions):
        names = {key.path[-1] for key in asset.keys}
        if not names & without and not all(key.path[0] in sources for key in asset.keys):
            assert asset.op.pool == "warehouse", asset.keys


def test_reconciliations_block_publishing(definitions: dg.Definitions) -> None:
    checks = {
        spec.name: spec.blocking
        for check in definitions.asset_checks or []
        if isinstance(check, dg.AssetChecksDefinition)
        for spec in check.check_specs
    }
    assert checks == {
        "landed_rows_are_read": True,
        "samples_reach_the_mart": True,
        "newest_day_is_fresh": False,
    }


def test_pipeline_selects_every_asset(definitions: dg.Definitions, specs: list[dg.AssetSpec]) -> None:
    job = definitions.resolve_job_def(PIPELINE)
    assert set(job.asset_layer.selected_asset_keys) == {spec.key for spec in specs}


def test_schedules_are_those_of_the_configuration(definitions: dg.Definitions) -> None:
    schedules = {
        s.name: s.cron_schedule for s in definitions.schedules or [] if isinstance(s, dg.ScheduleDefinition)
    }
    wanted = load_settings(DEFAULT_CONFIG).schedules
    assert schedules == {
        "daily_run": wanted.daily_run,
        "weekly_report": wanted.weekly_report,
        "monthly_report": wanted.monthly_report,
    }


def test_schedule_asks_for_the_day_that_has_just_ended(definitions: dg.Definitions) -> None:
    [daily] = [
        s
        for s in definitions.schedules or []
        if isinstance(s, dg.ScheduleDefinition) and s.name == "daily_run"
    ]
    context = dg.build_schedule_context(scheduled_execution_time=datetime(2026, 7, 1, 5, tzinfo=UTC))
    request = daily(context)
    assert isinstance(request, dg.RunRequest)
    assert request.partition_key == "2026-06-30"


def test_the_day_that_has_ended_is_a_utc_day() -> None:
    late_evening = datetime.fromisoformat("2026-06-30T22:30:00-05:00")
    assert last_complete_day(late_evening) == date(2026, 6, 30).isoformat()


@pytest.mark.slow
def test_workspace_file_is_valid() -> None:
    """What `dagster dev` does first: load the code location that workspace.yaml names."""
    done = subprocess.run(
        [str(Path(sys.executable).with_name("dagster")), "definitions", "validate", "-w", "workspace.yaml"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Validation successful for code location ullage" in done.stdout + done.stderr


def test_every_dbt_test_is_an_asset_check(definitions: dg.Definitions) -> None:
    """A test of several models is one only when its meta names a model that it reads."""
    manifest = json.loads(MANIFEST.read_text(encoding="utf-8"))
    tests = {node["name"] for node in manifest["nodes"].values() if node["resource_type"] == "test"}
    checks = {spec.name for asset in materialised(definitions) for spec in asset.check_specs}
    assert tests
    assert tests - checks == set()
