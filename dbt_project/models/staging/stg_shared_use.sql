select
    ci_id,
    resource,
    service_id,
    as_of_date,
    use_ratio,
    use_ratio_low,
    use_ratio_high,
    r2_unseen,
    day_count,
    is_refused,
    reason
from {{ source('landing', 'shared_use') }}
