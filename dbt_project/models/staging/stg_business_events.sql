with landed as (
    select * from {{ source('landing', 'business_events') }}
),

newest as (
    {{ newest_receipt('landed', ['event_id']) }}
),

final as (
    select
        event_id,
        title,
        service_id,
        resource,
        first_date,
        last_date,
        expected_factor,
        owner
    from newest
)

select * from final
