{{ rebuilt_by('observed_date') }}

with members as (
    select * from {{ ref('int_pool_member_days') }}
),

busy_hours as (
    select * from {{ ref('int_pool_busy_hours') }}
),

pools as (
    {{ pool_survivors('members', 'observed_date') }}
),

final as (
    select
        pools.pool_id,
        pools.service_id,
        pools.redundancy_group,
        pools.resource,
        pools.observed_date,
        pools.unit,
        pools.pooling,
        pools.statistic,
        pools.member_count,
        pools.tolerance,
        coalesce(busy_hours.busy_hour_at, pools.deciding_busy_hour_at) as busy_hour_at,
        coalesce(busy_hours.demand_value, pools.deciding_demand_value) as demand_value,
        pools.usable_value,
        pools.coverage_ratio
    from pools
    left join busy_hours
        on pools.pool_id = busy_hours.pool_id and pools.observed_date = busy_hours.observed_date
)

select * from final
