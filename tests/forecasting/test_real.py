"""On real production series, forecasts are better than seasonal naive and cover what they say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from assets.forecasting.backtest import backtest


def hourly(folder: Path) -> pd.DataFrame:
    """Hourly means of the 30 series of Microsoft's cloud monitoring data set."""
    parts = []
    for path in sorted(folder.rglob("*.csv.gz")):
        raw = pd.read_csv(path)
        stamps = pd.to_datetime(raw["TimeStamp"], utc=True, format="mixed").dt.tz_localize(None)
        means = raw["Value"].groupby(stamps.dt.floor("h")).mean()
        parts.append(pd.DataFrame({"unique_id": path.name, "ds": means.index, "y": means.to_numpy()}))
    return pd.concat(parts, ignore_index=True)


@pytest.mark.real
@pytest.mark.slow
def test_cloud_monitoring_series_are_forecast_better_than_by_seasonal_naive(sample_data: Path) -> None:
    history = hourly(sample_data / "cloud_monitoring")
    assert history["unique_id"].nunique() == 30

    scores = backtest(history, 48, "h", seed=1, windows=5)

    # Geometric means need scores above zero: a series of nothing but zeros scores 0 against 0.
    scored = scores[(scores[["wql", "mase", "naive_wql", "naive_mase"]] > 0).all(axis=1)]
    assert len(scored) >= 28
    mase, wql = (np.exp(np.log(scored[name] / scored[f"naive_{name}"]).mean()) for name in ("mase", "wql"))
    assert mase < 0.9
    assert wql < 0.7
    assert 0.7 < scored["coverage_80_ratio"].mean() < 0.9
