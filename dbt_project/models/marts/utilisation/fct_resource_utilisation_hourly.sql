{{ rebuilt_by('observed_date') }}

with measurements as (
    select * from {{ ref('int_measurements') }}
    where level = 'resource'
),

final as (
    select
        ci_id,
        resource,
        hour_at,
        observed_date,
        unit,
        count(*) as sample_count,
        least(1.0e0, {{ exact_sum('interval_seconds') }} / 3600) as coverage_ratio,
        {{ exact_sum('value') }} / count(*) as demand_avg,
        min(value) as demand_min,
        max(value) as demand_max,
        {{ percentile('value', 0.95) }} as demand_p95
    from measurements
    group by ci_id, resource, hour_at, observed_date, unit
)

select * from final
