{{ rebuilt_by('observed_date') }}

with irregular_days as (
    select * from {{ ref('int_sampled_days') }}
    where not is_regular
),

irregular_samples as (
    select * from {{ ref('int_irregular_samples') }}
),

regular_hours as (
    select
        measurements.ci_id,
        measurements.resource,
        measurements.hour_at,
        measurements.observed_date,
        measurements.unit,
        count(*) as sample_count,
        count(*) * max(measurements.interval_seconds) as covered_seconds,
        {{ exact_sum('measurements.value') }} / count(*) as demand_avg,
        min(measurements.value) as demand_min,
        max(measurements.value) as demand_max,
        {{ percentile('measurements.value', 0.95) }} as demand_p95
    from {{ ref('int_measurements') }} as measurements
    left join irregular_days
        on measurements.ci_id = irregular_days.ci_id
        and measurements.resource = irregular_days.resource
        and measurements.observed_date = irregular_days.observed_date
    where measurements.level = 'resource' and irregular_days.ci_id is null
    group by
        measurements.ci_id,
        measurements.resource,
        measurements.hour_at,
        measurements.observed_date,
        measurements.unit
),

irregular_hours as (
    {{ weighted_rollup('irregular_samples', ['ci_id', 'resource', 'hour_at', 'observed_date', 'unit'], 0.95) }}
),

measured as (
    select * from regular_hours
    union all
    select * from irregular_hours
),

final as (
    select
        ci_id,
        resource,
        hour_at,
        observed_date,
        unit,
        sample_count,
        covered_seconds,
        least(1.0e0, covered_seconds / 3600) as coverage_ratio,
        least(1.0e0, covered_seconds / 3600) < {{ var('low_coverage_ratio') }} as is_low_coverage,
        demand_avg,
        demand_min,
        demand_max,
        demand_p95
    from measured
)

select * from final
