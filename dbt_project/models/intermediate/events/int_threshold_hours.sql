{{ rebuilt_by('observed_date') }}

-- An event stays open down to 95 % of the level that opened it.
with hourly as (
    select * from {{ ref('fct_resource_utilisation_hourly') }}
),

run_days as (
    select observed_date from {{ ref('stg_run_days') }}
),

run_window as (
    select warning_ratio from {{ ref('stg_run_window') }}
),

daily as (
    select * from {{ ref('fct_resource_utilisation_daily') }}
),

used as (
    select
        hourly.ci_id,
        hourly.resource,
        hourly.hour_at,
        hourly.observed_date,
        hourly.unit,
        case when daily.statistic = 'maximum' then hourly.demand_max else hourly.demand_avg end as demand_value,
        daily.usable_value
    from hourly
    inner join run_days on hourly.observed_date = run_days.observed_date
    inner join daily
        on hourly.ci_id = daily.ci_id
        and hourly.resource = daily.resource
        and hourly.observed_date = daily.observed_date
    where daily.usable_value > 0
),

final as (
    select
        used.*,
        used.demand_value / used.usable_value as usage_ratio
    from used
    cross join run_window
    where used.demand_value >= {{ var('close_ratio') }} * run_window.warning_ratio * used.usable_value
)

select * from final
