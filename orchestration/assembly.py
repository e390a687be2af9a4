"""Assembles everything that Dagster loads from one estate's settings. Reads dbt's manifest; opens nothing else."""

from __future__ import annotations

import subprocess
import sys
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_dbt import DbtProject

from assets.capacity.assets import analysis_assets
from assets.clock import Clock
from assets.estate import Estate
from assets.forecasting.assets import forecast_asset, replay_asset
from assets.home import Home
from assets.landing.assets import source_assets
from assets.publishing.assets import published_version_asset
from assets.warehouse.assets import FIRST_STAGE, STAGES, dbt_models, landing_schema_asset
from checks.assets import pipeline_checks
from orchestration.code_version import ROOT, code_version, source_files
from orchestration.connect import connect
from orchestration.jobs import pipeline_job, report_job
from orchestration.partitions import daily_partitions
from orchestration.progress import PROGRESS, progress_logger
from orchestration.schedules import estate_schedules
from orchestration.settings import Settings
from reports.assets import service_report_asset

MANIFEST = ROOT / "dbt_project" / "target" / "manifest.json"
DBT = str(Path(sys.executable).with_name("dbt"))  # the one beside this Python, wherever PATH points
DEFAULT_CONFIG = ROOT / "examples" / "demo" / "ullage.yaml"


def build_defs(
    settings: Settings,
    config: Path,
    resource_overrides: Mapping[str, Any] | None = None,
    *,
    by_day: bool = True,
) -> dg.Definitions:
    """All definitions of one estate. Tests swap resources (`estate`, `clock`) through `resource_overrides`.

    With `by_day` false, extracted tables are not partitioned: for an instance that does not outlive its run, which has
    no use for two events a table and day.

    Raises FileNotFoundError when dbt's manifest is missing (`dbt parse` writes it; `make` targets do that).
    """
    partitions = daily_partitions(settings.start_date) if by_day else None
    project = dbt_project()
    project.prepare_if_dev()
    if not project.manifest_path.exists():
        raise FileNotFoundError(f"{project.manifest_path}: no dbt manifest; fix: tools/prepare_dbt.sh .venv")

    spool = Home(settings.home).spool
    connectors = [connect(source, config, spool) for source in settings.sources]
    landing = source_assets(connectors, partitions, {source.name: source for source in settings.sources})
    by_table: dict[str, list[dg.AssetKey]] = defaultdict(list)
    for asset in landing:
        by_table[asset.key.path[-1]].append(asset.key)
    models = [dbt_models(project, stage) for stage in (FIRST_STAGE, *STAGES)]
    marts = [
        key for asset in models for key in asset.keys if key.path[-1].startswith(("dim_", "fct_", "bridge_"))
    ]
    resources: dict[str, Any] = {
        "estate": estate_resource(settings),
        "clock": Clock(),
    }
    return dg.Definitions(
        assets=[
            *landing,
            landing_schema_asset(by_table),
            *models,
            replay_asset(),
            forecast_asset(),
            *analysis_assets(),
            published_version_asset(project.manifest_path, marts),
            service_report_asset(settings.report),
        ],
        asset_checks=pipeline_checks(),
        jobs=[pipeline_job(), report_job()],
        schedules=estate_schedules(settings.schedules),
        resources={**resources, **(resource_overrides or {})},
        loggers={PROGRESS: progress_logger},
        executor=dg.in_process_executor,
    )


def dbt_project() -> DbtProject:
    """Where the models stand."""
    return DbtProject(project_dir=ROOT / "dbt_project", profiles_dir=ROOT / "dbt_project")


def parse_if_changed() -> None:
    """Let dbt parse its project when a file of it is newer than the manifest (or there is none)."""
    project = dbt_project()
    written = MANIFEST.stat().st_mtime if MANIFEST.exists() else 0.0
    if any(file.stat().st_mtime > written for file in source_files("dbt_project")):
        subprocess.run(
            [
                DBT,
                "--quiet",
                "parse",
                "--no-partial-parse",  # partial parsing misses changed meta
                "--project-dir",
                project.project_dir,
                "--profiles-dir",
                project.profiles_dir,
            ],
            check=True,
        )


def estate_resource(settings: Settings) -> Estate:
    """The settings that assets share, as a resource."""
    return Estate(
        name=settings.estate,
        home_path=str(settings.home),
        config_hash=settings.config_hash,
        code_version=code_version(),
        max_quarantined_ratio=settings.quality.max_quarantined_ratio,
        demand_window_days=settings.capacity.demand_window_days,
        default_threshold_ratio=settings.capacity.default_threshold_ratio,
        default_lead_time_days=settings.capacity.default_lead_time_days,
        warning_ratio=settings.capacity.warning_ratio,
        horizon_days=settings.forecast.horizon_days,
        history_days=settings.forecast.history_days,
        forecast_seed=settings.forecast.seed,
        keep_versions=settings.publishing.keep_versions,
    )
