{{ rebuilt_by('observed_date') }}

with spans as (
    select
        *,
        {{ microseconds_between('starts_at', 'ends_at') }} as known_microseconds
    from {{ ref('int_availability_spans') }}
),

days as (
    select
        service_id,
        observed_date,
        count(distinct ci_id) as endpoint_count,
        count(case when is_check then 1 end) as check_count,
        sum(known_microseconds) / 1000000.0e0 as known_seconds,
        {{ exact_sum('up_ratio * known_microseconds') }} / 1000000 as up_seconds
    from spans
    group by service_id, observed_date
),

final as (
    select
        service_id,
        observed_date,
        endpoint_count,
        check_count,
        cast(known_seconds as double) as known_seconds,
        up_seconds,
        up_seconds / nullif(known_seconds, 0) as availability_ratio,
        (known_seconds - up_seconds) / 60 / endpoint_count as downtime_minutes,
        least(1.0e0, known_seconds / (86400 * endpoint_count)) as coverage_ratio
    from days
)

select * from final
