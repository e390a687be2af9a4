select
    metric,
    unit as source_unit,
    kind,
    observed_date,
    receipt_id
from {{ source('landing', 'sample_parts') }}
