with measurements as (
    select * from {{ ref('int_service_measurements') }}
),

requests as (
    select * from {{ ref('int_service_requests_hourly') }}
),

hours as (
    select service_id, hour_at, observed_date, {{ exact_sum('request_count / seconds') }} as per_second
    from requests
    group by service_id, hour_at, observed_date
),

peaks as (
    select service_id, observed_date, max(per_second) as throughput_peak_per_second
    from hours
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

error_ci_days as (
    select
        service_id,
        ci_id,
        observed_date,
        {{ exact_sum('value * elapsed_seconds') }} / {{ exact_sum('elapsed_seconds') }} as per_second
    from measurements
    where resource = 'errors'
    group by service_id, ci_id, observed_date
),

error_days as (
    select service_id, observed_date, {{ exact_sum('per_second') }} as errors_per_second
    from error_ci_days
    group by service_id, observed_date
),

error_ratio_days as (
    select service_id, observed_date, {{ exact_sum('value') }} / count(*) as error_ratio
    from measurements
    where resource = 'error_ratio'
    group by service_id, observed_date
),

keys as (
    select service_id, observed_date from request_days
    union
    select service_id, observed_date from error_ratio_days
),

final as (
    select
        keys.service_id,
        keys.observed_date,
        request_days.request_count,
        request_days.throughput_per_second,
        peaks.throughput_peak_per_second,
        coalesce(
            error_days.errors_per_second / nullif(request_days.throughput_per_second, 0),
            error_ratio_days.error_ratio
        ) as error_ratio,
        request_days.coverage_ratio
    from keys
    left join request_days
        on keys.service_id = request_days.service_id and keys.observed_date = request_days.observed_date
    left join peaks
        on keys.service_id = peaks.service_id and keys.observed_date = peaks.observed_date
    left join error_days
        on keys.service_id = error_days.service_id and keys.observed_date = error_days.observed_date
    left join error_ratio_days
        on keys.service_id = error_ratio_days.service_id and keys.observed_date = error_ratio_days.observed_date
)

select * from final
