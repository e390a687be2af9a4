{{ rebuilt_by('as_of_date') }}

with run_window as (
    select * from {{ ref('stg_run_window') }}
),

daily as (
    select daily_rows.*
    from {{ ref('fct_resource_utilisation_daily') }} as daily_rows
    inner join run_window
        on daily_rows.observed_date between run_window.demand_window_start_date and run_window.as_of_date
),

hourly as (
    select hourly_rows.*
    from {{ ref('fct_resource_utilisation_hourly') }} as hourly_rows
    inner join run_window
        on hourly_rows.observed_date between run_window.demand_window_start_date and run_window.as_of_date
),

critical_days as (
    select
        critical.ci_id,
        critical.resource,
        critical.observed_date,
        max(critical.demand_value) as demand_value
    from {{ ref('int_critical_demand_daily') }} as critical
    inner join run_window
        on critical.observed_date between run_window.demand_window_start_date and run_window.as_of_date
    where critical.ci_id is not null
    group by critical.ci_id, critical.resource, critical.observed_date
),

rules as (
    select * from {{ ref('int_resource_rules_by_day') }}
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
        ci_id,
        resource,
        max_by(unit, observed_date) as unit,
        max_by(statistic, observed_date) as statistic,
        {{ percentile('demand_value', 0.95) }} as busy_hours_p95,
        max(demand_value) as demand_peak_value,
        max(observed_date) as latest_date,
        max_by(demand_value, observed_date) as demand_latest_day_value,
        {{ exact_sum('saturation_minutes') }} as saturation_minutes,
        cast(count(*) as int) as day_count,
        {{ exact_sum('coverage_ratio') }} as covered_days
    from daily
    group by ci_id, resource
),

peaks as (
    select
        daily.ci_id,
        daily.resource,
        min(daily.busy_hour_at) as peak_hour_at
    from daily
    inner join windowed
        on daily.ci_id = windowed.ci_id
        and daily.resource = windowed.resource
        and daily.demand_value = windowed.demand_peak_value
    group by daily.ci_id, daily.resource
),

latest_hours as (
    select
        hourly.ci_id,
        hourly.resource,
        max(hourly.hour_at) as now_hour_at,
        max_by(
            case when windowed.statistic = 'maximum' then hourly.demand_max else hourly.demand_avg end, hourly.hour_at
        ) as demand_now_value
    from hourly
    inner join windowed
        on hourly.ci_id = windowed.ci_id
        and hourly.resource = windowed.resource
        and hourly.observed_date = windowed.latest_date
    group by hourly.ci_id, hourly.resource
),

critical_window as (
    select
        ci_id,
        resource,
        cast(count(*) as int) as critical_day_count,
        {{ percentile('demand_value', 0.95) }} as busy_hours_p95,
        max(demand_value) as highest_value
    from critical_days
    group by ci_id, resource
),

measured as (
    select
        windowed.*,
        run_window.as_of_date,
        run_window.demand_window_start_date,
        run_window.demand_window_days,
        run_window.default_threshold_ratio,
        peaks.peak_hour_at,
        latest_hours.now_hour_at,
        latest_hours.demand_now_value,
        critical_window.critical_day_count,
        case
            when windowed.statistic = 'maximum' then critical_window.highest_value
            else critical_window.busy_hours_p95
        end as demand_critical_value,
        case
            when windowed.statistic = 'maximum' then windowed.demand_peak_value
            else windowed.busy_hours_p95
        end as demand_value
    from windowed
    cross join run_window
    inner join peaks on windowed.ci_id = peaks.ci_id and windowed.resource = peaks.resource
    inner join latest_hours on windowed.ci_id = latest_hours.ci_id and windowed.resource = latest_hours.resource
    left join critical_window
        on windowed.ci_id = critical_window.ci_id and windowed.resource = critical_window.resource
),

joined as (
    select
        measured.*,
        coalesce(rules.resource_kind, 'technical') as resource_kind,
        coalesce(limits.limit_value, case when measured.unit = '1' then 1.0e0 end) as limit_value,
        coalesce(
            ci_thresholds.threshold_ratio,
            thresholds_without_service.threshold_ratio,
            measured.default_threshold_ratio
        ) as threshold_ratio
    from measured
    left join rules
        on measured.resource = rules.resource and measured.as_of_date = rules.observed_date
    left join limits
        on measured.ci_id = limits.ci_id
        and measured.resource = limits.resource
        and measured.as_of_date = limits.observed_date
    left join ci_thresholds
        on measured.ci_id = ci_thresholds.ci_id
        and measured.resource = ci_thresholds.resource
        and measured.as_of_date = ci_thresholds.observed_date
    left join thresholds_without_service
        on measured.resource = thresholds_without_service.resource
        and measured.as_of_date = thresholds_without_service.observed_date
),

usable as (
    select
        *,
        limit_value * threshold_ratio as usable_value,
        least(1.0e0, covered_days / demand_window_days) as coverage_ratio
    from joined
),

final as (
    select
        ci_id,
        resource,
        as_of_date,
        resource_kind,
        unit,
        statistic,
        limit_value,
        threshold_ratio,
        usable_value,
        demand_value,
        {{ headroom('demand_value', 'usable_value') }} as headroom_ratio,
        now_hour_at,
        demand_now_value,
        {{ headroom('demand_now_value', 'usable_value') }} as headroom_now_ratio,
        latest_date,
        demand_latest_day_value,
        {{ headroom('demand_latest_day_value', 'usable_value') }} as headroom_latest_day_ratio,
        peak_hour_at,
        demand_peak_value,
        {{ headroom('demand_peak_value', 'usable_value') }} as headroom_peak_ratio,
        coalesce(critical_day_count, 0) as critical_day_count,
        demand_critical_value,
        {{ headroom('demand_critical_value', 'usable_value') }} as headroom_critical_ratio,
        saturation_minutes,
        demand_window_start_date,
        day_count,
        coverage_ratio,
        coverage_ratio < {{ var('low_coverage_ratio') }} as is_low_coverage
    from usable
)

select * from final
