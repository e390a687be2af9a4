select
    as_of_date,
    ci_id,
    resource,
    weekday,
    hour,
    zone,
    basis,
    expected_value,
    mad_value,
    scale_value
from {{ source('landing', 'resource_baselines') }}
