with measurements as (
    select * from {{ ref('int_measurements') }}
    where level = 'resource'
),

placed as (
    select
        *,
        {{ microseconds_between('cast(observed_date as timestamp)', 'observed_at') }}
        % cast(interval_seconds * 1000000 as bigint) as offset_microseconds
    from measurements
),

final as (
    select
        ci_id,
        resource,
        metric,
        unit,
        hour_at,
        observed_date,
        count(*) as sample_count,
        {{ exact_sum('value') }} as value_sum,
        min(value) as value_min,
        max(value) as value_max,
        {{ percentile('value', 0.95) }} as value_p95,
        min(interval_seconds) as interval_min_seconds,
        max(interval_seconds) as interval_max_seconds,
        min(elapsed_seconds) as elapsed_min_seconds,
        min(offset_microseconds) as offset_min_microseconds,
        max(offset_microseconds) as offset_max_microseconds
    from placed
    group by ci_id, resource, metric, unit, hour_at, observed_date
)

select * from final
