{{ rebuilt_by('observed_date') }}

with members as (
    select * from {{ ref('int_pool_member_days') }}
),

critical_hours as (
    select * from {{ ref('int_critical_hours') }}
),

hourly as (
    select * from {{ ref('fct_resource_utilisation_hourly') }}
),

member_hours as (
    select
        members.pool_id,
        members.ci_id,
        members.resource,
        members.pooling,
        members.observed_date,
        hourly.hour_at,
        case when members.statistic = 'maximum' then hourly.demand_max else hourly.demand_avg end as demand_value
    from members
    inner join critical_hours
        on members.service_id = critical_hours.service_id
        and members.observed_date = critical_hours.observed_date
    inner join hourly
        on members.ci_id = hourly.ci_id
        and members.resource = hourly.resource
        and members.observed_date = hourly.observed_date
        and critical_hours.hour_at = hourly.hour_at
),

pool_hours as (
    select
        pool_id,
        resource,
        observed_date,
        hour_at,
        {{ exact_sum('demand_value') }} as demand_value
    from member_hours
    where pooling = 'shared'
    group by pool_id, resource, observed_date, hour_at
),

final as (
    select
        pool_id,
        ci_id,
        resource,
        observed_date,
        max(demand_value) as demand_value
    from member_hours
    group by pool_id, ci_id, resource, observed_date
    union all
    select
        pool_id,
        cast(null as string) as ci_id,
        resource,
        observed_date,
        max(demand_value) as demand_value
    from pool_hours
    group by pool_id, resource, observed_date
)

select * from final
