with latency as (
    select service_id, observed_date, latency_basis from {{ ref('int_service_latency_daily') }}
),

histograms as (
    select * from {{ ref('int_latency_histogram_daily') }}
),

measurements as (
    select * from {{ ref('int_service_measurements') }}
    where resource in ('response_time', 'latency_p95')
),

targets as (
    select * from {{ ref('int_service_targets_by_day') }}
    where measure in ('latency_seconds', 'apdex_threshold_seconds')
),

judged_days as (
    select
        latency.service_id,
        latency.observed_date,
        latency.latency_basis,
        targets.measure,
        targets.target_id,
        targets.target_rank,
        targets.target_value
    from latency
    inner join targets
        on latency.service_id = targets.service_id and latency.observed_date = targets.observed_date
),

from_histograms as (
    select
        judged_days.service_id,
        judged_days.observed_date,
        judged_days.measure,
        judged_days.target_id,
        judged_days.target_rank,
        judged_days.target_value,
        {{ exact_sum(bucket_count_within('judged_days.target_value')) }} as good_count,
        {{ exact_sum(bucket_count_within('4 * judged_days.target_value')) }} as tolerated_count,
        max(histograms.total_count) as total_count
    from judged_days
    inner join histograms
        on judged_days.service_id = histograms.service_id
        and judged_days.observed_date = histograms.observed_date
    where judged_days.latency_basis = 'histogram'
    group by
        judged_days.service_id,
        judged_days.observed_date,
        judged_days.measure,
        judged_days.target_id,
        judged_days.target_rank,
        judged_days.target_value
),

from_measurements as (
    select
        judged_days.service_id,
        judged_days.observed_date,
        judged_days.measure,
        judged_days.target_id,
        judged_days.target_rank,
        judged_days.target_value,
        cast(count(case when measurements.value <= judged_days.target_value then 1 end) as double) as good_count,
        -- What a percentile series holds are not response times of requests: they cannot be counted as tolerated.
        case
            when judged_days.latency_basis = 'samples'
                then cast(count(case when measurements.value <= 4 * judged_days.target_value then 1 end) as double)
        end as tolerated_count,
        cast(count(*) as double) as total_count
    from judged_days
    inner join measurements
        on judged_days.service_id = measurements.service_id
        and judged_days.observed_date = measurements.observed_date
        and case judged_days.latency_basis
            when 'samples' then 'response_time'
            when 'percentile series' then 'latency_p95'
        end = measurements.resource
    group by
        judged_days.service_id,
        judged_days.observed_date,
        judged_days.latency_basis,
        judged_days.measure,
        judged_days.target_id,
        judged_days.target_rank,
        judged_days.target_value
),

final as (
    select * from from_histograms
    union all
    select * from from_measurements
)

select * from final
