with run_window as (
    select as_of_date from {{ ref('stg_run_window') }}
),

demand as (
    select * from {{ ref('stg_business_demand') }}
),

performance as (
    select service_id, observed_date, request_count from {{ ref('fct_service_performance_daily') }}
),

final as (
    select
        demand.driver_id,
        demand.driver_name,
        demand.service_id,
        demand.demand_date,
        demand.value as demand_units,
        demand.unit as driver_unit,
        performance.request_count,
        performance.request_count / nullif(demand.value, 0) as requests_per_unit
    from demand
    inner join run_window on demand.demand_date <= run_window.as_of_date
    left join performance
        on demand.service_id = performance.service_id and demand.demand_date = performance.observed_date
)

select * from final
