"""Forecasts made by hand, with the quantiles that a test needs."""

from __future__ import annotations

import numpy as np
import pandas as pd

from assets.forecasting.dependence import Dependence
from assets.forecasting.forecast import PanelForecast
from assets.forecasting.frames import DEFAULT_QUANTILES, Panel
from assets.forecasting.spikes import Spikes, no_spikes
from tests.forecasting.series import START


def made_forecast(
    ids: tuple[str, ...],
    values: np.ndarray,
    dependence: Dependence | None = None,
    upper: float = np.inf,
    last: float = 0.0,
    notes: tuple[str, ...] | None = None,
    spikes: Spikes | None = None,
) -> PanelForecast:
    """Daily forecast from 2026-01-01 on, `values` [series, horizon, quantile], after one day of history."""
    count = len(ids)
    panel = Panel(
        ids=ids,
        values=np.full((count, 1), last),
        last=np.full(count, (START - pd.Timestamp(0)).days - 1, dtype=np.int64),
        step=pd.Timedelta(days=1),
        lower=np.full(count, -np.inf),
        upper=np.full(count, upper),
        notes=((),) * count,
    )
    return PanelForecast(
        panel=panel,
        quantiles=DEFAULT_QUANTILES,
        values=values,
        models=("test",) * count,
        notes=notes or ("",) * count,
        dependence=dependence or Dependence(np.full(count, 0.3), np.full(count, 0.3)),
        spikes=spikes or no_spikes(count),
    )


def line(slope: float, intercept: float, horizon: int) -> np.ndarray:
    """Quantiles [1, horizon, 9] without width on a straight line; step 1 is `intercept + slope`."""
    return np.repeat(
        (intercept + slope * np.arange(1, horizon + 1))[None, :, None], len(DEFAULT_QUANTILES), axis=2
    )
