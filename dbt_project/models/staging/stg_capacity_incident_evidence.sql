select
    incident_id,
    as_of_date,
    ci_id,
    resource,
    is_named_ci,
    saturated_minutes,
    peak_usage_ratio,
    started_at,
    ended_at,
    minutes_before_opening,
    evidence_rank
from {{ source('landing', 'capacity_incident_evidence') }}
