{{ rebuilt_by('observed_date') }}

with days as (
    select * from {{ ref('int_resource_days') }}
),

hourly as (
    select * from {{ ref('fct_resource_utilisation_hourly') }}
),

run_days as (
    select observed_date from {{ ref('stg_run_days') }}
),

rules as (
    select * from {{ ref('int_resource_rules_by_day') }}
),

rebuilt_hours as (
    select
        hourly.ci_id,
        hourly.resource,
        hourly.hour_at,
        hourly.observed_date,
        rules.statistic,
        case when rules.statistic = 'maximum' then hourly.demand_max else hourly.demand_avg end as demand_value
    from hourly
    inner join run_days on hourly.observed_date = run_days.observed_date
    inner join rules
        on hourly.observed_date = rules.observed_date and hourly.resource = rules.resource
),

-- The earliest of equals. An aggregate takes a quarter of the time of a window here.
busy_hours as (
    select
        ci_id,
        resource,
        observed_date,
        statistic,
        min_by(hour_at, {{ pair('-demand_value', 'hour_at') }}) as busy_hour_at,
        max(demand_value) as demand_value
    from rebuilt_hours
    group by ci_id, resource, observed_date, statistic
),

final as (
    select
        days.ci_id,
        days.resource,
        days.observed_date,
        days.unit,
        busy_hours.statistic,
        days.sample_count,
        days.covered_seconds,
        least(1.0e0, days.covered_seconds / 86400) as coverage_ratio,
        least(1.0e0, days.covered_seconds / 86400) < {{ var('low_coverage_ratio') }} as is_low_coverage,
        days.demand_avg,
        days.demand_max,
        days.demand_p95,
        busy_hours.busy_hour_at,
        busy_hours.demand_value,
        days.limit_value,
        days.threshold_ratio,
        days.usable_value,
        busy_hours.demand_value / nullif(days.limit_value, 0) as utilisation_ratio,
        days.saturation_minutes
    from days
    inner join busy_hours
        on days.ci_id = busy_hours.ci_id
        and days.resource = busy_hours.resource
        and days.observed_date = busy_hours.observed_date
)

select * from final
