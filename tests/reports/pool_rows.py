"""What pools of a service demanded and are forecast to demand."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from random import Random
from typing import Any

from tests.reports.marts import AS_OF, Rows

HISTORY, HORIZON, WINDOW = 120, 90, 28


@dataclass(frozen=True)
class Shape:
    """One pool of the simulated estate: what it measures and how fast it fills."""

    resource: str
    unit: str
    statistic: str
    pooling: str
    kind: str
    members: int
    limit: float
    level: float
    growth_a_day: float


SHAPES = (
    Shape("cpu", "1", "busy_hour", "shared", "host", 4, 1.0, 0.42, 0.0012),
    Shape("memory", "By", "maximum", "own", "host", 4, 64 * 2**30, 0.55, 0.0003),
    Shape("connections", "{connection}", "busy_hour", "own", "database", 1, 500, 0.45, 0.0021),
    Shape("filesystem", "By", "maximum", "own", "volume", 1, 4 * 2**40, 0.40, 0.0016),
)


def add_pool(
    rows: Rows,
    key: str,
    shape: Shape,
    factor: float,
    days: int,
    random: Random,
    forecast: bool,
    coverage: float,
) -> dict[str, Any]:
    group = f"{key}-{shape.kind}s" if shape.members > 1 else f"{key}-{shape.kind}-1"
    tolerance = 1 if shape.members > 1 else 0
    share = shape.members if shape.pooling == "shared" else 1
    usable = 0.8 * shape.limit * (share - tolerance if shape.pooling == "shared" else 1)
    pool_id = f"{key}/{group}/{shape.resource}"
    members = [f"{key}-{shape.kind}-{n + 1}" for n in range(shape.members)]
    same: dict[str, Any] = {"unit": shape.unit, "statistic": shape.statistic}
    pool = {
        "pool_id": pool_id,
        "service_id": key,
        "redundancy_group": group,
        "resource": shape.resource,
    } | same
    pool |= {"pooling": shape.pooling, "member_count": shape.members, "tolerance": tolerance}
    values = []
    for offset in range(days):
        day = AS_OF - timedelta(days=days - 1 - offset)
        value = _demand(shape, factor, offset - HISTORY, day, random) * shape.limit * share
        values.append(value)
        if not 60 <= days - offset < 63:  # three days without measurements
            rows.add("fct_pool_demand_daily", **pool, observed_date=day, demand_value=value, usable_value=usable,
                     coverage_ratio=coverage)  # fmt: skip
    window = sorted(values[-WINDOW:])
    demand = window[-1] if shape.statistic == "maximum" else window[int(0.95 * (len(window) - 1))]
    headroom = 1 - demand / usable
    pool |= {"usable_value": usable, "demand_value": demand, "headroom_ratio": headroom}
    rows.add(
        "fct_pool_capacity",
        **pool,
        as_of_date=AS_OF,
        resource_kind="technical",
        deciding_ci_id=members[0],
        coverage_ratio=coverage,
        service_count=2 if shape.kind == "database" else 1,
        share_ratio=0.6 if shape.kind == "database" else 1.0,
    )
    for hour in range(min(days, 14) * 24):
        at = datetime.combine(AS_OF, time()) - timedelta(hours=hour - 23)
        curve = 0.55 + 0.45 * math.sin((at.hour - 3) / 24 * 2 * math.pi) * (0.5 if at.weekday() > 4 else 1)
        rows.add("fct_resource_utilisation_hourly", ci_id=members[0], resource=shape.resource, hour_at=at,
                 observed_date=at.date(), sample_count=4, coverage_ratio=1.0, demand_avg=demand * curve,
                 demand_max=demand * curve)  # fmt: skip
    for ci_id in members:
        if shape.resource != "memory":
            rows.add("dim_ci", ci_id=ci_id, ci_name=ci_id, ci_kind=shape.kind, valid_from=date(2025, 1, 1))
            rows.add("bridge_service_ci", service_id=key, ci_id=ci_id, redundancy_group=group, tolerance=tolerance,
                     share_ratio=1.0, valid_from=date(2025, 1, 1))  # fmt: skip
        rows.add("fct_resource_capacity", ci_id=ci_id, resource=shape.resource, as_of_date=AS_OF, **same,
                 limit_value=shape.limit, threshold_ratio=0.8, usable_value=0.8 * shape.limit,
                 demand_value=demand / share, headroom_ratio=1 - demand / share / (0.8 * shape.limit),
                 demand_window_start_date=AS_OF - timedelta(days=WINDOW - 1), day_count=min(days, WINDOW),
                 coverage_ratio=coverage, is_low_coverage=coverage < 0.8)  # fmt: skip
        rows.add("fct_resource_utilisation_daily", ci_id=ci_id, resource=shape.resource, observed_date=AS_OF,
                 sample_count=96, **same)  # fmt: skip
    if forecast:
        _forecast(rows, pool, shape, factor, usable, share)
    return pool | {"deciding_ci_id": members[0]}


def _demand(shape: Shape, factor: float, offset: int, day: date, random: Random | None) -> float:
    trend = shape.level + shape.growth_a_day * (offset + HISTORY)
    if shape.statistic == "maximum":
        return trend * factor
    week = 1.0 if day.weekday() < 5 else 0.72
    return trend * factor * week * (1 + (random.gauss(0, 0.025) if random else 0))


def _forecast(
    rows: Rows, pool: dict[str, Any], shape: Shape, factor: float, usable: float, share: int
) -> None:
    series = f"pool/{pool['pool_id']}"
    dates: dict[float, date | None] = dict.fromkeys((0.1, 0.5, 0.9))
    who = {"service_id": pool["service_id"], "pool_id": pool["pool_id"], "resource": pool["resource"]}
    for ahead in range(1, HORIZON + 1):
        day = AS_OF + timedelta(days=ahead)
        middle = _demand(shape, factor, ahead, day, None) * shape.limit * share
        for quantile, side in ((0.1, -1), (0.5, 0), (0.9, 1)):
            value = middle * (1 + side * (0.02 + 0.008 * math.sqrt(ahead)))
            rows.add("fct_forecasts", series_id=series, level="pool", **who, unit=pool["unit"], as_of_date=AS_OF,
                     target_date=day, horizon_days=ahead, quantile=quantile, value=value,
                     model="gradient boosting")  # fmt: skip
            if value > usable and dates[quantile] is None:
                dates[quantile] = day
    p50 = dates[0.5]
    lead = 30 if shape.resource in ("cpu", "memory") else 45
    rows.add("fct_saturation", series_id=series, level="pool", **who, as_of_date=AS_OF, usable_value=usable,
             p10_date=dates[0.9], p50_date=p50, p90_date=dates[0.1], is_censored=p50 is None,
             days_to_saturation=(p50 - AS_OF).days if p50 else None,
             probability_within_horizon=0.93 if p50 else 0.22 if dates[0.9] else 0.004,
             probability_within_lead_time=0.61 if p50 and (p50 - AS_OF).days < lead else 0.03, lead_time_days=lead,
             decision_date=p50 - timedelta(days=lead) if p50 else None, horizon_days=HORIZON)  # fmt: skip
    ratio = 0.55 + len(series) % 13 / 20
    rows.add("fct_forecast_scores", series_id=series, as_of_date=AS_OF, model="gradient boosting", wql=0.04 * ratio,
             mase=0.9 * ratio, coverage_80_ratio=0.7 + len(series) % 7 / 30, naive_wql=0.04, naive_mase=1.0,
             window_count=4, is_better_than_naive=ratio < 1)  # fmt: skip


def model(rows: Rows) -> None:
    rows.add("fct_forecast_models", as_of_date=AS_OF, method="quantile trees", seed=1, series_count=571,
             value_count=66_000, row_count=18_342, feature_count=38, origin_count=8, loss_ratio=0.714,
             coverage_80_ratio=0.806, tree_share_ratio=0.43, data_sha256="1a" * 32, artefact_sha256="9f" * 32,
             model_card='{"seed": 1, "versions": {"scikit-learn": "1.7"}}')  # fmt: skip
    for number in range(14):
        rows.add(
            "fct_forecast_importances",
            as_of_date=AS_OF,
            feature=f"feature {number}",
            mean_move=0.5 / (number + 1),
        )
