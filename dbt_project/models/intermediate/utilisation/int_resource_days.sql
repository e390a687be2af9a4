with sampled_days as (
    select * from {{ ref('int_sampled_days') }}
),

irregular_samples as (
    select * from {{ ref('int_irregular_samples') }}
),

-- The only figures of a regular day that its hours do not give.
regular_percentiles as (
    select
        measurements.ci_id,
        measurements.resource,
        measurements.observed_date,
        {{ percentile('measurements.value', 0.95) }} as demand_p95,
        count(case when measurements.value >= sampled_days.usable_value then 1 end) as saturated_count
    from {{ ref('int_measurements') }} as measurements
    inner join sampled_days
        on measurements.ci_id = sampled_days.ci_id
        and measurements.resource = sampled_days.resource
        and measurements.observed_date = sampled_days.observed_date
    where measurements.level = 'resource' and sampled_days.is_regular
    group by measurements.ci_id, measurements.resource, measurements.observed_date
),

irregular_days as (
    {{ weighted_rollup('irregular_samples', ['ci_id', 'resource', 'observed_date'], 0.95) }}
),

irregular_saturation as (
    select
        ci_id,
        resource,
        observed_date,
        sum(case when value >= usable_value then weight_microseconds else 0 end) / 1000000.0e0 as saturated_seconds
    from irregular_samples
    group by ci_id, resource, observed_date
),

measured as (
    select
        days.ci_id,
        days.resource,
        days.observed_date,
        days.sample_count * days.interval_seconds as covered_seconds,
        days.value_sum / days.sample_count as demand_avg,
        percentiles.demand_p95,
        percentiles.saturated_count * days.interval_seconds as saturated_seconds
    from sampled_days as days
    inner join regular_percentiles as percentiles
        on days.ci_id = percentiles.ci_id
        and days.resource = percentiles.resource
        and days.observed_date = percentiles.observed_date
    union all
    select
        irregular_days.ci_id,
        irregular_days.resource,
        irregular_days.observed_date,
        irregular_days.covered_seconds,
        irregular_days.demand_avg,
        irregular_days.demand_p95,
        irregular_saturation.saturated_seconds
    from irregular_days
    inner join irregular_saturation
        on irregular_days.ci_id = irregular_saturation.ci_id
        and irregular_days.resource = irregular_saturation.resource
        and irregular_days.observed_date = irregular_saturation.observed_date
),

final as (
    select
        days.ci_id,
        days.resource,
        days.observed_date,
        days.unit,
        days.sample_count,
        measured.covered_seconds,
        least(1.0e0, measured.covered_seconds / 86400) as coverage_ratio,
        measured.demand_avg,
        days.value_max as demand_max,
        measured.demand_p95,
        days.limit_value,
        days.threshold_ratio,
        days.usable_value,
        case when days.usable_value is not null then measured.saturated_seconds / 60 end as saturation_minutes
    from sampled_days as days
    inner join measured
        on days.ci_id = measured.ci_id
        and days.resource = measured.resource
        and days.observed_date = measured.observed_date
)

select * from final
