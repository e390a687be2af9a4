{{ rebuilt_by('observed_date') }}

with run_days as (
    select observed_date from {{ ref('stg_run_days') }}
),

traffic as (
    select * from {{ ref('int_service_traffic_daily') }}
),

latency as (
    select * from {{ ref('int_service_latency_daily') }}
),

attainment as (
    select * from {{ ref('int_latency_attainment_daily') }}
    where target_rank = 1 and measure = 'latency_seconds'
),

-- Apdex: satisfied up to T, tolerating up to 4 T. T is agreed as such, else the latency target.
apdex_ranked as (
    select
        *,
        row_number() over (
            partition by service_id, observed_date
            order by case when measure = 'apdex_threshold_seconds' then 0 else 1 end
        ) as preference
    from {{ ref('int_latency_attainment_daily') }}
    where target_rank = 1
),

apdex as (
    select
        service_id,
        observed_date,
        target_value as threshold_seconds,
        (good_count + tolerated_count) / 2 / nullif(total_count, 0) as score
    from apdex_ranked
    where preference = 1 and tolerated_count is not null
),

availability as (
    select availability_days.*
    from {{ ref('int_service_availability_daily') }} as availability_days
    inner join run_days on availability_days.observed_date = run_days.observed_date
),

keys as (
    select service_id, observed_date from traffic
    union
    select service_id, observed_date from latency
    union
    select service_id, observed_date from availability
),

joined as (
    select
        keys.service_id,
        keys.observed_date,
        traffic.request_count,
        traffic.throughput_per_second,
        traffic.throughput_peak_per_second,
        traffic.error_ratio,
        latency.latency_p50_seconds,
        latency.latency_p95_seconds,
        latency.latency_p99_seconds,
        latency.latency_basis,
        attainment.target_value as latency_target_seconds,
        attainment.good_count / nullif(attainment.total_count, 0) as latency_good_ratio,
        apdex.threshold_seconds as apdex_threshold_seconds,
        apdex.score as apdex_score,
        availability.check_count,
        availability.availability_ratio,
        availability.downtime_minutes,
        least(traffic.coverage_ratio, latency.coverage_ratio, availability.coverage_ratio) as coverage_ratio
    from keys
    left join traffic
        on keys.service_id = traffic.service_id and keys.observed_date = traffic.observed_date
    left join latency
        on keys.service_id = latency.service_id and keys.observed_date = latency.observed_date
    left join attainment
        on keys.service_id = attainment.service_id and keys.observed_date = attainment.observed_date
    left join apdex
        on keys.service_id = apdex.service_id and keys.observed_date = apdex.observed_date
    left join availability
        on keys.service_id = availability.service_id and keys.observed_date = availability.observed_date
),

final as (
    select *, coverage_ratio < {{ var('low_coverage_ratio') }} as is_low_coverage
    from joined
)

select * from final
