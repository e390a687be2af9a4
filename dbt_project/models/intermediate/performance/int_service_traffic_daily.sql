with requests as (
    select * from {{ ref('int_service_requests_hourly') }}
),

peaks as (
    select service_id, observed_date, max(throughput_per_second) as throughput_peak_per_second
    from {{ ref('int_service_traffic_hourly') }}
    group by service_id, observed_date
),

request_ci_days as (
    select
        service_id,
        ci_id,
        observed_date,
        {{ exact_sum('request_count', digits=6) }} as request_count,
        {{ exact_sum('seconds') }} as seconds
    from requests
    group by service_id, ci_id, observed_date
),

request_days as (
    select
        service_id,
        observed_date,
        {{ exact_sum('request_count', digits=6) }} as request_count,
        {{ exact_sum('request_count / seconds') }} as throughput_per_second,
        least(1.0e0, {{ exact_sum('seconds') }} / (86400 * count(*))) as coverage_ratio
    from request_ci_days
    group by service_id, observed_date
),

-- Requests whose failure is known, by the hour: hours weigh what came in them.
error_days as (
    select
        service_id,
        observed_date,
        {{ exact_sum('failed_count') }} as failed_count,
        {{ exact_sum('request_count', digits=6) }} as judged_count
    from {{ ref('int_service_errors_hourly') }}
    group by service_id, observed_date
),

keys as (
    select service_id, observed_date from request_days
    union
    select service_id, observed_date from error_days
),

final as (
    select
        keys.service_id,
        keys.observed_date,
        request_days.request_count,
        request_days.throughput_per_second,
        peaks.throughput_peak_per_second,
        error_days.failed_count / error_days.judged_count as error_ratio,
        error_days.failed_count,
        error_days.judged_count,
        request_days.coverage_ratio
    from keys
    left join request_days
        on keys.service_id = request_days.service_id and keys.observed_date = request_days.observed_date
    left join peaks
        on keys.service_id = peaks.service_id and keys.observed_date = peaks.observed_date
    left join error_days
        on keys.service_id = error_days.service_id and keys.observed_date = error_days.observed_date
)

select * from final
