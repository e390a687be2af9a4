{{ rebuilt_by('observed_date') }}

with traffic as (
    select * from {{ ref('int_service_traffic_hourly') }}
),

buckets as (
    select * from {{ ref('int_latency_buckets') }}
),

targets as (
    select * from {{ ref('int_service_targets_by_day') }}
    where measure = 'latency_seconds' and target_rank = 1
),

-- As for the day: the buckets of the hour are summed first, percentiles come after.
summed as (
    select
        service_id,
        {{ hour_of('observed_at') }} as hour_at,
        upper_bound,
        {{ exact_sum('bucket_count', digits=6) }} as bucket_count
    from buckets
    group by service_id, {{ hour_of('observed_at') }}, upper_bound
),

histograms as (
    select
        *,
        lag(upper_bound) over (partition by service_id, hour_at order by upper_bound) as lower_bound,
        sum(bucket_count) over (
            partition by service_id, hour_at order by upper_bound rows between unbounded preceding and current row
        ) as cumulative_count,
        sum(bucket_count) over (partition by service_id, hour_at) as total_count
    from summed
),

judged as (
    select
        histograms.*,
        targets.target_value,
        coalesce(targets.objective_ratio, 0.95e0) as objective_ratio
    from histograms
    left join targets
        on histograms.service_id = targets.service_id
        and cast(histograms.hour_at as date) = targets.observed_date
),

latency as (
    select
        service_id,
        hour_at,
        {{ exact_sum(
            "bucket_count * case"
            ~ " when upper_bound = " ~ infinity() ~ " then coalesce(lower_bound, 0)"
            ~ " when lower_bound > 0 then sqrt(lower_bound * upper_bound)"
            ~ " else upper_bound / 2 end"
        ) }} / nullif(max(total_count), 0) as latency_mean_seconds,
        {{ histogram_percentile(0.5) }} as latency_p50_seconds,
        {{ histogram_percentile(0.95) }} as latency_p95_seconds,
        {{ histogram_percentile_of_tail('objective_ratio') }} as latency_objective_seconds,
        max(objective_ratio) as latency_objective_ratio,
        max(target_value) as latency_target_seconds
    from judged
    group by service_id, hour_at
),

final as (
    select
        traffic.service_id,
        traffic.hour_at,
        traffic.observed_date,
        traffic.request_count,
        traffic.throughput_per_second,
        latency.latency_mean_seconds,
        latency.latency_p50_seconds,
        latency.latency_p95_seconds,
        latency.latency_objective_seconds,
        latency.latency_objective_ratio,
        latency.latency_target_seconds,
        traffic.throughput_per_second * latency.latency_mean_seconds as concurrent_requests,
        traffic.coverage_ratio
    from traffic
    left join latency
        on traffic.service_id = latency.service_id and traffic.hour_at = latency.hour_at
)

select * from final
