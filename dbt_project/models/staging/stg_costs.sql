with landed as (
    select * from {{ source('landing', 'costs') }}
),

newest as (
    {{ newest_receipt('landed', [
        'charge_period_start', 'charge_period_end', 'charge_category', 'charge_class', 'charge_description', 'resource_id',
        'service_name', 'sku_price_id', 'sub_account_id', 'billing_currency', 'x_line_id'
    ]) }}
),

final as (
    select
        receipt_id || '#' || cast(source_row as string) as x_charge_id,
        billing_account_id,
        sub_account_id,
        resource_id,
        service_name,
        service_category,
        sku_price_id,
        charge_category,
        charge_class,
        charge_description,
        charge_period_start,
        charge_period_end,
        {{ money('list_cost') }} as list_cost,
        {{ money('contracted_cost') }} as contracted_cost,
        {{ money('billed_cost') }} as billed_cost,
        {{ money('effective_cost') }} as effective_cost,
        billing_currency,
        x_line_id
    from newest
)

select * from final
