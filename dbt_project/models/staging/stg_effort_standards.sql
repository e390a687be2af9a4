with landed as (
    select * from {{ source('landing', 'effort_standards') }}
),

newest as (
    {{ newest_receipt('landed', ['standard_id', 'valid_from']) }}
),

final as (
    select
        standard_id,
        ticket_kind,
        team_id,
        hours_per_ticket,
        valid_from,
        valid_to,
        approved_by,
        approved_at
    from newest
)

select * from final
