"""Forecasts, the dates on which room runs out, and how good forecasts were."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True)
class Saturation:
    """When a series passes usable capacity. A missing date lies beyond the horizon (right-censored)."""

    series_id: str
    service_id: str | None
    pool_id: str | None
    ci_id: str | None
    resource: str | None
    as_of_date: date
    p10_date: date | None
    p50_date: date | None
    p90_date: date | None
    is_censored: bool
    probability_within_horizon: float | None
    probability_within_lead_time: float | None
    lead_time_days: int | None
    decision_date: date | None
    horizon_days: int | None
    notes: str | None


@dataclass(frozen=True)
class ForecastPoint:
    """One quantile of the forecast demand of one day."""

    target_date: date
    quantile: float
    value: float


@dataclass(frozen=True)
class Forecast:
    """The newest forecast of one series; `level` says whether the pool's own or its deciding item's."""

    series_id: str
    level: str
    as_of_date: date
    model: str | None
    points: tuple[ForecastPoint, ...]


@dataclass(frozen=True)
class ForecastScore:
    """Backtest of one series beside seasonal naive. Lower wql and mase are better; coverage aims at 0.8."""

    series_id: str
    level: str | None
    resource: str | None
    service_id: str | None
    model: str | None
    wql: float | None
    mase: float | None
    coverage_80_ratio: float | None
    naive_wql: float | None
    naive_mase: float | None
    window_count: int | None
    is_better_than_naive: bool | None
    notes: str | None
