{{ rebuilt_by('as_of_date') }}

with forecast_models as (
    select * from {{ ref('stg_forecast_models') }}
),

run_window as (
    select as_of_date from {{ ref('stg_run_window') }}
),

final as (
    select
        forecast_models.as_of_date,
        forecast_models.method,
        forecast_models.seed,
        forecast_models.series_count,
        forecast_models.value_count,
        forecast_models.row_count,
        forecast_models.feature_count,
        forecast_models.origin_count,
        forecast_models.loss_ratio,
        forecast_models.coverage_80_ratio,
        forecast_models.tree_share_ratio,
        forecast_models.data_sha256,
        forecast_models.artefact_sha256,
        forecast_models.model_card
    from forecast_models
    inner join run_window on forecast_models.as_of_date = run_window.as_of_date
)

select * from final
