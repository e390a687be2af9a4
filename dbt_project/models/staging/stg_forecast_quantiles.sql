select
    series_id,
    as_of_date,
    target_date,
    horizon_days,
    quantile,
    value,
    model,
    notes
from {{ source('landing', 'forecast_quantiles') }}
