with requests as (
    select * from {{ ref('int_service_requests_hourly') }}
),

final as (
    select
        service_id,
        hour_at,
        observed_date,
        {{ exact_sum('request_count', digits=6) }} as request_count,
        {{ exact_sum('request_count / seconds') }} as throughput_per_second,
        least(1.0e0, {{ exact_sum('seconds') }} / (3600 * count(*))) as coverage_ratio
    from requests
    group by service_id, hour_at, observed_date
)

select * from final
