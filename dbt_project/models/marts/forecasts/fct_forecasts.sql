{{ rebuilt_by('as_of_date') }}

with quantiles as (
    select * from {{ ref('stg_forecast_quantiles') }}
),

run_window as (
    select as_of_date from {{ ref('stg_run_window') }}
),

series as (
    select * from {{ ref('int_forecast_series') }}
),

final as (
    select
        quantiles.series_id,
        series.level,
        series.service_id,
        series.ci_id,
        series.pool_id,
        series.resource,
        series.unit,
        quantiles.as_of_date,
        quantiles.target_date,
        cast(quantiles.horizon_days as int) as horizon_days,
        quantiles.quantile,
        quantiles.value,
        quantiles.naive_value,
        quantiles.model,
        quantiles.notes
    from quantiles
    -- A new table takes in every forecast that was ever published; replays never were.
    inner join run_window on quantiles.as_of_date {{ '=' if is_incremental() else '<=' }} run_window.as_of_date
    left join series on quantiles.series_id = series.series_id
    where not coalesce(quantiles.is_replayed, false)
)

select * from final
