with run_window as (
    select as_of_date from {{ ref('stg_run_window') }}
),

budgets as (
    select
        all_budgets.*,
        run_window.as_of_date,
        {{ days_between('all_budgets.period_start_date', 'run_window.as_of_date') }} + 1 as elapsed_days,
        {{ days_between('all_budgets.period_start_date', 'all_budgets.period_end_date') }} + 1 as period_days,
        12 * (extract(year from run_window.as_of_date) - extract(year from all_budgets.period_start_date))
            + extract(month from run_window.as_of_date) - extract(month from all_budgets.period_start_date) + 1
            as elapsed_months,
        row_number() over (partition by all_budgets.budget_id order by all_budgets.valid_from desc) as version_rank
    from {{ ref('stg_budgets') }} as all_budgets
    inner join run_window
        on {{ holds_on('all_budgets', 'run_window.as_of_date') }}
        and run_window.as_of_date between all_budgets.period_start_date and all_budgets.period_end_date
),

costs as (
    select service_id, month_start_date, billing_currency, cast(effective_cost as double) as effective_cost
    from {{ ref('fct_service_cost') }}
),

thresholds as (
    select observed_date, service_id, threshold_ratio
    from {{ ref('int_thresholds_by_day') }}
    where resource = 'budget' and target_id is not null
),

spent as (
    select
        budgets.budget_id,
        count(distinct costs.month_start_date) as cost_months,
        {{ exact_sum('costs.effective_cost') }} as spent_value
    from budgets
    inner join costs
        on budgets.service_id = costs.service_id
        and budgets.currency = costs.billing_currency
        and costs.month_start_date between budgets.period_start_date and budgets.as_of_date
    where budgets.version_rank = 1
    group by budgets.budget_id
),

-- A budget is there to be spent: without an agreed threshold all of it may be used.
joined as (
    select
        budgets.*,
        coalesce(thresholds.threshold_ratio, 1.0e0) as threshold_ratio,
        budgets.amount * coalesce(thresholds.threshold_ratio, 1.0e0) as usable_value,
        spent.spent_value,
        spent.spent_value / budgets.elapsed_days as spent_per_day,
        least(1.0e0, coalesce(spent.cost_months, 0) / cast(budgets.elapsed_months as double)) as coverage_ratio
    from budgets
    left join spent on budgets.budget_id = spent.budget_id
    left join thresholds
        on budgets.service_id = thresholds.service_id and budgets.as_of_date = thresholds.observed_date
    where budgets.version_rank = 1
),

final as (
    select
        budget_id,
        as_of_date,
        service_id,
        currency,
        period_start_date,
        period_end_date,
        amount as limit_value,
        threshold_ratio,
        usable_value,
        spent_value as demand_now_value,
        spent_per_day * period_days as demand_value,
        case
            when spent_per_day > 0 and usable_value / spent_per_day < period_days
                then {{ add_days('period_start_date', 'floor(usable_value / spent_per_day)') }}
        end as run_out_date,
        coverage_ratio
    from joined
)

select * from final
