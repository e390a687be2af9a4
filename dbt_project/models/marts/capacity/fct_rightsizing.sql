{{ rebuilt_by('as_of_date') }}

with rightsizing as (
    select * from {{ ref('stg_rightsizing') }}
),

run_window as (
    select as_of_date from {{ ref('stg_run_window') }}
),

ci_costs as (
    select * from {{ ref('fct_ci_cost') }}
),

-- The newest month that has ended on the as-of day.
whole_months as (
    select
        ci_costs.ci_id,
        ci_costs.billing_currency,
        max_by(ci_costs.effective_cost, ci_costs.month_start_date) as effective_cost
    from ci_costs
    inner join run_window on {{ end_of_month('ci_costs.month_start_date') }} <= run_window.as_of_date
    group by ci_costs.ci_id, ci_costs.billing_currency
),

final as (
    select
        rightsizing.ci_id,
        rightsizing.as_of_date,
        rightsizing.ladder_id,
        rightsizing.present_size,
        rightsizing.proposed_size,
        rightsizing.direction,
        rightsizing.verdict,
        rightsizing.deciding_resource,
        rightsizing.required_value,
        rightsizing.size_limit_value,
        rightsizing.growth_ratio,
        rightsizing.present_monthly_cost,
        rightsizing.proposed_monthly_cost,
        rightsizing.present_monthly_cost - rightsizing.proposed_monthly_cost as monthly_saving,
        whole_months.effective_cost as effective_monthly_cost,
        (rightsizing.present_monthly_cost - rightsizing.proposed_monthly_cost)
            * cast(whole_months.effective_cost as double) / nullif(rightsizing.present_monthly_cost, 0)
            as effective_monthly_saving,
        rightsizing.currency,
        cast(rightsizing.tested_weeks as int) as tested_weeks,
        cast(rightsizing.breached_weeks as int) as breached_weeks,
        rightsizing.breach_ratio,
        rightsizing.breach_low_ratio,
        rightsizing.breach_high_ratio,
        cast(rightsizing.present_breached_weeks as int) as present_breached_weeks,
        cast(rightsizing.rejected_sizes as int) as rejected_sizes,
        rightsizing.reason
    from rightsizing
    inner join run_window on rightsizing.as_of_date = run_window.as_of_date
    left join whole_months
        on rightsizing.ci_id = whole_months.ci_id and rightsizing.currency = whole_months.billing_currency
)

select * from final
