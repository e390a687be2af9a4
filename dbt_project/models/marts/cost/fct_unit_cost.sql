with demand as (
    select * from {{ ref('stg_business_demand') }}
),

run_window as (
    select as_of_date from {{ ref('stg_run_window') }}
),

service_cost as (
    select * from {{ ref('fct_service_cost') }}
    where service_id <> '(unallocated)'
),

kpis as (
    select * from {{ ref('stg_kpis') }}
    where measure = 'cost_efficiency' or formula = '1 - cost per unit of business demand / that of the baseline'
),

driver_months as (
    select
        demand.driver_id,
        demand.service_id,
        {{ month_of('demand.demand_date') }} as month_start_date,
        max_by(demand.driver_name, demand.demand_date) as driver_name,
        max_by(demand.unit, demand.demand_date) as unit,
        max(run_window.as_of_date) as as_of_date,
        cast(count(*) as int) as demand_days,
        {{ exact_sum('demand.value', 6) }} as demand_value
    from demand
    inner join run_window on demand.demand_date <= run_window.as_of_date
    group by demand.driver_id, demand.service_id, {{ month_of('demand.demand_date') }}
),

-- Cost is known for every elapsed day of the month; only those with demand can be set against it.
matched as (
    select
        driver_months.*,
        service_cost.billing_currency,
        service_cost.effective_cost,
        least(1.0e0, driver_months.demand_days / (
            {{ days_between(
                'driver_months.month_start_date',
                'least(' ~ end_of_month('driver_months.month_start_date') ~ ', driver_months.as_of_date)'
            ) }} + 1.0e0
        )) as coverage_ratio
    from driver_months
    inner join service_cost
        on driver_months.service_id = service_cost.service_id
        and driver_months.month_start_date = service_cost.month_start_date
),

compared as (
    select
        *,
        cast(effective_cost as double) * coverage_ratio as matched_cost
    from matched
),

baseline as (
    select max(baseline_start_date) as baseline_start_date, max(baseline_end_date) as baseline_end_date
    from kpis
    inner join run_window on {{ holds_on('kpis', 'run_window.as_of_date') }}
),

baseline_costs as (
    select
        compared.driver_id,
        compared.billing_currency,
        {{ exact_sum('compared.matched_cost', 9) }} / nullif({{ exact_sum('compared.demand_value', 6) }}, 0)
            as baseline_unit_cost
    from compared
    inner join baseline
        on compared.month_start_date >= baseline.baseline_start_date
        and {{ end_of_month('compared.month_start_date') }} <= baseline.baseline_end_date
    group by compared.driver_id, compared.billing_currency
),

final as (
    select
        compared.driver_id,
        compared.driver_name,
        compared.service_id,
        compared.month_start_date,
        compared.billing_currency,
        compared.unit,
        compared.demand_value,
        compared.demand_days,
        compared.coverage_ratio,
        compared.coverage_ratio < {{ var('low_coverage_ratio') }} as is_low_coverage,
        compared.effective_cost,
        {{ money('compared.matched_cost') }} as matched_cost,
        compared.matched_cost / nullif(compared.demand_value, 0) as unit_cost,
        baseline.baseline_start_date,
        baseline.baseline_end_date,
        baseline_costs.baseline_unit_cost,
        baseline_costs.baseline_unit_cost * compared.demand_value as cost_at_baseline,
        1 - compared.matched_cost / nullif(baseline_costs.baseline_unit_cost * compared.demand_value, 0)
            as efficiency_gain_ratio
    from compared
    cross join baseline
    left join baseline_costs
        on compared.driver_id = baseline_costs.driver_id
        and compared.billing_currency = baseline_costs.billing_currency
)

select * from final
