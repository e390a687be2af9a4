{{ rebuilt_by('observed_date') }}

with run_days as (
    select * from {{ ref('stg_run_days') }}
),

demand as (
    select
        'ci/' || ci_id || '/' || resource as series_id,
        observed_date,
        demand_value
    from {{ ref('fct_resource_utilisation_daily') }}
    union all
    select
        'pool/' || pool_id as series_id,
        observed_date,
        demand_value
    from {{ ref('fct_pool_demand_daily') }}
),

actuals as (
    select demand.*
    from demand
    inner join run_days on demand.observed_date = run_days.observed_date
    where demand.demand_value is not null
),

compared as (
    select
        past.*,
        actuals.demand_value as actual_value,
        cast(round(past.quantile * 1000) as int) as permille
    from {{ ref('stg_past_forecasts') }} as past
    inner join actuals on past.series_id = actuals.series_id and past.target_date = actuals.observed_date
),

final as (
    select
        series_id,
        as_of_date as forecast_date,
        target_date as observed_date,
        cast(max(horizon_days) as int) as horizon_days,
        case
            when max(horizon_days) <= 7 then '1-7'
            when max(horizon_days) <= 30 then '8-30'
            when max(horizon_days) <= 90 then '31-90'
            else '91+'
        end as horizon_band,
        max(model) as model,
        coalesce(max(cast(is_replayed as int)), 0) = 1 as is_replayed,
        max(actual_value) as actual_value,
        max(case when permille = 500 then value end) as p50_value,
        max(case when permille = 100 then value end) as p10_value,
        max(case when permille = 900 then value end) as p90_value,
        max(case when permille = 500 then naive_value end) as naive_p50_value,
        max(scale_value) as scale_value,
        2 * {{ exact_sum(pinball('actual_value', 'value', 'quantile')) }} / count(*) as loss_value,
        2 * {{ exact_sum(pinball('actual_value', 'naive_value', 'quantile')) }} / count(naive_value) as naive_loss_value,
        max(case when promised_days >= horizon_days then promised_wql end) as promised_wql
    from compared
    group by series_id, as_of_date, target_date
)

select * from final
