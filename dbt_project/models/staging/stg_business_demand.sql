with landed as (
    select * from {{ source('landing', 'business_demand') }}
),

newest as (
    {{ newest_receipt('landed', ['driver_id', 'demand_date']) }}
),

final as (
    select
        driver_id,
        driver_name,
        service_id,
        demand_date,
        value,
        unit
    from newest
)

select * from final
