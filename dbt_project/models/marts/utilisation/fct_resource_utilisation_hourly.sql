{{ rebuilt_by('observed_date') }}

with hours as (
    select * from {{ ref('int_sampled_hours') }}
),

days as (
    select * from {{ ref('int_sampled_days') }}
),

irregular_samples as (
    select * from {{ ref('int_irregular_samples') }}
),

irregular_hours as (
    {{ weighted_rollup('irregular_samples', ['ci_id', 'resource', 'hour_at', 'observed_date', 'unit'], 0.95) }}
),

measured as (
    select
        hours.ci_id,
        hours.resource,
        hours.hour_at,
        hours.observed_date,
        hours.unit,
        hours.sample_count,
        hours.sample_count * days.interval_seconds as covered_seconds,
        hours.value_sum / hours.sample_count as demand_avg,
        hours.value_min as demand_min,
        hours.value_max as demand_max,
        hours.value_p95 as demand_p95
    from hours
    inner join days
        on hours.ci_id = days.ci_id
        and hours.resource = days.resource
        and hours.observed_date = days.observed_date
    where days.is_regular
    union all
    select
        ci_id,
        resource,
        hour_at,
        observed_date,
        unit,
        sample_count,
        covered_seconds,
        demand_avg,
        demand_min,
        demand_max,
        demand_p95
    from irregular_hours
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
