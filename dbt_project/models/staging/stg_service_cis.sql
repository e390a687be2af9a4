with landed as (
    select * from {{ source('landing', 'service_cis') }}
),

newest as (
    {{ newest_receipt('landed', ['service_id', 'ci_id', 'valid_from']) }}
),

final as (
    select
        service_id,
        ci_id,
        redundancy_group,
        tolerance,
        share_ratio,
        valid_from,
        valid_to
    from newest
)

select * from final
