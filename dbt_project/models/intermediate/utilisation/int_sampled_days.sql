with hours as (
    select * from {{ ref('int_sampled_hours') }}
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
        cast(sum(sample_count) as bigint) as sample_count,
        {{ exact_sum('value_sum') }} as value_sum,
        max(value_max) as value_max,
        max(interval_max_seconds) as interval_seconds,
        min(metric) = max(metric)
        and min(interval_min_seconds) = max(interval_max_seconds)
        and min(offset_min_microseconds) = max(offset_max_microseconds)
        and min(elapsed_min_seconds) >= max(interval_max_seconds) as is_regular
    from hours
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
