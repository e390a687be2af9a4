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
    horizon_days: int
    history_days: int
    forecast_seed: int
    keep_versions: int

    @property
    def home(self) -> Home:
        """The estate's folders."""
        return Home(Path(self.home_path))


def run_days(context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext) -> tuple[date, date]:
    """First and last UTC day of the run's partitions; the last one is its as-of day."""
    keys = context.partition_key_range
    return date.fromisoformat(keys.start), date.fromisoformat(keys.end)


def each_day(first: date, last: date) -> list[date]:
    """Every day from first to last, both included."""
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]
