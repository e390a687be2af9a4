-- Reconciliation to the last digit, by currency: what the bills say up to the as-of day, and what services and the
-- unallocated rest carry, by allocation and by service.
with bills as (
    select
        costs.billing_currency,
        {{ money_sum('costs.billed_cost') }} as billed_cost,
        {{ money_sum('costs.effective_cost') }} as effective_cost
    from {{ ref('stg_costs') }} as costs
    inner join {{ ref('stg_run_window') }} as run_window on costs.charge_period_start < run_window.as_of_at
    group by costs.billing_currency
),

charges as (
    select
        billing_currency,
        {{ money_sum('billed_cost') }} as billed_cost,
        {{ money_sum('effective_cost') }} as effective_cost,
        {{ money_sum('x_elapsed_billed_cost') }} as elapsed_billed_cost,
        {{ money_sum('x_elapsed_effective_cost') }} as elapsed_effective_cost
    from {{ ref('fct_cost') }}
    group by billing_currency
),

services as (
    select
        billing_currency,
        {{ money_sum('billed_cost') }} as billed_cost,
        {{ money_sum('effective_cost') }} as effective_cost,
        {{ money_sum('usage_cost + purchase_cost + tax_cost + credit_cost + adjustment_cost') }} as category_cost
    from {{ ref('fct_service_cost') }}
    group by billing_currency
)

select
    bills.billing_currency,
    bills.billed_cost,
    charges.billed_cost as charged_cost,
    charges.elapsed_billed_cost,
    services.billed_cost as service_billed_cost,
    charges.elapsed_effective_cost,
    services.effective_cost as service_effective_cost,
    services.category_cost
from bills
full outer join charges on bills.billing_currency = charges.billing_currency
full outer join services on charges.billing_currency = services.billing_currency
where bills.billed_cost is distinct from charges.billed_cost
    or bills.effective_cost is distinct from charges.effective_cost
    or charges.elapsed_billed_cost is distinct from services.billed_cost
    or charges.elapsed_effective_cost is distinct from services.effective_cost
    or services.effective_cost is distinct from services.category_cost
