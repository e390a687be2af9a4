{{ rebuilt_by('as_of_date') }}

with scores as (
    select * from {{ ref('stg_forecast_scores') }}
),

run_window as (
    select as_of_date from {{ ref('stg_run_window') }}
),

final as (
    select
        scores.series_id,
        scores.as_of_date,
        scores.model,
        scores.wql,
        scores.mase,
        scores.coverage_80_ratio,
        scores.naive_wql,
        scores.naive_mase,
        cast(scores.window_count as int) as window_count,
        scores.error_shared_ratio,
        scores.error_rho,
        scores.error_service_ratio,
        scores.spike_chance_ratio,
        scores.spike_height_ratio,
        scores.wql < scores.naive_wql as is_better_than_naive,
        scores.notes
    from scores
    inner join run_window on scores.as_of_date = run_window.as_of_date
)

select * from final
