with service_cis as (
    select * from {{ ref('stg_service_cis') }}
),

final as (
    select
        service_id,
        ci_id,
        coalesce(redundancy_group, ci_id) as redundancy_group,
        cast(coalesce(tolerance, 0) as int) as tolerance,
        coalesce(share_ratio, 1.0e0) as share_ratio,
        valid_from,
        valid_to
    from service_cis
)

select * from final
