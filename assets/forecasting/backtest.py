"""How good the forecasts were: rolling origins inside the history, always beside seasonal naive."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from assets.forecasting.forecast import MANY_SERIES, NONE, PanelForecast, forecast_panel, natural_bounds
from assets.forecasting.frames import (
    DEFAULT_QUANTILES,
    MIN_POINTS,
    BoolArray,
    FloatArray,
    ForecastInputError,
    Panel,
    build_panel,
)
from assets.forecasting.quantiles import pinball
from assets.forecasting.seasonal_naive import nan_mean, seasonal_error, seasonal_naive
from assets.processes import side_by_side

MEASURES = ("wql", "mase", "coverage_80_ratio", "naive_wql", "naive_mase")


@dataclass(frozen=True)
class Window:
    """Measures of one origin, each [series], NaN where a series could not be scored, and the models used."""

    measures: dict[str, FloatArray]
    models: tuple[str, ...]
    is_scored: BoolArray
    is_exact: BoolArray


def backtest(
    history: pd.DataFrame,
    horizon: int,
    freq: str,
    seed: int = 0,
    windows: int = 3,
    step: int | None = None,
    end: pd.Timestamp | None = None,
) -> pd.DataFrame:
    """Score `windows` forecasts of `horizon` steps, made `step` (default: `horizon`) steps apart, the last at the end.

    Each is the forecast that would have been made then: nothing of its window reaches it. Returns, a row a series,
    `unique_id, model, wql, mase, coverage_80_ratio, naive_wql, naive_mase, window_count, notes`: means over the
    windows, null where nothing could be scored. MASE: mean absolute error of the median divided by the in-sample
    seasonal-naive error. WQL: twice the mean pinball loss over q0.1 … q0.9, divided by the same.

    Raises ForecastInputError like `forecast`.
    """
    return backtest_panel(build_panel(history, freq, end), horizon, seed, windows, step)


def backtest_panel(
    panel: Panel, horizon: int, seed: int, windows: int = 3, step: int | None = None
) -> pd.DataFrame:
    """`backtest` of a panel."""
    held_back = held_back_steps(panel, horizon, windows, step)
    made = side_by_side(
        forecast_panel,
        [(panel.until(steps), horizon, DEFAULT_QUANTILES, seed) for steps in held_back],
        is_small=len(panel.ids) < MANY_SERIES,
    )
    return score_panel(panel, made)


def held_back_steps(panel: Panel, horizon: int, windows: int, step: int | None = None) -> list[int]:
    """Steps at the end that each window's forecast does not see; fewer windows where history is short."""
    if horizon < 1 or windows < 1 or (step is not None and step < 1):
        raise ForecastInputError("horizon, windows and step: give at least 1 of each")
    steps = (horizon + number * (step or horizon) for number in range(windows))
    return [held for held in steps if panel.values.shape[1] - held >= 2 * panel.periods[0] + 1]


def score_panel(panel: Panel, made: Sequence[PanelForecast]) -> pd.DataFrame:
    """`backtest` of forecasts of `panel` that were made without its last steps, the latest first."""
    scored = []
    for forecast in made:
        start, horizon = forecast.panel.values.shape[1], forecast.values.shape[1]
        scored.append(score_window(forecast, panel.values[:, start : start + horizon]))
    return _summary(panel, scored)


def score_window(made: PanelForecast, truth: FloatArray) -> Window:
    """Score a forecast of `DEFAULT_QUANTILES` against `truth` [series, horizon]; NaN truth is not counted."""
    history, period = made.panel.values, made.panel.periods[0]
    scale = seasonal_error(history, period)
    lower, upper = natural_bounds(made.panel)
    naive = seasonal_naive(history, period, truth.shape[1], made.quantiles)
    naive = np.clip(naive, lower[:, None, None], upper[:, None, None])
    valid = np.isfinite(truth) & np.isfinite(made.values).all(axis=2)
    actual = np.where(valid, truth, np.nan)
    exact = scale == 0
    usable = np.where(exact | ~valid.any(axis=1), np.nan, scale)
    median = made.quantiles.index(0.5)
    low, high = made.values[:, :, 0], made.values[:, :, -1]
    inside = np.where(valid, (actual >= low) & (actual <= high), np.nan).astype(float)
    measures = {
        "wql": 2 * nan_mean(pinball(made.values, actual, made.quantiles)) / usable,
        "mase": nan_mean(np.abs(made.values[:, :, median] - actual)) / usable,
        "coverage_80_ratio": np.where(np.isnan(usable), np.nan, nan_mean(inside)),
        "naive_wql": 2 * nan_mean(pinball(naive, actual, made.quantiles)) / usable,
        "naive_mase": nan_mean(np.abs(naive[:, :, median] - actual)) / usable,
    }
    return Window(measures, made.models, ~np.isnan(usable), exact)


def _summary(panel: Panel, windows: list[Window]) -> pd.DataFrame:
    count = len(panel.ids)
    nothing = np.full((1, count), np.nan)
    columns: dict[str, object] = {"unique_id": list(panel.ids)}
    models = [NONE] * count
    for window in reversed(windows):
        models = [
            name if used else model
            for name, used, model in zip(window.models, window.is_scored, models, strict=True)
        ]
    columns["model"] = models
    for name in MEASURES:
        values = np.stack([window.measures[name] for window in windows]) if windows else nothing
        columns[name] = nan_mean(values.T)
    scored = np.sum([window.is_scored for window in windows], axis=0) if windows else np.zeros(count)
    exact = (
        np.any([window.is_exact for window in windows], axis=0) if windows else np.zeros(count, dtype=bool)
    )
    columns["window_count"] = scored.astype(int) if windows else [0] * count
    columns["notes"] = [_note(int(scored[i]), bool(exact[i]), panel.values[i]) for i in range(count)]
    return pd.DataFrame(columns).astype({"unique_id": "str", "model": "str", "notes": "str"})


def _note(scored: int, exact: bool, values: FloatArray) -> str:
    if scored:
        return ""
    if exact:
        return "not scored: the history repeats exactly, so there is no error to compare with"
    if int(np.isfinite(values).sum()) < MIN_POINTS:
        return f"not scored: fewer than {MIN_POINTS} values"
    return "not scored: the history is too short to hold some of it back"
