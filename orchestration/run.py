"""Runs the pipeline in this process, for the command line and for tests."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg

from assets.estate import RANGE_END, RANGE_START
from assets.home import Home
from assets.warehouse.assets import served_version
from orchestration.assembly import build_defs, parse_if_changed
from orchestration.jobs import PIPELINE
from orchestration.progress import PROGRESS
from orchestration.settings import Settings

# With nothing new, models are skipped, and Dagster warns of each of their checks that it had no result.
logging.getLogger("dagster._core.execution.plan.active").setLevel(logging.ERROR)


@dataclass(frozen=True)
class RunOutcome:
    """How a run ended: `version` is what is served after it, `is_new` whether this run published it."""

    success: bool
    version: str | None
    is_new: bool
    failures: tuple[str, ...]


def run_pipeline(
    settings: Settings,
    config: Path,
    *,
    as_of: date,
    first: date | None = None,
    resource_overrides: Mapping[str, Any] | None = None,
) -> RunOutcome:
    """Run the days `first` to `as_of` (default: `as_of` alone) as one Dagster run."""
    parse_if_changed()
    before = served_version(Home(settings.home))
    is_recorded = bool(os.environ.get("DAGSTER_HOME"))
    job = build_defs(settings, config, resource_overrides, by_day=is_recorded).resolve_job_def(PIPELINE)
    log = Home(settings.home).log
    log.parent.mkdir(parents=True, exist_ok=True)
    # dbt's own lines go to the log file; the terminal shows one line a step.
    with _instance() as instance, log.open("w", encoding="utf-8") as lines, redirect_stdout(lines):
        result = job.execute_in_process(
            run_config={"loggers": {PROGRESS: {}}},
            instance=instance,
            tags={RANGE_START: (first or as_of).isoformat(), RANGE_END: as_of.isoformat()},
            raise_on_error=False,
        )
        failures = tuple(event.step_key or "the run" for event in result.all_events if event.is_step_failure)
    after = served_version(Home(settings.home))
    return RunOutcome(result.success, after, after != before, failures)


def _instance() -> dg.DagsterInstance:
    """The instance of DAGSTER_HOME, so that its user interface shows the run; without one, a passing instance."""
    return dg.DagsterInstance.get() if os.environ.get("DAGSTER_HOME") else dg.DagsterInstance.ephemeral()
