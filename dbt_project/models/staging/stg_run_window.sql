select
    as_of_date,
    as_of_at,
    demand_window_start_date,
    history_start_date,
    horizon_days,
    demand_window_days,
    default_threshold_ratio,
    default_lead_time_days,
    warning_ratio,
    forecast_seed,
    rebuilds_all_records
from {{ source('landing', 'run_window') }}
