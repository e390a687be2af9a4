-- Reconciliation by two paths: incidents and updates in the mart, and distinct ones among the landed updates; of those incidents
-- that the run rebuilt from their updates. All others are as they were when this was last tested.
with known as (
    select events.incident_id
    from {{ ref('stg_incident_events') }} as events
    inner join {{ ref('stg_run_window') }} as run_window on events.updated_at < run_window.as_of_at
    where {{ of_rebuilt_incidents('events.incident_id') }}
),

landed as (
    select count(distinct incident_id) as incident_count, count(*) as event_count from known
),

modelled as (
    select count(*) as incident_count, coalesce(sum(event_count), 0) as event_count
    from {{ ref('fct_incidents') }}
    where {{ of_rebuilt_incidents('incident_id') }}
)

select
    landed.incident_count as landed_incidents,
    modelled.incident_count as modelled_incidents,
    landed.event_count as landed_events,
    modelled.event_count as modelled_events
from landed
cross join modelled
where landed.incident_count <> modelled.incident_count or landed.event_count <> modelled.event_count
