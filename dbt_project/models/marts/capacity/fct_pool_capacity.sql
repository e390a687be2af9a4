{{ rebuilt_by('as_of_date') }}

with run_window as (
    select * from {{ ref('stg_run_window') }}
),

members as (
    select * from {{ ref('int_pool_member_capacity') }}
),

pool_demand as (
    select * from {{ ref('fct_pool_demand_daily') }}
),

pools as (
    {{ pool_survivors('members', 'as_of_date') }}
),

windowed as (
    select
        pool_demand.pool_id,
        {{ percentile('pool_demand.demand_value', 0.95) }} as busy_hours_p95,
        max(pool_demand.demand_value) as highest_value
    from pool_demand
    inner join run_window
        on pool_demand.observed_date between run_window.demand_window_start_date and run_window.as_of_date
    group by pool_demand.pool_id
),

with_demand as (
    select
        pools.*,
        case
            when pools.pooling = 'own' then pools.deciding_demand_value
            when pools.statistic = 'maximum' then windowed.highest_value
            else windowed.busy_hours_p95
        end as demand_value
    from pools
    left join windowed on pools.pool_id = windowed.pool_id
),

final as (
    select
        pool_id,
        service_id,
        redundancy_group,
        resource,
        as_of_date,
        unit,
        pooling,
        statistic,
        member_count,
        tolerance,
        usable_value,
        demand_value,
        1 - demand_value / nullif(usable_value, 0) as headroom_ratio,
        deciding_ci_id,
        coverage_ratio
    from with_demand
)

select * from final
