with landed as (
    select * from {{ source('landing', 'holidays') }}
),

newest as (
    {{ newest_receipt('landed', ['calendar_id', 'holiday_date']) }}
),

final as (
    select
        calendar_id,
        holiday_date,
        holiday_name
    from newest
)

select * from final
