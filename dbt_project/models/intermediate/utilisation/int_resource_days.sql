with sampled_days as (
    select * from {{ ref('int_sampled_days') }}
),

irregular_samples as (
    select * from {{ ref('int_irregular_samples') }}
),

irregular_days as (
    {{ weighted_rollup('irregular_samples', ['ci_id', 'resource', 'observed_date'], 0.95) }}
),

-- Most days never reach usable capacity, so few samples are looked at again.
saturated_days as (
    select * from sampled_days
    where value_max >= usable_value
),

saturated as (
    select
        measurements.ci_id,
        measurements.resource,
        measurements.observed_date,
        count(*) * max(saturated_days.interval_seconds) as saturated_seconds
    from {{ ref('int_measurements') }} as measurements
    inner join saturated_days
        on measurements.ci_id = saturated_days.ci_id
        and measurements.resource = saturated_days.resource
        and measurements.observed_date = saturated_days.observed_date
    where measurements.level = 'resource'
        and saturated_days.is_regular
        and measurements.value >= saturated_days.usable_value
    group by measurements.ci_id, measurements.resource, measurements.observed_date
    union all
    select
        ci_id,
        resource,
        observed_date,
        sum(weight_microseconds) / 1000000.0e0 as saturated_seconds
    from irregular_samples
    where value >= usable_value
    group by ci_id, resource, observed_date
),

final as (
    select
        days.ci_id,
        days.resource,
        days.observed_date,
        days.unit,
        days.sample_count,
        coalesce(irregular_days.covered_seconds, days.sample_count * days.interval_seconds) as covered_seconds,
        coalesce(irregular_days.demand_avg, days.value_sum / days.sample_count) as demand_avg,
        days.value_max as demand_max,
        coalesce(irregular_days.demand_p95, days.value_p95) as demand_p95,
        days.limit_value,
        days.threshold_ratio,
        days.usable_value,
        case when days.usable_value is not null then coalesce(saturated.saturated_seconds, 0) / 60.0e0 end
            as saturation_minutes
    from sampled_days as days
    left join irregular_days
        on days.ci_id = irregular_days.ci_id
        and days.resource = irregular_days.resource
        and days.observed_date = irregular_days.observed_date
    left join saturated
        on days.ci_id = saturated.ci_id
        and days.resource = saturated.resource
        and days.observed_date = saturated.observed_date
)

select * from final
