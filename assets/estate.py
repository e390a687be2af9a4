"""The estate as a Dagster resource: its home and the settings that assets of every stage share."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import dagster as dg

from assets.home import Home


class Estate(dg.ConfigurableResource):
    """One organisation's estate, as its configuration file describes it."""

    name: str
    home_path: str
    config_hash: str
    code_version: str
    max_quarantined_ratio: float
    demand_window_days: int
    default_threshold_ratio: float
    default_lead_time_days: int
    warning_ratio: float
    horizon_days: int
    history_days: int
    forecast_seed: int
    keep_versions: int

    @property
    def home(self) -> Home:
        """The estate's folders."""
        return Home(Path(self.home_path))


RANGE_START = "dagster/asset_partition_range_start"
RANGE_END = "dagster/asset_partition_range_end"
ONE_DAY = "dagster/partition"


def run_days(context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext) -> tuple[date, date]:
    """First and last UTC day of the run; the last one is its as-of day.

    Read from the run's partition tags, because assets that are no days themselves (models, versions) need it too.
    Raises dagster.Failure for a run without days.
    """
    tags = context.run.tags
    first, last = tags.get(RANGE_START, tags.get(ONE_DAY)), tags.get(RANGE_END, tags.get(ONE_DAY))
    if first is None or last is None:
        raise dg.Failure(
            "The run has no day; fix: choose a day or a range of days to run", allow_retries=False
        )
    return date.fromisoformat(first), date.fromisoformat(last)


def each_day(first: date, last: date) -> list[date]:
    """Every day from first to last, both included."""
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]
