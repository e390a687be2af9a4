with buckets as (
    select * from {{ ref('int_latency_buckets') }}
),

-- Counts add up, percentiles do not: the buckets of the day are summed first. Summing what each bucket holds (rather than
-- cumulative counts) stays right when sources use different bounds.
summed as (
    select
        service_id,
        observed_date,
        upper_bound,
        {{ exact_sum('bucket_count', digits=6) }} as bucket_count
    from buckets
    group by service_id, observed_date, upper_bound
),

final as (
    select
        service_id,
        observed_date,
        upper_bound,
        lag(upper_bound) over (partition by service_id, observed_date order by upper_bound) as lower_bound,
        bucket_count,
        sum(bucket_count) over (
            partition by service_id, observed_date
            order by upper_bound
            rows between unbounded preceding and current row
        ) as cumulative_count,
        sum(bucket_count) over (
            partition by service_id, observed_date
            order by upper_bound
            rows between unbounded preceding and unbounded following
        ) as total_count
    from summed
)

select * from final
