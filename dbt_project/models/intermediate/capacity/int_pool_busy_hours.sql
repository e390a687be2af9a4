with hourly as (
    select * from {{ ref('fct_resource_utilisation_hourly') }}
),

members as (
    select * from {{ ref('int_pool_member_days') }}
    where pooling = 'shared'
),

pool_hours as (
    select
        members.pool_id,
        members.observed_date,
        hourly.hour_at,
        {{ exact_sum("case when members.statistic = 'maximum' then hourly.demand_max else hourly.demand_avg end") }}
            as demand_value
    from members
    inner join hourly
        on members.ci_id = hourly.ci_id
        and members.resource = hourly.resource
        and members.observed_date = hourly.observed_date
    group by members.pool_id, members.observed_date, hourly.hour_at
),

ranked as (
    select
        *,
        row_number() over (partition by pool_id, observed_date order by demand_value desc, hour_at) as hour_rank
    from pool_hours
),

final as (
    select pool_id, observed_date, hour_at as busy_hour_at, demand_value
    from ranked
    where hour_rank = 1
)

select * from final
