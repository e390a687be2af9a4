{{ rebuilt_by('observed_date') }}

with latency as (
    select service_id, observed_date, latency_basis from {{ ref('int_service_latency_daily') }}
),

targets as (
    select * from {{ ref('int_service_targets_by_day') }}
    where measure in ('latency_seconds', 'error_ratio')
),

buckets as (
    select * from {{ ref('int_latency_buckets') }}
),

measurements as (
    select * from {{ ref('int_service_measurements') }}
    where resource in ('response_time', 'latency_p95')
),

critical_hours as (
    select * from {{ ref('int_critical_hours') }}
),

hourly_buckets as (
    select
        service_id,
        observed_date,
        {{ hour_of('observed_at') }} as hour_at,
        upper_bound,
        max(interval_seconds) as step_seconds,
        {{ exact_sum('bucket_count', digits=6) }} as bucket_count
    from buckets
    group by service_id, observed_date, {{ hour_of('observed_at') }}, upper_bound
),

-- With the bounds of the whole day, so that hours add up to the day.
bounded as (
    select hourly_buckets.*, histograms.lower_bound
    from hourly_buckets
    inner join {{ ref('int_latency_histogram_daily') }} as histograms
        on hourly_buckets.service_id = histograms.service_id
        and hourly_buckets.observed_date = histograms.observed_date
        and hourly_buckets.upper_bound = histograms.upper_bound
),

from_histograms as (
    select
        bounded.service_id,
        targets.target_id,
        bounded.observed_date,
        bounded.hour_at,
        max(bounded.step_seconds) as step_seconds,
        {{ exact_sum('bounded.bucket_count', digits=6) }} as total_count,
        {{ exact_sum(bucket_count_within('targets.target_value')) }} as good_count
    from bounded
    inner join targets
        on bounded.service_id = targets.service_id
        and bounded.observed_date = targets.observed_date
        and targets.measure = 'latency_seconds'
    inner join latency
        on bounded.service_id = latency.service_id
        and bounded.observed_date = latency.observed_date
        and latency.latency_basis = 'histogram'
    group by bounded.service_id, targets.target_id, bounded.observed_date, bounded.hour_at
),

from_samples as (
    select
        measurements.service_id,
        targets.target_id,
        measurements.observed_date,
        measurements.hour_at,
        max(measurements.interval_seconds) as step_seconds,
        cast(count(*) as double) as total_count,
        cast(count(case when measurements.value <= targets.target_value then 1 end) as double) as good_count
    from measurements
    inner join latency
        on measurements.service_id = latency.service_id
        and measurements.observed_date = latency.observed_date
        and case latency.latency_basis
            when 'samples' then 'response_time'
            when 'percentile series' then 'latency_p95'
        end = measurements.resource
    inner join targets
        on measurements.service_id = targets.service_id
        and measurements.observed_date = targets.observed_date
        and targets.measure = 'latency_seconds'
    group by measurements.service_id, targets.target_id, measurements.observed_date, measurements.hour_at
),

from_errors as (
    select
        errors.service_id,
        targets.target_id,
        errors.observed_date,
        errors.hour_at,
        errors.step_seconds,
        errors.failed_count as bad_count,
        errors.request_count as total_count
    from {{ ref('int_service_errors_hourly') }} as errors
    inner join targets
        on errors.service_id = targets.service_id
        and errors.observed_date = targets.observed_date
        and targets.measure = 'error_ratio'
),

judged as (
    select
        service_id, target_id, 'latency_seconds' as measure, observed_date, hour_at, step_seconds, total_count - good_count as bad_count, total_count
    from from_histograms
    union all
    select
        service_id, target_id, 'latency_seconds' as measure, observed_date, hour_at, step_seconds, total_count - good_count as bad_count, total_count
    from from_samples
    union all
    select service_id, target_id, 'error_ratio' as measure, observed_date, hour_at, step_seconds, bad_count, total_count
    from from_errors
    union all
    select service_id, target_id, 'throughput_per_second' as measure, observed_date, hour_at, 3600.0e0 as step_seconds, bad_count, total_count
    from {{ ref('int_throughput_level_hours') }}
),

final as (
    select
        judged.service_id,
        judged.target_id,
        judged.measure,
        judged.observed_date,
        judged.hour_at,
        critical_hours.hour_at is not null as is_critical,
        cast(judged.step_seconds as double) as step_seconds,
        greatest(judged.bad_count, 0.0e0) as bad_count,
        judged.total_count
    from judged
    left join critical_hours
        on judged.service_id = critical_hours.service_id and judged.hour_at = critical_hours.hour_at
    where judged.total_count > 0
)

select * from final
