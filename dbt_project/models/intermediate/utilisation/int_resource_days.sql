with sampled_days as (
    select * from {{ ref('int_sampled_days') }}
),

irregular_samples as (
    select * from {{ ref('int_irregular_samples') }}
),

run_days as (
    select observed_date from {{ ref('stg_run_days') }}
),

-- Of a regular day: all of its samples weigh the same.
hours as (
    select
        hourly.ci_id,
        hourly.resource,
        hourly.observed_date,
        {{ exact_sum('hourly.demand_avg * hourly.sample_count') }} / sum(hourly.sample_count) as demand_avg
    from {{ ref('fct_resource_utilisation_hourly') }} as hourly
    inner join run_days on hourly.observed_date = run_days.observed_date
    group by hourly.ci_id, hourly.resource, hourly.observed_date
),

irregular_days as (
    {{ weighted_rollup('irregular_samples', ['ci_id', 'resource', 'observed_date'], 0.95) }}
),

saturation as (
    select
        sketches.ci_id,
        sketches.resource,
        sketches.observed_date,
        sum(sketches.saturated_microseconds) / 60000000.0e0 as saturation_minutes
    from {{ ref('fct_resource_utilisation_sketches') }} as sketches
    inner join run_days on sketches.observed_date = run_days.observed_date
    where sketches.saturated_microseconds > 0
    group by sketches.ci_id, sketches.resource, sketches.observed_date
),

final as (
    select
        days.ci_id,
        days.resource,
        days.observed_date,
        days.unit,
        days.sample_count,
        coalesce(irregular_days.covered_seconds, days.sample_count * days.interval_seconds) as covered_seconds,
        coalesce(irregular_days.demand_avg, hours.demand_avg) as demand_avg,
        days.value_max as demand_max,
        coalesce(irregular_days.demand_p95, days.value_p95) as demand_p95,
        days.limit_value,
        days.threshold_ratio,
        days.usable_value,
        case when days.usable_value is not null then coalesce(saturation.saturation_minutes, 0.0e0) end
            as saturation_minutes
    from sampled_days as days
    inner join hours
        on days.ci_id = hours.ci_id
        and days.resource = hours.resource
        and days.observed_date = hours.observed_date
    left join irregular_days
        on days.ci_id = irregular_days.ci_id
        and days.resource = irregular_days.resource
        and days.observed_date = irregular_days.observed_date
    left join saturation
        on days.ci_id = saturation.ci_id
        and days.resource = saturation.resource
        and days.observed_date = saturation.observed_date
)

select * from final
