"""Simulated estates, written once a test run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest

from assets.simulation import SimulationSettings, Truth, simulate, small_settings


@dataclass(frozen=True)
class Written:
    """A simulated estate on disk, its truth, and readers of what its sources wrote."""

    settings: SimulationSettings
    home: Path
    truth: Truth

    def samples(self, metric: str, ci_id: str | None = None) -> pd.DataFrame:
        """Samples as delivered: entity, time, value."""
        wanted = [("metric_name", "==", metric)]
        if ci_id is not None:
            wanted.append(("entity", "==", ci_id))
        files = sorted((self.home / "sources/monitoring").glob("metric_samples_*.parquet"))
        columns = ["entity", "time", "value"]
        return pd.concat([pd.read_parquet(f, columns=columns, filters=wanted) for f in files])

    def histograms(self, service_id: str) -> pd.DataFrame:
        """Latency counts of one service, one row an hour, one column a bound."""
        wanted = [("entity", "==", service_id)]
        files = sorted((self.home / "sources/monitoring").glob("metric_histograms_*.parquet"))
        rows = pd.concat([pd.read_parquet(f, filters=wanted) for f in files])
        return rows.pivot(index="time", columns="le", values="count")

    def csv(self, pattern: str, delimiter: str = ",") -> pd.DataFrame:
        """All files of a kind, as text."""
        files = sorted(self.home.glob(pattern))
        return pd.concat([pd.read_csv(f, sep=delimiter, dtype=str, keep_default_na=False) for f in files])


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Written:
    home = tmp_path_factory.mktemp("small")
    return Written(small_settings(), home, simulate(small_settings(), home))


@pytest.fixture(scope="session")
def full(tmp_path_factory: pytest.TempPathFactory) -> Written:
    """The estate of the demo: 24 services, 240 CIs, 120 days."""
    home = tmp_path_factory.mktemp("full")
    return Written(SimulationSettings(), home, simulate(SimulationSettings(), home))
