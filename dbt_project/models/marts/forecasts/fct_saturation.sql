{{ rebuilt_by('as_of_date') }}

with saturation as (
    select * from {{ ref('stg_forecast_saturation') }}
),

run_window as (
    select as_of_date from {{ ref('stg_run_window') }}
),

series as (
    select * from {{ ref('int_forecast_series') }}
),

final as (
    select
        saturation.series_id,
        series.level,
        series.service_id,
        series.ci_id,
        series.pool_id,
        series.resource,
        saturation.as_of_date,
        series.usable_value,
        saturation.p10_date,
        saturation.p50_date,
        saturation.p90_date,
        {{ days_between('saturation.as_of_date', 'saturation.p50_date') }} as days_to_saturation,
        saturation.p50_date is null as is_censored,
        saturation.probability_within_horizon,
        saturation.probability_within_lead_time,
        cast(saturation.lead_time_days as int) as lead_time_days,
        {{ add_days('saturation.p50_date', '-saturation.lead_time_days') }} as decision_date,
        cast(saturation.horizon_days as int) as horizon_days,
        saturation.notes
    from saturation
    inner join run_window on saturation.as_of_date = run_window.as_of_date
    left join series on saturation.series_id = series.series_id
)

select * from final
