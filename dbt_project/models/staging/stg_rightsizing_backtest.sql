select
    ci_id,
    as_of_date,
    size_name,
    decision_date,
    is_present,
    is_proposed,
    held_then,
    tested_weeks,
    breached_weeks,
    saved_cost,
    currency,
    reason
from {{ source('landing', 'rightsizing_backtest') }}
