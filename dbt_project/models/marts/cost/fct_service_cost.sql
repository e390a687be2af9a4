with allocation as (
    select * from {{ ref('fct_cost_allocation') }}
),

run_window as (
    select as_of_date from {{ ref('stg_run_window') }}
),

final as (
    select
        allocation.service_id,
        allocation.month_start_date,
        allocation.billing_currency,
        max({{ end_of_month('allocation.month_start_date') }} > run_window.as_of_date) as is_partial_month,
        {{ money_sum('allocation.billed_cost') }} as billed_cost,
        {{ money_sum('allocation.effective_cost') }} as effective_cost,
        {{ money_sum("case when allocation.allocated_method_id = 'direct' then allocation.effective_cost else 0 end") }}
            as direct_cost,
        {{ money_sum("case when allocation.allocated_method_id in ('agreed_share', 'measured_use', 'equal_share')"
            ~ " then allocation.effective_cost else 0 end") }} as shared_cost,
        {{ money_sum("case when allocation.charge_category = 'Usage' then allocation.effective_cost else 0 end") }}
            as usage_cost,
        {{ money_sum("case when allocation.charge_category = 'Purchase' then allocation.effective_cost else 0 end") }}
            as purchase_cost,
        {{ money_sum("case when allocation.charge_category = 'Tax' then allocation.effective_cost else 0 end") }}
            as tax_cost,
        {{ money_sum("case when allocation.charge_category = 'Credit' then allocation.effective_cost else 0 end") }}
            as credit_cost,
        {{ money_sum("case when allocation.charge_category = 'Adjustment' then allocation.effective_cost else 0 end") }}
            as adjustment_cost,
        coalesce({{ money_sum('allocation.headroom_cost') }}, 0) as headroom_cost,
        coalesce({{ money_sum('allocation.idle_cost') }}, 0) as idle_cost,
        coalesce({{ money_sum('allocation.unmeasured_cost') }}, 0) as unmeasured_cost,
        cast(count(distinct allocation.ci_id) as int) as ci_count
    from allocation
    cross join run_window
    group by allocation.service_id, allocation.month_start_date, allocation.billing_currency
)

select * from final
