with measurements as (
    select
        *,
        {{ microseconds_between('cast(observed_date as timestamp)', 'observed_at') }}
        % cast(interval_seconds * 1000000 as bigint) as offset_microseconds
    from {{ ref('int_measurements') }}
    where level = 'resource'
),

limits as (
    select * from {{ ref('int_limits_by_day') }}
),

ci_thresholds as (
    select * from {{ ref('int_ci_thresholds_by_day') }}
),

thresholds_without_service as (
    select * from {{ ref('int_thresholds_by_day') }}
    where service_id is null
),

-- Samples that lie on one grid of their interval stand for equal times, so nothing needs weights.
days as (
    select
        ci_id,
        resource,
        observed_date,
        unit,
        min(metric) as first_metric,
        max(metric) as last_metric,
        count(*) as sample_count,
        {{ exact_sum('value') }} as value_sum,
        max(value) as value_max,
        {{ percentile('value', 0.95) }} as value_p95,
        max(interval_seconds) as interval_seconds,
        min(interval_seconds) = max(interval_seconds)
        and min(offset_microseconds) = max(offset_microseconds)
        and min(elapsed_seconds) >= max(interval_seconds) as is_regular
    from measurements
    group by ci_id, resource, observed_date, unit
),

final as (
    select
        days.*,
        coalesce(limits.limit_value, case when days.unit = '1' then 1.0e0 end) as limit_value,
        coalesce(ci_thresholds.threshold_ratio, thresholds_without_service.threshold_ratio) as threshold_ratio,
        coalesce(limits.limit_value, case when days.unit = '1' then 1.0e0 end)
        * coalesce(ci_thresholds.threshold_ratio, thresholds_without_service.threshold_ratio) as usable_value
    from days
    left join limits
        on days.ci_id = limits.ci_id
        and days.resource = limits.resource
        and days.observed_date = limits.observed_date
    left join ci_thresholds
        on days.ci_id = ci_thresholds.ci_id
        and days.resource = ci_thresholds.resource
        and days.observed_date = ci_thresholds.observed_date
    left join thresholds_without_service
        on days.resource = thresholds_without_service.resource
        and days.observed_date = thresholds_without_service.observed_date
)

select * from final
