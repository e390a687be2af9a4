"""Forecasts of the small estate, made today and earlier, and how they did."""

from datetime import date, timedelta

from tests.dbt.landing_fixture import Row
from tests.dbt.small_estate.moments import AS_OF, DAYS


def forecasts() -> dict[str, list[Row]]:
    series = ("ci/web-1/cpu", "pool/shop/web/cpu")
    return {
        "forecast_quantiles": [
            {
                "series_id": name,
                "as_of_date": AS_OF,
                "target_date": AS_OF + timedelta(days=ahead),
                "horizon_days": 90,
                "quantile": quantile,
                "value": 0.4 + quantile / 7 + ahead / 1000,
                "naive_value": 0.5 + quantile / 9,
                "scale_value": 0.07,
                "model": "ridge",
            }
            for name in series
            for ahead in (1, 2)
            for quantile in (0.1, 0.5, 0.9)
        ],
        "past_forecasts": [
            {
                "series_id": name,
                "as_of_date": made,
                "target_date": made + timedelta(days=ahead),
                "horizon_days": ahead,
                "quantile": quantile,
                "value": 0.3 + quantile / 7 + ahead / 1000,
                "naive_value": 0.5 + quantile / 9,
                "scale_value": 0.07,
                "promised_wql": 0.6,
                "promised_days": 30,
                "is_replayed": made == DAYS[0],
                "model": model,
            }
            for name, model in zip(series, ("ridge", "seasonal_naive"), strict=True)
            for made in DAYS[:2]
            for ahead in (1, 2, 9)
            for quantile in (0.1, 0.5, 0.9)
        ],
        "forecast_saturation": [
            {
                "series_id": name,
                "as_of_date": AS_OF,
                "p50_date": p50,
                "probability_within_horizon": 0.55,
                "probability_within_lead_time": 0.1,
                "lead_time_days": 30,
                "horizon_days": 90,
            }
            for name, p50 in ((series[0], date(2026, 8, 1)), (series[1], None), ("service/shop", None))
        ],
        "past_saturation": [
            {
                "series_id": name,
                "as_of_date": DAYS[0],
                "p10_date": DAYS[1],
                "p50_date": DAYS[2],
                "line_date": DAYS[3],
                "probability_within_horizon": 0.55,
                "probability_within_30_days": chance,
                "probability_within_60_days": chance + 0.1,
                "probability_within_90_days": chance + 0.2,
                "horizon_days": horizon,
            }
            for name, chance, horizon in (
                (series[0], 0.3, 90),
                (series[1], 0.7, 3),
                ("ci/db-1/memory", 0.05, 90),
                ("ci/web-2/cpu", 0.35, 90),
                ("service/shop", 0.6, 90),
            )
        ],
        "forecast_scores": [
            {
                "series_id": name,
                "as_of_date": AS_OF,
                "model": "ridge",
                "wql": 0.1,
                "mase": 0.7,
                "coverage_80_ratio": 0.78,
                "naive_wql": 0.15,
                "naive_mase": 1.0,
                "window_count": 4,
            }
            for name in series
        ],
        "forecast_models": [
            {
                "as_of_date": AS_OF,
                "method": "quantile trees",
                "seed": 1,
                "series_count": 5,
                "row_count": 400,
                "loss_ratio": 0.8,
                "coverage_80_ratio": 0.8,
                "tree_share_ratio": 0.4,
                "artefact_sha256": "0f" * 32,
                "model_card": "{}",
            }
        ],
        "forecast_importances": [{"as_of_date": AS_OF, "feature": "level", "mean_move": 0.4}],
    }
