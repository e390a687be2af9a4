{{ rebuilt_by('observed_date') }}

with measurements as (
    select * from {{ ref('int_measurements') }}
    where level = 'resource'
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

limits as (
    select * from {{ ref('int_limits_by_day') }}
),

ci_thresholds as (
    select * from {{ ref('int_ci_thresholds_by_day') }}
),

thresholds_without_service as (
    select * from {{ ref('int_thresholds_by_day') }}
    where service_id is null
),

days as (
    select
        ci_id,
        resource,
        observed_date,
        unit,
        count(*) as sample_count,
        least(1.0e0, {{ exact_sum('interval_seconds') }} / 86400) as coverage_ratio,
        {{ exact_sum('value') }} / count(*) as demand_avg,
        max(value) as demand_max,
        {{ percentile('value', 0.95) }} as demand_p95
    from measurements
    group by ci_id, resource, observed_date, unit
),

rebuilt_hours as (
    select
        hourly.ci_id,
        hourly.resource,
        hourly.hour_at,
        hourly.observed_date,
        hourly.demand_avg,
        hourly.demand_max
    from hourly
    inner join run_days on hourly.observed_date = run_days.observed_date
),

ranked_hours as (
    select
        rebuilt_hours.*,
        rules.statistic,
        row_number() over (
            partition by rebuilt_hours.ci_id, rebuilt_hours.resource, rebuilt_hours.observed_date
            order by
                case
                    when rules.statistic = 'maximum' then rebuilt_hours.demand_max
                    else rebuilt_hours.demand_avg
                end desc,
                rebuilt_hours.hour_at
        ) as hour_rank
    from rebuilt_hours
    inner join rules
        on rebuilt_hours.observed_date = rules.observed_date and rebuilt_hours.resource = rules.resource
),

busy_hours as (
    select
        ci_id,
        resource,
        observed_date,
        statistic,
        hour_at as busy_hour_at,
        case when statistic = 'maximum' then demand_max else demand_avg end as demand_value
    from ranked_hours
    where hour_rank = 1
),

joined as (
    select
        days.*,
        busy_hours.statistic,
        busy_hours.busy_hour_at,
        busy_hours.demand_value,
        coalesce(limits.limit_value, case when days.unit = '1' then 1.0e0 end) as limit_value,
        coalesce(ci_thresholds.threshold_ratio, thresholds_without_service.threshold_ratio) as threshold_ratio
    from days
    inner join busy_hours
        on days.ci_id = busy_hours.ci_id
        and days.resource = busy_hours.resource
        and days.observed_date = busy_hours.observed_date
    left join limits
        on days.ci_id = limits.ci_id
        and days.resource = limits.resource
        and days.observed_date = limits.observed_date
    left join ci_thresholds
        on days.ci_id = ci_thresholds.ci_id
        and days.resource = ci_thresholds.resource
        and days.observed_date = ci_thresholds.observed_date
    left join thresholds_without_service
        on days.resource = thresholds_without_service.resource
        and days.observed_date = thresholds_without_service.observed_date
),

valued as (
    select *, limit_value * threshold_ratio as usable_value
    from joined
),

-- Time at or over usable capacity; most days never reach it, so few samples are looked at again.
saturated as (
    select
        measurements.ci_id,
        measurements.resource,
        measurements.observed_date,
        {{ exact_sum('measurements.interval_seconds') }} / 60 as saturation_minutes
    from measurements
    inner join valued
        on measurements.ci_id = valued.ci_id
        and measurements.resource = valued.resource
        and measurements.observed_date = valued.observed_date
    where valued.demand_max >= valued.usable_value and measurements.value >= valued.usable_value
    group by measurements.ci_id, measurements.resource, measurements.observed_date
),

final as (
    select
        valued.ci_id,
        valued.resource,
        valued.observed_date,
        valued.unit,
        valued.statistic,
        valued.sample_count,
        valued.coverage_ratio,
        valued.coverage_ratio < {{ var('low_coverage_ratio') }} as is_low_coverage,
        valued.demand_avg,
        valued.demand_max,
        valued.demand_p95,
        valued.busy_hour_at,
        valued.demand_value,
        valued.limit_value,
        valued.threshold_ratio,
        valued.usable_value,
        valued.demand_value / nullif(valued.limit_value, 0) as utilisation_ratio,
        case when valued.usable_value is not null then coalesce(saturated.saturation_minutes, 0.0e0) end
            as saturation_minutes
    from valued
    left join saturated
        on valued.ci_id = saturated.ci_id
        and valued.resource = saturated.resource
        and valued.observed_date = saturated.observed_date
)

select * from final
