select
    series_id,
    as_of_date,
    model,
    wql,
    mase,
    coverage_80_ratio,
    naive_wql,
    naive_mase,
    window_count,
    error_shared_ratio,
    error_rho,
    error_service_ratio,
    spike_chance_ratio,
    spike_height_ratio,
    notes
from {{ source('landing', 'forecast_scores') }}
