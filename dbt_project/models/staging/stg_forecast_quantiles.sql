select
    series_id,
    as_of_date,
    target_date,
    horizon_days,
    quantile,
    value,
    naive_value,
    scale_value,
    promised_wql,
    promised_days,
    is_replayed,
    model,
    notes
from {{ source('landing', 'forecast_quantiles') }}
