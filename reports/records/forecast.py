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
class ForecastModel:
    """What the forecasts were trained on and with; nothing was learned where `method` is None."""

    as_of_date: date
    method: str | None
    seed: int
    series_count: int
    value_count: int | None
    row_count: int | None
    feature_count: int | None
    origin_count: int | None
    loss_ratio: float | None
    coverage_80_ratio: float | None
    tree_share_ratio: float | None
    data_sha256: str | None
    artefact_sha256: str | None
    model_card: str


@dataclass(frozen=True)
class Importance:
    """How far forecasts move when what is known of one thing is shuffled."""

    feature: str
    mean_move: float


@dataclass(frozen=True)
class ForecastPoint:
    """One quantile of the forecast demand of one day."""

    target_date: date
    quantile: float
    value: float


@dataclass(frozen=True)
class PastMedian:
    """The median that an earlier forecast gave for a day that has come."""

    forecast_date: date
    observed_date: date
    value: float


@dataclass(frozen=True)
class Forecast:
    """The newest forecast of one series; `level` says whether the pool's own or its deciding item's."""

    series_id: str
    level: str
    as_of_date: date
    model: str | None
    points: tuple[ForecastPoint, ...]
    past: tuple[PastMedian, ...] = ()


@dataclass(frozen=True)
class TrackRecord:
    """How the forecasts of one series turned out in one horizon band (`all`: everywhere), beside seasonal naive."""

    series_id: str
    level: str | None
    service_id: str | None
    resource: str | None
    horizon_band: str
    forecast_count: int
    replayed_count: int
    day_count: int
    mase: float
    wql: float
    coverage_80_ratio: float
    bias_ratio: float
    naive_wql: float | None
    own_wql: float | None
    own_naive_wql: float | None
    is_worse_than_naive: bool | None
    is_fallback_due: bool
    is_drifting: bool | None


@dataclass(frozen=True)
class ReliabilityBin:
    """Forecasts that gave about the same probability of saturation, and in how many it came."""

    level: str
    within_days: int
    forecast_count: int
    expected_ratio: float
    came_ratio: float
    came_low_ratio: float
    came_high_ratio: float


@dataclass(frozen=True)
class DateScores:
    """How far saturation dates of one level lay from the days that came, beside a straight line."""

    level: str
    forecast_count: int
    came_count: int
    date_loss_days: float | None
    p50_error_days: float | None
    line_error_days: float | None


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
