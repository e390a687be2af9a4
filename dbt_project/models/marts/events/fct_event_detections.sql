with detections as (
    select * from {{ ref('stg_capacity_event_detections') }}
),

events as (
    select event_id, as_of_date from {{ ref('fct_events') }}
),

final as (
    select
        detections.detection_id,
        detections.event_id,
        detections.source,
        detections.direction,
        detections.ci_id,
        detections.pool_id,
        detections.resource,
        detections.opened_at,
        detections.exception_at,
        detections.ended_at,
        detections.is_open,
        detections.category,
        detections.is_cause,
        detections.unit,
        detections.peak_value,
        detections.threshold_value,
        detections.score,
        detections.basis,
        detections.probability_within_lead_time,
        detections.decision_date,
        detections.as_of_date
    from detections
    inner join events
        on detections.event_id = events.event_id and detections.as_of_date = events.as_of_date
)

select * from final
