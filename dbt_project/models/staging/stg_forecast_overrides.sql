with landed as (
    select * from {{ source('landing', 'forecast_overrides') }}
),

newest as (
    {{ newest_receipt('landed', ['override_id', 'valid_from']) }}
),

final as (
    select
        override_id,
        series_id,
        first_date,
        last_date,
        factor,
        value,
        author,
        reason,
        valid_from,
        valid_to
    from newest
)

select * from final
