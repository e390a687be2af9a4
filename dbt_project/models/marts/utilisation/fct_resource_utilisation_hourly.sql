{{ config(built_in_parts=true) }}
{{ rebuilt_by('observed_date') }}

with regular_days as (
    select * from {{ ref('int_sampled_days') }}
    where is_regular
),

irregular_samples as (
    select * from {{ ref('int_irregular_samples') }}
    where {{ in_part('observed_at') }}
),

-- In the unit as delivered, which is one on a regular day.
delivered as (
    select
        ci_id,
        metric,
        {{ hour_of('observed_at') }} as hour_at,
        count(*) as sample_count,
        {{ exact_sum('value') }} / count(*) as value_avg,
        min(value) as value_min,
        max(value) as value_max,
        {{ percentile('value', 0.95) }} as value_p95
    from {{ ref('int_samples') }}
    where {{ in_part('observed_at') }}
    group by ci_id, metric, {{ hour_of('observed_at') }}
),

regular_hours as (
    select
        delivered.ci_id,
        days.resource,
        delivered.hour_at,
        days.observed_date,
        days.unit,
        delivered.sample_count,
        delivered.sample_count * days.interval_seconds as covered_seconds,
        delivered.value_avg * days.factor + days.offset_value as demand_avg,
        delivered.value_min * days.factor + days.offset_value as demand_min,
        delivered.value_max * days.factor + days.offset_value as demand_max,
        delivered.value_p95 * days.factor + days.offset_value as demand_p95
    from delivered
    inner join regular_days as days
        on delivered.ci_id = days.ci_id
        and delivered.metric = days.first_metric
        and cast(delivered.hour_at as date) = days.observed_date
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
