with landed as (
    select * from {{ source('landing', 'teams') }}
),

newest as (
    {{ newest_receipt('landed', ['team_id']) }}
),

final as (
    select
        team_id,
        team_name,
        calendar_id,
        headcount,
        ticket_hours_per_week,
        coalesce(is_supplier, false) as is_supplier
    from newest
)

select * from final
