select
    service_id,
    as_of_date,
    method,
    series,
    point_number,
    load,
    throughput_per_second,
    latency_seconds
from {{ source('landing', 'scalability_points') }}
