"""Forecasts, saturation dates and scores."""

from __future__ import annotations

SATURATIONS = """
select
    series_id, service_id, pool_id, ci_id, resource, as_of_date, p10_date, p50_date, p90_date,
    coalesce(is_censored, p50_date is null) as is_censored, probability_within_horizon,
    probability_within_lead_time, lead_time_days, decision_date, horizon_days, notes
from marts.fct_saturation
where as_of_date <= $as_of
    and ($level is null or level = $level)
    and ($service_id is null or service_id = $service_id)
qualify row_number() over (partition by series_id order by as_of_date desc) = 1
order by series_id
"""

FORECAST = """
select as_of_date, model, target_date, round(quantile, 4) as quantile, value
from marts.fct_forecasts
where series_id = $series_id and value is not null and round(quantile, 4) in (0.1, 0.5, 0.9)
    and as_of_date = (
        select max(as_of_date) from marts.fct_forecasts where series_id = $series_id and as_of_date <= $as_of
    )
order by target_date, quantile
"""

SCORES = """
with series as (
    select series_id, level, resource, service_id
    from marts.fct_saturation
    where as_of_date <= $as_of
    qualify row_number() over (partition by series_id order by as_of_date desc) = 1
)
select
    f.series_id, s.level, s.resource, s.service_id, f.model, f.wql, f.mase, f.coverage_80_ratio, f.naive_wql,
    f.naive_mase, f.window_count, f.is_better_than_naive, f.notes
from marts.fct_forecast_scores as f
left join series as s on s.series_id = f.series_id
where f.as_of_date <= $as_of
qualify row_number() over (partition by f.series_id order by f.as_of_date desc, f.model) = 1
order by f.series_id
"""

# Up to three earlier forecasts, a month or more apart: more lines would hide the demand they lie on.
PAST = """
with months as (
    select max(forecast_date) as forecast_date
    from marts.fct_forecast_outcomes
    where series_id = $series_id and forecast_date < $as_of
    group by date_diff('day', forecast_date, $as_of) // 28
    order by forecast_date desc
    limit 3
)
select forecast_date, observed_date, p50_value as value
from marts.fct_forecast_outcomes
where series_id = $series_id and forecast_date in (from months) and observed_date <= $as_of and p50_value is not null
order by forecast_date, observed_date
"""

TRACK_RECORD = """
select
    series_id, level, service_id, resource, horizon_band, forecast_count, replayed_count, day_count, mase, wql,
    coverage_80_ratio, bias_ratio, naive_wql, own_wql, own_naive_wql, is_worse_than_naive, is_fallback_due, is_drifting
from marts.fct_forecast_track_record
where as_of_date = $as_of and level is not null
order by series_id, horizon_band
"""

MODEL = """
select
    as_of_date, method, seed, series_count, value_count, row_count, feature_count, origin_count, loss_ratio,
    coverage_80_ratio, tree_share_ratio, data_sha256, artefact_sha256, model_card
from marts.fct_forecast_models
where as_of_date <= $as_of
order by as_of_date desc
limit 1
"""

IMPORTANCES = """
select feature, mean_move
from marts.fct_forecast_importances
where as_of_date = (select max(as_of_date) from marts.fct_forecast_importances where as_of_date <= $as_of)
order by mean_move desc, feature
"""

RELIABILITY = """
select level, within_days, forecast_count, expected_ratio, came_ratio, came_low_ratio, came_high_ratio
from marts.fct_saturation_reliability
order by level, within_days, expected_ratio
"""

DATE_SCORES = """
select
    level, count(*)::int as forecast_count, count(saturated_days)::int as came_count,
    avg(date_loss_days::decimal(18, 6)) as date_loss_days, avg(p50_error_days::decimal(18, 6)) as p50_error_days,
    avg(line_error_days::decimal(18, 6)) as line_error_days
from marts.fct_saturation_scores
where not was_saturated
group by level
order by level
"""
