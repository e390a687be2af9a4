with landed as (
    select * from {{ source('landing', 'configuration_items') }}
),

newest as (
    {{ newest_receipt('landed', ['ci_id', 'valid_from']) }}
),

final as (
    select
        ci_id,
        ci_name,
        ci_kind,
        team_id,
        supplier_team_id,
        site,
        resource_id,
        ladder_id,
        size_name,
        valid_from,
        valid_to
    from newest
)

select * from final
