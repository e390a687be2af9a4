with landed as (
    select * from {{ source('landing', 'services') }}
),

newest as (
    {{ newest_receipt('landed', ['service_id', 'valid_from']) }}
),

final as (
    select
        service_id,
        service_name,
        description,
        owner,
        team_id,
        criticality,
        calendar_id,
        critical_calendar_id,
        valid_from,
        valid_to
    from newest
)

select * from final
