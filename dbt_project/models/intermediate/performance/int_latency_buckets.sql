with buckets as (
    select * from {{ ref('stg_metric_histograms') }}
),

run_days as (
    select observed_date from {{ ref('stg_run_days') }}
),

plan as (
    select * from {{ ref('int_plan_by_day') }}
    where level = 'service' and resource = 'latency'
),

conversions as (
    select * from {{ ref('stg_unit_conversions') }}
    where kind = 'histogram'
),

endpoints as (
    select * from {{ ref('int_service_endpoints_by_day') }}
),

measured as (
    select
        endpoints.service_id,
        buckets.ci_id,
        buckets.metric,
        buckets.observed_at,
        buckets.observed_date,
        buckets.source_upper_bound * conversions.factor + conversions.offset_value as upper_bound,
        buckets.cumulative_count,
        buckets.interval_seconds
    from buckets
    inner join run_days on buckets.observed_date = run_days.observed_date
    inner join plan
        on buckets.metric = plan.metric and buckets.observed_date = plan.observed_date
    inner join conversions
        on buckets.source_unit = conversions.source_unit and plan.unit = conversions.canonical_unit
    inner join endpoints
        on buckets.ci_id = endpoints.ci_id and buckets.observed_date = endpoints.observed_date
),

-- Counts that fall from one bound to the next are raised, as Prometheus does.
final as (
    select
        service_id,
        ci_id,
        metric,
        observed_at,
        observed_date,
        upper_bound,
        interval_seconds,
        cumulative_count,
        greatest(
            0.0e0,
            cumulative_count - coalesce(
                max(cumulative_count) over (
                    partition by ci_id, metric, observed_at
                    order by upper_bound
                    rows between unbounded preceding and 1 preceding
                ),
                0
            )
        ) as bucket_count
    from measured
)

select * from final
