-- Every event has exactly one cause among its detections. And a resource that is short or will be is one event: not one of
-- the threshold and another of the forecast.
with detections as (
    select * from {{ ref('fct_event_detections') }}
),

causes as (
    select
        events.event_id,
        count(detections.detection_id) as cause_count
    from {{ ref('fct_events') }} as events
    left join detections on events.event_id = detections.event_id and detections.is_cause
    group by events.event_id
),

doubled as (
    select one.event_id
    from detections as one
    inner join detections as other
        on one.ci_id = other.ci_id
        and one.resource = other.resource
        and one.event_id < other.event_id
    where one.is_open
        and other.is_open
        and one.source in ('threshold', 'forecast')
        and other.source in ('threshold', 'forecast')
)

select event_id from causes where cause_count <> 1
union all
select event_id from doubled
