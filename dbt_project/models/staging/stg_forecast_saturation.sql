select
    series_id,
    as_of_date,
    p10_date,
    p50_date,
    p90_date,
    probability_within_horizon,
    probability_within_lead_time,
    lead_time_days,
    horizon_days,
    notes
from {{ source('landing', 'forecast_saturation') }}
