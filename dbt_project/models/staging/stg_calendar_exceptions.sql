with landed as (
    select * from {{ source('landing', 'calendar_exceptions') }}
),

newest as (
    {{ newest_receipt('landed', ['calendar_id', 'exception_date', 'opens']) }}
),

final as (
    select calendar_id, exception_date, opens, closes, reason
    from newest
)

select * from final
