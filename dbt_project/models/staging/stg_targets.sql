with landed as (
    select * from {{ source('landing', 'targets') }}
),

newest as (
    {{ newest_receipt('landed', ['target_id', 'valid_from']) }}
),

final as (
    select
        target_id,
        service_id,
        measure,
        resource,
        priority,
        comparator,
        target_value,
        objective_ratio,
        calendar_id,
        coalesce(excludes_maintenance, false) as excludes_maintenance,
        valid_from,
        valid_to,
        approved_by,
        approved_at
    from newest
)

select * from final
