{{ rebuilt_by('as_of_date') }}

with members as (
    select * from {{ ref('int_pool_member_capacity') }}
),

final as (
    select
        service_id,
        ci_id,
        resource,
        as_of_date,
        resource_kind,
        unit,
        service_count,
        share_ratio,
        share_basis,
        usable_value * share_ratio as reserved_value,
        demand_value * share_ratio as used_value
    from members
    where service_count > 1
)

select * from final
