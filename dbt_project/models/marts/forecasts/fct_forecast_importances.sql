{{ rebuilt_by('as_of_date') }}

with forecast_importances as (
    select * from {{ ref('stg_forecast_importances') }}
),

run_window as (
    select as_of_date from {{ ref('stg_run_window') }}
),

final as (
    select
        forecast_importances.as_of_date,
        forecast_importances.feature,
        forecast_importances.mean_move
    from forecast_importances
    inner join run_window on forecast_importances.as_of_date = run_window.as_of_date
)

select * from final
