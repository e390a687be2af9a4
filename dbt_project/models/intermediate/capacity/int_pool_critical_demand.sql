with run_window as (
    select * from {{ ref('stg_run_window') }}
),

rules as (
    select * from {{ ref('int_resource_rules_by_day') }}
),

daily as (
    select * from {{ ref('int_critical_demand_daily') }}
),

windowed as (
    select
        daily.pool_id,
        daily.ci_id,
        daily.resource,
        run_window.as_of_date,
        {{ percentile('daily.demand_value', 0.95) }} as busy_hours_p95,
        max(daily.demand_value) as highest_value
    from daily
    inner join run_window
        on daily.observed_date between run_window.demand_window_start_date and run_window.as_of_date
    group by daily.pool_id, daily.ci_id, daily.resource, run_window.as_of_date
),

final as (
    select
        windowed.pool_id,
        windowed.ci_id,
        case when rules.statistic = 'maximum' then windowed.highest_value else windowed.busy_hours_p95 end
            as demand_value
    from windowed
    inner join rules on windowed.resource = rules.resource and windowed.as_of_date = rules.observed_date
)

select * from final
