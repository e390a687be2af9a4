with costs as (
    select * from {{ ref('stg_costs') }}
),

run_window as (
    select as_of_date, as_of_at from {{ ref('stg_run_window') }}
),

cis as (
    select ci_id, coalesce(resource_id, ci_id) as resource_id from {{ ref('dim_ci') }}
),

-- Two CIs that bills call alike would charge one bill twice: the first by name gets it.
resources as (
    select resource_id, min(ci_id) as ci_id
    from cis
    group by resource_id
),

begun as (
    select
        costs.*,
        resources.ci_id as x_ci_id,
        {{ microseconds_between('costs.charge_period_start', 'costs.charge_period_end') }} as period_microseconds,
        {{ microseconds_between('costs.charge_period_start', 'run_window.as_of_at') }} as elapsed_microseconds
    from costs
    inner join run_window on costs.charge_period_start < run_window.as_of_at
    left join resources on costs.resource_id = resources.resource_id
),

rated as (
    select
        *,
        case
            when elapsed_microseconds >= period_microseconds then 1.0e0
            else elapsed_microseconds / cast(period_microseconds as double)
        end as x_elapsed_ratio
    from begun
),

final as (
    select
        x_charge_id,
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
        list_cost,
        contracted_cost,
        billed_cost,
        effective_cost,
        billing_currency,
        x_line_id,
        x_ci_id,
        x_elapsed_ratio,
        {{ money_part('billed_cost', 'x_elapsed_ratio') }} as x_elapsed_billed_cost,
        {{ money_part('effective_cost', 'x_elapsed_ratio') }} as x_elapsed_effective_cost
    from rated
)

select * from final
