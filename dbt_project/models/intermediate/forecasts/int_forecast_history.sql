with run_window as (
    select history_start_date, as_of_date from {{ ref('stg_run_window') }}
),

resource_days as (
    select * from {{ ref('fct_resource_utilisation_daily') }}
),

pool_days as (
    select * from {{ ref('fct_pool_demand_daily') }}
),

series as (
    select series_id from {{ ref('int_forecast_series') }}
),

observed as (
    select
        'ci/' || ci_id || '/' || resource as series_id,
        observed_date,
        demand_value,
        coverage_ratio
    from resource_days
    union all
    select
        'pool/' || pool_id as series_id,
        observed_date,
        demand_value,
        coverage_ratio
    from pool_days
),

final as (
    select
        observed.series_id,
        observed.observed_date,
        observed.demand_value,
        observed.coverage_ratio
    from observed
    inner join series on observed.series_id = series.series_id
    inner join run_window
        on observed.observed_date between run_window.history_start_date and run_window.as_of_date
)

select * from final
