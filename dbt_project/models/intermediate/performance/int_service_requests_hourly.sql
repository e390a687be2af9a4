with measurements as (
    select * from {{ ref('int_service_measurements') }}
    where resource in ('requests', 'throughput')
),

buckets as (
    select * from {{ ref('int_latency_buckets') }}
),

-- Requests and the seconds in which they came, from the best source that a service has on a day.
counted as (
    select
        service_id,
        ci_id,
        hour_at,
        observed_date,
        case when resource = 'requests' then 1 else 2 end as basis_rank,
        value * elapsed_seconds as request_count,
        elapsed_seconds as seconds
    from measurements
    union all
    select
        service_id,
        ci_id,
        {{ hour_of('observed_at') }} as hour_at,
        observed_date,
        3 as basis_rank,
        max(cumulative_count) as request_count,
        max(interval_seconds) as seconds
    from buckets
    group by service_id, ci_id, metric, observed_at, observed_date
),

ranked as (
    select *, min(basis_rank) over (partition by service_id, observed_date) as best_rank
    from counted
),

final as (
    select
        service_id,
        ci_id,
        hour_at,
        observed_date,
        {{ exact_sum('request_count') }} as request_count,
        {{ exact_sum('seconds') }} as seconds
    from ranked
    where basis_rank = best_rank
    group by service_id, ci_id, hour_at, observed_date
)

select * from final
