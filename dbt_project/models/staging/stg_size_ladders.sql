with landed as (
    select * from {{ source('landing', 'size_ladders') }}
),

newest as (
    {{ newest_receipt('landed', ['ladder_id', 'size_name', 'resource', 'valid_from']) }}
),

final as (
    select
        ladder_id,
        ci_kind,
        size_name,
        resource,
        limit_value,
        unit,
        monthly_cost,
        currency,
        valid_from,
        valid_to
    from newest
)

select * from final
