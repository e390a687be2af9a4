"""Forecasts of a whole estate on one day: what the pipeline stores as quantiles, saturation dates and scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
import pyarrow as pa

from assets.forecasting.backtest import held_back_steps, score_panel
from assets.forecasting.changes import Known, adjust, prepare
from assets.forecasting.forecast import MANY_SERIES, PanelForecast, forecast_panel
from assets.forecasting.frames import DEFAULT_QUANTILES, Panel, build_panel
from assets.forecasting.paths import DEFAULT_SERVICE_SHARE, service_groups
from assets.forecasting.record import fall_back, naive_and_scale
from assets.forecasting.saturation import WINDOWS, first_passages, saturation, service_saturation
from assets.processes import side_by_side

SCORE_WINDOWS = 3
_DATE, _WHOLE = pd.ArrowDtype(pa.date32()), pd.Int32Dtype()
QUANTILE_TYPES = {
    "series_id": "str",
    "as_of_date": _DATE,
    "target_date": _DATE,
    "horizon_days": _WHOLE,
    "quantile": "float64",
    "value": "float64",
    "naive_value": "float64",
    "scale_value": "float64",
    "promised_wql": "float64",
    "promised_days": _WHOLE,
    "is_replayed": "bool",
    "model": "str",
    "notes": "str",
}
SATURATION_TYPES = {
    "series_id": "str",
    "as_of_date": _DATE,
    "p10_date": _DATE,
    "p50_date": _DATE,
    "p90_date": _DATE,
    "probability_within_horizon": "float64",
    "probability_within_lead_time": "float64",
    **{f"probability_within_{days}_days": "float64" for days in WINDOWS},
    "decision_p10_date": _DATE,
    "decision_p50_date": _DATE,
    "decision_p90_date": _DATE,
    "line_date": _DATE,
    "lead_time_days": _WHOLE,
    "horizon_days": _WHOLE,
    "notes": "str",
}
SCORE_TYPES = {
    "series_id": "str",
    "as_of_date": _DATE,
    "model": "str",
    "wql": "float64",
    "mase": "float64",
    "coverage_80_ratio": "float64",
    "naive_wql": "float64",
    "naive_mase": "float64",
    "window_count": _WHOLE,
    "error_shared_ratio": "float64",
    "error_rho": "float64",
    "error_service_ratio": "float64",
    "spike_chance_ratio": "float64",
    "spike_height_ratio": "float64",
    "notes": "str",
}


@dataclass(frozen=True)
class ForecastResult:
    """Three frames, sorted by series, with the columns and types of `QUANTILE_TYPES` and the others.

    `quantiles`: a row a series, target day and quantile; a series that cannot be forecast has none (its notes are
    in the other two). `saturation`: a row a series and service. `scores`: a row a series. `made` is the forecast as it
    was learned, for its model card; None for one that was replayed.
    """

    quantiles: pd.DataFrame
    saturation: pd.DataFrame
    scores: pd.DataFrame
    made: PanelForecast | None = None


def forecast_estate(
    daily: pd.DataFrame,
    membership: pd.DataFrame,
    as_of: date,
    horizon_days: int,
    seed: int,
    planned_usable: pd.DataFrame | None = None,
    record: pd.DataFrame | None = None,
    is_replayed: bool = False,
    service_share: float | None = None,
    known: Known | None = None,
) -> ForecastResult:
    """Forecast all series of an estate as known at the end of `as_of`.

    `daily`: `series_id, observed_date, demand_value, usable_value, lead_time_days`, optional bounds `lower, upper`;
    one row a series and day, demand and usable in the same unit. `membership`: `service_id, series_id` of the
    pools that each service stands on. `planned_usable`: `series_id, ds, usable` from dated purchases; without it
    the last known usable capacity goes on. `record`: series to forecast by seasonal naive because that did better
    than what was published (see `assets.forecasting.record`). Days after `as_of` are not read.

    `service_share`: part of the error's variance that the pools of a service have in common, None where no published
    forecast tells it yet. `is_replayed` marks a forecast that is made after its as-of day; its backtest is left out,
    `scores` is empty. `known`: maintenance, changes, events and overrides (`assets.forecasting.changes`).

    No series makes it raise: what is too short or unknown is named in `notes`.
    """
    notes: dict[str, list[str]] = {}
    if known is not None:
        daily, notes = prepare(daily, known)
    history = daily.rename(columns={"series_id": "unique_id", "observed_date": "ds", "demand_value": "y"})
    panel = build_panel(history, "D", end=pd.Timestamp(as_of))
    length = backtest_days(panel, horizon_days)
    windows = [] if is_replayed else held_back_steps(panel, length, SCORE_WINDOWS, -(-length // 2))
    calls = [(panel, horizon_days, DEFAULT_QUANTILES, seed)]
    calls += [(panel.until(steps), length, DEFAULT_QUANTILES, seed) for steps in windows]
    made, *tried = side_by_side(forecast_panel, calls, is_small=len(panel.ids) < MANY_SERIES)
    if record is not None:
        made = fall_back(made, record)
    if known is not None:
        made = adjust(made, known, notes)
    scores = _scores(made, None if is_replayed else tried, length)
    leads = _lead_times(daily)
    share = DEFAULT_SERVICE_SHARE if service_share is None else float(np.clip(service_share, 0.0, 0.95))
    groups = service_groups(made.panel.ids, membership, share)
    passages = first_passages(made, _usable(history, as_of, planned_usable), seed, groups=groups)
    series = saturation(passages, leads)
    services = service_saturation(passages, membership, leads)
    services["unique_id"] = "service/" + services["unique_id"].astype("str")
    dates = pd.concat([part for part in (series, services) if len(part)] or [series])
    quantiles = _long(made).join(scores.set_index("unique_id")["wql"].rename("promised_wql"), on="unique_id")
    quantiles["promised_days"] = length
    return ForecastResult(
        quantiles=_typed(quantiles.assign(is_replayed=is_replayed), as_of, QUANTILE_TYPES),
        saturation=_typed(dates, as_of, SATURATION_TYPES),
        scores=_typed(
            scores.assign(error_service_ratio=share).iloc[: 0 if is_replayed else None], as_of, SCORE_TYPES
        ),
        made=None if is_replayed else made,
    )


def _long(made: PanelForecast) -> pd.DataFrame:
    """A row a series, target day and quantile, without the series that have no forecast."""
    known, naive, scale = made.is_known, *naive_and_scale(made)
    _, horizon, levels = made.values.shape
    count = int(known.sum())
    per_series = horizon * levels
    return pd.DataFrame(
        {
            "unique_id": np.repeat(np.array(made.panel.ids, dtype=object)[known], per_series),
            "target_date": np.repeat(made.panel.dates(horizon)[known].ravel(), levels).astype(
                "datetime64[s]"
            ),
            "horizon_days": np.tile(np.repeat(np.arange(1, horizon + 1), levels), count),
            "quantile": np.tile(np.array(made.quantiles), count * horizon),
            "value": made.values[known].ravel(),
            "naive_value": naive[known].ravel(),
            "scale_value": np.repeat(scale[known], per_series),
            "model": np.repeat(np.array(made.models, dtype=object)[known], per_series),
            "notes": np.repeat(np.array(made.notes, dtype=object)[known], per_series),
        }
    )


def backtest_days(panel: Panel, horizon: int) -> int:
    """Days ahead that the backtest scores: as much of the horizon as a history of this length can hold back."""
    return min(horizon, max(panel.periods[0], panel.values.shape[1] // 4))


def _scores(made: PanelForecast, tried: Sequence[PanelForecast] | None, length: int) -> pd.DataFrame:
    """Backtest of a forecast, and how its errors hang together; nothing is scored where nothing was tried."""
    panel, horizon = made.panel, made.values.shape[1]
    if tried is None:
        measures = [name for name in SCORE_TYPES if name not in ("series_id", "as_of_date")]
        return pd.DataFrame({"unique_id": list(panel.ids)}).reindex(columns=["unique_id", *measures])
    scores = score_panel(panel, tried)
    if length < horizon:
        partial = f"scored on the first {length} of {horizon} days"
        scores["notes"] = np.where(scores["window_count"] > 0, partial, scores["notes"])
    paths = pd.DataFrame(
        {
            "error_shared_ratio": made.dependence.shared,
            "error_rho": made.dependence.rho,
            "spike_chance_ratio": made.spikes.chance,
            "spike_height_ratio": made.spikes.height,
        },
        index=panel.ids,
    )
    return scores.join(paths, on="unique_id")


def _usable(history: pd.DataFrame, as_of: date, planned: pd.DataFrame | None) -> pd.DataFrame:
    usable = history[["unique_id", "ds", "usable_value"]].rename(columns={"usable_value": "usable"})
    usable = usable[pd.to_datetime(usable["ds"]) <= pd.Timestamp(as_of)]
    if planned is None:
        return usable
    dated = planned.rename(columns={"series_id": "unique_id"})[["unique_id", "ds", "usable"]]
    return pd.concat([usable, dated])


def _lead_times(daily: pd.DataFrame) -> Mapping[str, int]:
    """Last known lead time of each series."""
    known = daily.dropna(subset=["lead_time_days"]).sort_values("observed_date", kind="stable")
    last = known.groupby("series_id")["lead_time_days"].last()
    return {str(name): int(days) for name, days in last.items()}


def _typed(frame: pd.DataFrame, as_of: date, types: Mapping[str, object]) -> pd.DataFrame:
    named = frame.rename(columns={"unique_id": "series_id"}).assign(as_of_date=as_of)
    typed = named[list(types)].astype(dict(types))  # type: ignore[arg-type]
    order = [name for name in ("series_id", "target_date", "quantile") if name in types]
    return typed.sort_values(order, kind="stable", ignore_index=True)
