with landed as (
    select * from {{ source('landing', 'calendars') }}
),

newest as (
    {{ newest_receipt('landed', ['calendar_id', 'weekday', 'opens', 'valid_from']) }}
),

final as (
    select
        calendar_id,
        zone,
        weekday,
        opens,
        closes,
        valid_from,
        valid_to
    from newest
)

select * from final
