with landed as (
    select * from {{ source('landing', 'resource_limits') }}
),

newest as (
    {{ newest_receipt('landed', ['ci_id', 'resource', 'valid_from']) }}
),

final as (
    select
        ci_id,
        resource,
        limit_value,
        unit,
        valid_from,
        valid_to
    from newest
)

select * from final
