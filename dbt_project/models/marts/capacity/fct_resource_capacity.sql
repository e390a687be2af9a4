{{ rebuilt_by('as_of_date') }}

with run_window as (
    select * from {{ ref('stg_run_window') }}
),

daily as (
    select * from {{ ref('fct_resource_utilisation_daily') }}
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

-- Percentile over the daily busy hours, or maximum over the daily maxima: never a percentile of a percentile.
windowed as (
    select
        daily.ci_id,
        daily.resource,
        run_window.as_of_date,
        run_window.demand_window_start_date,
        run_window.demand_window_days,
        run_window.default_threshold_ratio,
        max_by(daily.unit, daily.observed_date) as unit,
        max_by(daily.statistic, daily.observed_date) as statistic,
        {{ percentile('daily.demand_value', 0.95) }} as busy_hours_p95,
        max(daily.demand_value) as highest_value,
        cast(count(*) as int) as day_count,
        {{ exact_sum('daily.coverage_ratio') }} as covered_days
    from daily
    inner join run_window
        on daily.observed_date between run_window.demand_window_start_date and run_window.as_of_date
    group by
        daily.ci_id,
        daily.resource,
        run_window.as_of_date,
        run_window.demand_window_start_date,
        run_window.demand_window_days,
        run_window.default_threshold_ratio
),

joined as (
    select
        windowed.*,
        case when windowed.statistic = 'maximum' then highest_value else busy_hours_p95 end as demand_value,
        least(1.0e0, windowed.covered_days / windowed.demand_window_days) as coverage_ratio,
        coalesce(limits.limit_value, case when windowed.unit = '1' then 1.0e0 end) as limit_value,
        coalesce(
            ci_thresholds.threshold_ratio,
            thresholds_without_service.threshold_ratio,
            windowed.default_threshold_ratio
        ) as threshold_ratio
    from windowed
    left join limits
        on windowed.ci_id = limits.ci_id
        and windowed.resource = limits.resource
        and windowed.as_of_date = limits.observed_date
    left join ci_thresholds
        on windowed.ci_id = ci_thresholds.ci_id
        and windowed.resource = ci_thresholds.resource
        and windowed.as_of_date = ci_thresholds.observed_date
    left join thresholds_without_service
        on windowed.resource = thresholds_without_service.resource
        and windowed.as_of_date = thresholds_without_service.observed_date
),

final as (
    select
        ci_id,
        resource,
        as_of_date,
        unit,
        statistic,
        limit_value,
        threshold_ratio,
        limit_value * threshold_ratio as usable_value,
        demand_value,
        1 - demand_value / nullif(limit_value * threshold_ratio, 0) as headroom_ratio,
        demand_window_start_date,
        day_count,
        coverage_ratio,
        coverage_ratio < {{ var('low_coverage_ratio') }} as is_low_coverage
    from joined
)

select * from final
