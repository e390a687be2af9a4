{{ rebuilt_by('as_of_date') }}

with members as (
    select * from {{ ref('int_pool_member_capacity') }}
),

capacity as (
    select ci_id, resource, as_of_date, limit_value from {{ ref('fct_resource_capacity') }}
),

final as (
    select
        members.pool_id,
        members.service_id,
        members.redundancy_group,
        members.resource,
        members.ci_id,
        members.as_of_date,
        members.unit,
        members.pooling,
        members.statistic,
        cast(members.tolerance as int) as tolerance,
        capacity.limit_value,
        members.usable_value,
        members.demand_value,
        {{ headroom('members.demand_value', 'members.usable_value') }} as headroom_ratio,
        members.share_ratio,
        members.coverage_ratio
    from members
    inner join capacity
        on members.ci_id = capacity.ci_id
        and members.resource = capacity.resource
        and members.as_of_date = capacity.as_of_date
)

select * from final
