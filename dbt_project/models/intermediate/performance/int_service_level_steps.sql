{{ rebuilt_by('observed_date') }}

-- What is finer than an hour of latency and errors: of the days on which some of it burned so fast that a page is possible, and of the
-- last hour of every day, which its burn rates are reported of. Five minutes, or the distance of the samples when that is longer.
with targets as (
    select by_day.*, 1 - {{ slo_ratio('by_day') }} as budget_ratio
    from {{ ref('int_service_targets_by_day') }} as by_day
    where by_day.measure in ('latency_seconds', 'error_ratio')
),

latency as (
    select service_id, observed_date, latency_basis from {{ ref('int_service_latency_daily') }}
),

measurements as (
    select *, {{ add_microseconds('observed_at', 'cast(interval_seconds * 1000000 as bigint)') }} as ended_at
    from {{ ref('int_service_measurements') }}
    where resource in ('response_time', 'latency_p95', 'errors', 'error_ratio') and interval_seconds < 3600
),

-- With the bounds of the whole day, as hours have.
buckets as (
    select
        buckets.service_id,
        buckets.observed_date,
        {{ add_microseconds('buckets.observed_at', 'cast(buckets.interval_seconds * 1000000 as bigint)') }} as ended_at,
        buckets.interval_seconds,
        buckets.upper_bound,
        histograms.lower_bound,
        buckets.bucket_count
    from {{ ref('int_latency_buckets') }} as buckets
    inner join {{ ref('int_latency_histogram_daily') }} as histograms
        on buckets.service_id = histograms.service_id
        and buckets.observed_date = histograms.observed_date
        and buckets.upper_bound = histograms.upper_bound
    where buckets.interval_seconds < 3600
),

slow_or_not as (
    select
        service_id, observed_date, ended_at, interval_seconds, 'histogram' as latency_basis, upper_bound, lower_bound, bucket_count
    from buckets
    union all
    select
        service_id,
        observed_date,
        ended_at,
        interval_seconds,
        case when resource = 'response_time' then 'samples' else 'percentile series' end as latency_basis,
        value as upper_bound,
        value as lower_bound,
        1.0e0 as bucket_count
    from measurements
    where resource in ('response_time', 'latency_p95')
),

slow as (
    select
        slow_or_not.service_id,
        targets.target_id,
        targets.budget_ratio,
        slow_or_not.observed_date,
        slow_or_not.ended_at,
        slow_or_not.interval_seconds,
        slow_or_not.bucket_count - {{ bucket_count_within('targets.target_value') }} as bad_count,
        slow_or_not.bucket_count as total_count
    from slow_or_not
    inner join latency
        on slow_or_not.service_id = latency.service_id
        and slow_or_not.observed_date = latency.observed_date
        and slow_or_not.latency_basis = latency.latency_basis
    inner join targets
        on slow_or_not.service_id = targets.service_id
        and slow_or_not.observed_date = targets.observed_date
        and targets.measure = 'latency_seconds'
),

traffic as (
    select * from {{ ref('int_service_traffic_hourly') }}
),

-- Requests are taken to come evenly within an hour; without any known each sample weighs the same.
failed as (
    select
        measurements.service_id,
        targets.target_id,
        targets.budget_ratio,
        measurements.observed_date,
        measurements.ended_at,
        measurements.interval_seconds,
        case
            when measurements.resource = 'errors'
                then least(measurements.value, traffic.throughput_per_second) * measurements.elapsed_seconds
            else measurements.value * coalesce(traffic.throughput_per_second * measurements.elapsed_seconds, 1.0e0)
        end as bad_count,
        coalesce(traffic.throughput_per_second * measurements.elapsed_seconds, 1.0e0) as total_count
    from measurements
    inner join targets
        on measurements.service_id = targets.service_id
        and measurements.observed_date = targets.observed_date
        and targets.measure = 'error_ratio'
    left join traffic
        on measurements.service_id = traffic.service_id and measurements.hour_at = traffic.hour_at
    where measurements.resource in ('errors', 'error_ratio')
),

slots as (
    select
        service_id,
        target_id,
        observed_date,
        max(budget_ratio) as budget_ratio,
        {{ five_minutes_since_epoch('ended_at') }} as slot_number,
        max(interval_seconds) as step_seconds,
        {{ exact_sum('greatest(bad_count, 0.0e0)') }} as bad_count,
        {{ exact_sum('total_count', digits=9) }} as total_count
    from (
        select * from slow
        union all
        select * from failed
        where bad_count is not null
    ) as judged
    where budget_ratio > 0
    group by service_id, target_id, observed_date, {{ five_minutes_since_epoch('ended_at') }}
),

ranked as (
    select
        *,
        max(bad_count / total_count / budget_ratio) over (
            partition by service_id, target_id, observed_date
        ) as highest_burn,
        max(slot_number) over (partition by service_id, target_id, observed_date) as last_slot_number
    from slots
    where total_count > 0
),

final as (
    select
        service_id,
        target_id,
        observed_date,
        slot_number,
        cast(greatest(5, step_seconds / 60) as double) as step_minutes,
        budget_ratio,
        bad_count,
        total_count
    from ranked
    where highest_burn >= 6 or slot_number > last_slot_number - 12
)

select * from final
