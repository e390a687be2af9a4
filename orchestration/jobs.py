"""The jobs: the whole pipeline, and the report alone.

A run over a range of days is one run: extraction has the single-run backfill policy. Models, versions and reports
are no days: they are made once a run, as of its last day.
"""

from __future__ import annotations

import dagster as dg

PIPELINE = "pipeline"
REPORT = "report"


def pipeline_job() -> dg.UnresolvedAssetJobDefinition:
    """Extract, land, build, check, forecast, publish and render the days of the run's partitions."""
    return dg.define_asset_job(
        PIPELINE,
        selection=dg.AssetSelection.all(),
        executor_def=dg.in_process_executor,
        description="Source files and servers to published tables and report.",
    )


def report_job() -> dg.UnresolvedAssetJobDefinition:
    """Render the report of the served version again."""
    return dg.define_asset_job(
        REPORT,
        selection=dg.AssetSelection.assets("service_report"),
        executor_def=dg.in_process_executor,
        description="The report site of the served version.",
    )
