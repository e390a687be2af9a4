"""What the record of published forecasts does to the next one, and what has to be kept for a forecast to be scored.

The scores themselves are SQL (`fct_forecast_outcomes`, `fct_forecast_track_record`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pandas as pd

from assets.forecasting.forecast import LEARNED, NAIVE, PanelForecast, natural_bounds
from assets.forecasting.frames import FloatArray
from assets.forecasting.seasonal_naive import seasonal_error, seasonal_naive

#: Days before the first run's as-of day whose forecasts are made again, so that an estate that starts with a history
#: starts with a record. The farther one reaches into the third horizon band.
REPLAY_DAYS_BACK = (63, 28)
#: Less history than this says nothing about how the forecasts of later days will do.
REPLAY_HISTORY_DAYS = 56


def naive_and_scale(made: PanelForecast) -> tuple[FloatArray, FloatArray]:
    """Seasonal naive at the same as-of [series, horizon, quantile], and the scale of MASE and WQL [series].

    The scale is the in-sample error of seasonal naive, as known when the forecast is made; NaN where there is none or
    the history repeats exactly.
    """
    panel, period = made.panel, made.panel.periods[0]
    lower, upper = natural_bounds(panel)
    naive = seasonal_naive(panel.values, period, made.values.shape[1], made.quantiles)
    scale = seasonal_error(panel.values, period)
    return np.clip(naive, lower[:, None, None], upper[:, None, None]), np.where(scale > 0, scale, np.nan)


def fall_back(made: PanelForecast, record: pd.DataFrame) -> PanelForecast:
    """`made` with seasonal naive for every series of `record` that is forecast by the trees.

    `record` has `series_id, day_count, wql, naive_wql`: over so many days what was published lost `wql`, seasonal naive
    of the same as-of days `naive_wql`.
    """
    rows = zip(record["day_count"], record["wql"], record["naive_wql"], strict=True)
    found = dict(zip(record["series_id"], rows, strict=True))
    known = np.array([name in found for name in made.panel.ids], dtype=np.bool_)
    worse = known & (np.array(made.models, dtype=object) == LEARNED)
    if not worse.any():
        return made
    naive, _ = naive_and_scale(made)
    notes = list(made.notes)
    for position in np.flatnonzero(worse):
        days, wql, naive_wql = found[made.panel.ids[position]]
        text = (
            "falls back to seasonal naive, which did better than what was published: "
            f"WQL {naive_wql:.2f} against {wql:.2f} on {int(days)} days"
        )
        notes[position] = f"{notes[position]}; {text}" if notes[position] else text
    return replace(
        made,
        values=np.where(worse[:, None, None], naive, made.values),
        models=tuple(np.where(worse, NAIVE, np.array(made.models)).tolist()),
        notes=tuple(notes),
    )


def replay_days(as_of: date, first: date) -> Iterator[date]:
    """As-of days to replay for a first run as of `as_of` whose history starts on `first`."""
    for back in REPLAY_DAYS_BACK:
        day = as_of - timedelta(days=back)
        if (day - first).days + 1 >= REPLAY_HISTORY_DAYS:
            yield day
