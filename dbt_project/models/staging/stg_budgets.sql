with landed as (
    select * from {{ source('landing', 'budgets') }}
),

newest as (
    {{ newest_receipt('landed', ['budget_id', 'valid_from']) }}
),

final as (
    select
        budget_id,
        service_id,
        period_start_date,
        period_end_date,
        amount,
        currency,
        owner,
        valid_from,
        valid_to,
        approved_by,
        approved_at
    from newest
)

select * from final
