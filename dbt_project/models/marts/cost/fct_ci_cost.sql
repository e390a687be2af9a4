with allocation as (
    select * from {{ ref('fct_cost_allocation') }}
    where ci_id is not null
),

use_months as (
    select * from {{ ref('int_ci_use_monthly') }}
),

ci_months as (
    select
        ci_id,
        month_start_date,
        billing_currency,
        cast(count(distinct case when service_id <> '(unallocated)' then service_id end) as int) as service_count,
        {{ money_sum('billed_cost') }} as billed_cost,
        {{ money_sum('effective_cost') }} as effective_cost,
        {{ money_sum('headroom_cost') }} as headroom_cost,
        {{ money_sum('idle_cost') }} as idle_cost,
        {{ money_sum('unmeasured_cost') }} as unmeasured_cost
    from allocation
    group by ci_id, month_start_date, billing_currency
),

final as (
    select
        ci_months.ci_id,
        ci_months.month_start_date,
        ci_months.billing_currency,
        ci_months.service_count,
        ci_months.billed_cost,
        ci_months.effective_cost,
        use_months.need_ratio,
        use_months.peak_ratio,
        ci_months.headroom_cost,
        ci_months.idle_cost,
        ci_months.unmeasured_cost
    from ci_months
    left join use_months
        on ci_months.ci_id = use_months.ci_id and ci_months.month_start_date = use_months.month_start_date
)

select * from final
