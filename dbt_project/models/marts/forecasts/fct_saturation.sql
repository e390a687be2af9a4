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

-- A service decides when the first of its pools has to: each pool counts back by its own lead time.
pool_decisions as (
    select
        series.service_id,
        min({{ add_days('saturation.p50_date', '-saturation.lead_time_days') }}) as decision_date
    from saturation
    inner join run_window on saturation.as_of_date = run_window.as_of_date
    inner join series on saturation.series_id = series.series_id
    where series.level = 'pool'
    group by series.service_id
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
        case when saturation.probability_within_horizon is not null then saturation.p50_date is null end as is_censored,
        saturation.probability_within_horizon,
        saturation.probability_within_lead_time,
        cast(saturation.lead_time_days as int) as lead_time_days,
        case
            when series.level = 'service' then pool_decisions.decision_date
            else {{ add_days('saturation.p50_date', '-saturation.lead_time_days') }}
        end as decision_date,
        saturation.probability_within_30_days,
        saturation.probability_within_60_days,
        saturation.probability_within_90_days,
        saturation.decision_p10_date,
        saturation.decision_p50_date,
        saturation.decision_p90_date,
        saturation.line_date,
        cast(saturation.horizon_days as int) as horizon_days,
        saturation.notes
    from saturation
    inner join run_window on saturation.as_of_date = run_window.as_of_date
    left join series on saturation.series_id = series.series_id
    left join pool_decisions
        on series.service_id = pool_decisions.service_id and series.level = 'service'
)

select * from final
