with measurements as (
    select * from {{ ref('int_service_measurements') }}
    where resource in ('errors', 'error_ratio')
),

traffic as (
    select * from {{ ref('int_service_traffic_hourly') }}
),

of_cis as (
    select
        service_id,
        observed_date,
        hour_at,
        max(interval_seconds) as step_seconds,
        {{ exact_sum("case when resource = 'errors' then value * elapsed_seconds end") }}
            / {{ exact_sum("case when resource = 'errors' then elapsed_seconds end") }} as errors_per_second,
        {{ exact_sum("case when resource = 'error_ratio' then value end") }} as ratio_sum,
        count(case when resource = 'error_ratio' then 1 end) as ratio_count
    from measurements
    group by service_id, ci_id, observed_date, hour_at
),

hours as (
    select
        service_id,
        observed_date,
        hour_at,
        max(step_seconds) as step_seconds,
        {{ exact_sum('errors_per_second') }} as errors_per_second,
        {{ exact_sum('ratio_sum') }} / nullif(sum(ratio_count), 0) as error_ratio
    from of_cis
    group by service_id, observed_date, hour_at
),

-- Failures that are counted, over their own time; else the ratio that the source gives. Without requests an hour weighs one.
judged as (
    select
        hours.service_id,
        hours.observed_date,
        hours.hour_at,
        hours.step_seconds,
        case
            when hours.errors_per_second is not null and traffic.throughput_per_second > 0
                then least(hours.errors_per_second / traffic.throughput_per_second, 1.0e0)
            else hours.error_ratio
        end as error_ratio,
        coalesce(traffic.request_count, 1.0e0) as request_count
    from hours
    left join traffic on hours.service_id = traffic.service_id and hours.hour_at = traffic.hour_at
),

final as (
    select
        service_id,
        observed_date,
        hour_at,
        cast(step_seconds as double) as step_seconds,
        greatest(error_ratio, 0.0e0) * request_count as failed_count,
        request_count
    from judged
    where error_ratio is not null and request_count > 0
)

select * from final
