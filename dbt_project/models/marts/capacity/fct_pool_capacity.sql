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

critical as (
    select * from {{ ref('int_pool_critical_demand') }}
),

-- Own pools: the (tolerance + 1)-th worst member decides, at each of the three moments for itself.
member_headroom as (
    select
        members.*,
        least(members.tolerance + 1, count(*) over (partition by members.pool_id)) as deciding_rank,
        max(members.now_hour_at) over (partition by members.pool_id) as pool_now_hour_at,
        {{ headroom('members.demand_now_value', 'members.usable_value') }} as headroom_now_ratio,
        {{ headroom('members.demand_peak_value', 'members.usable_value') }} as headroom_peak_ratio,
        {{ headroom('critical.demand_value', 'members.usable_value') }} as headroom_critical_ratio
    from members
    left join critical on members.pool_id = critical.pool_id and members.ci_id = critical.ci_id
),

member_ranks as (
    select
        *,
        row_number() over (partition by pool_id order by headroom_now_ratio asc nulls last) as now_rank,
        row_number() over (partition by pool_id order by headroom_peak_ratio asc nulls last) as peak_rank,
        row_number() over (partition by pool_id order by headroom_critical_ratio asc nulls last) as critical_rank
    from member_headroom
),

moments as (
    select
        pool_id,
        {{ exact_sum('case when now_hour_at = pool_now_hour_at then demand_now_value end') }} as demand_now_value,
        max(case when now_rank = deciding_rank then headroom_now_ratio end) as own_now_ratio,
        max(case when peak_rank = deciding_rank then headroom_peak_ratio end) as own_peak_ratio,
        max(case when critical_rank = deciding_rank then headroom_critical_ratio end) as own_critical_ratio,
        max(saturation_minutes) as saturation_minutes,
        max(resource_kind) as resource_kind,
        max(service_count) as service_count,
        {{ exact_sum('usable_value * share_ratio') }} / nullif({{ exact_sum('usable_value') }}, 0) as share_ratio
    from member_ranks
    group by pool_id
),

with_demand as (
    select
        pools.*,
        moments.resource_kind,
        moments.saturation_minutes,
        moments.demand_now_value,
        moments.own_now_ratio,
        moments.own_peak_ratio,
        moments.own_critical_ratio,
        moments.service_count,
        moments.share_ratio,
        windowed.highest_value as demand_peak_value,
        critical.demand_value as demand_critical_value,
        case
            when pools.pooling = 'own' then pools.deciding_demand_value
            when pools.statistic = 'maximum' then windowed.highest_value
            else windowed.busy_hours_p95
        end as demand_value
    from pools
    inner join moments on pools.pool_id = moments.pool_id
    left join windowed on pools.pool_id = windowed.pool_id
    left join critical on pools.pool_id = critical.pool_id and critical.ci_id is null
),

final as (
    select
        pool_id,
        service_id,
        redundancy_group,
        resource,
        as_of_date,
        resource_kind,
        unit,
        pooling,
        statistic,
        member_count,
        tolerance,
        usable_value,
        demand_value,
        {{ headroom('demand_value', 'usable_value') }} as headroom_ratio,
        case when pooling = 'own' then own_now_ratio else {{ headroom('demand_now_value', 'usable_value') }} end
            as headroom_now_ratio,
        case when pooling = 'own' then own_peak_ratio else {{ headroom('demand_peak_value', 'usable_value') }} end
            as headroom_peak_ratio,
        case
            when pooling = 'own' then own_critical_ratio
            else {{ headroom('demand_critical_value', 'usable_value') }}
        end as headroom_critical_ratio,
        saturation_minutes,
        deciding_ci_id,
        service_count,
        share_ratio,
        usable_value * share_ratio as reserved_value,
        coverage_ratio
    from with_demand
)

select * from final
