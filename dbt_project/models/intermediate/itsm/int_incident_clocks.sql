with incidents as (
    select * from {{ ref('fct_incidents') }}
),

states as (
    select state, counts_for_sla from {{ ref('incident_states') }}
),

targets as (
    select * from {{ ref('stg_targets') }}
    where measure = 'incident_resolution_minutes'
),

services as (
    select * from {{ ref('stg_services') }}
),

calendars as (
    select distinct calendar_id from {{ ref('stg_calendars') }}
),

run_window as (
    select as_of_at from {{ ref('stg_run_window') }}
),

-- The target in force when the incident was opened, the most specific one first.
candidates as (
    select
        incidents.incident_id,
        incidents.service_id,
        incidents.priority,
        incidents.opened_at,
        incidents.opened_date,
        incidents.resolved_at,
        targets.target_id,
        targets.target_value,
        targets.calendar_id as target_calendar_id,
        row_number() over (
            partition by incidents.incident_id
            order by
                case when targets.service_id is null then 1 else 0 end,
                case when targets.priority is null then 1 else 0 end,
                targets.valid_from desc,
                targets.target_id
        ) as specificity_rank
    from incidents
    inner join states on incidents.state = states.state and states.counts_for_sla
    inner join targets
        on {{ holds_on('targets', 'incidents.opened_date') }}
        and (targets.service_id is null or targets.service_id = incidents.service_id)
        and (targets.priority is null or targets.priority = incidents.priority)
),

service_calendars as (
    select
        candidates.incident_id,
        services.calendar_id,
        row_number() over (partition by candidates.incident_id order by services.valid_from desc) as version_rank
    from candidates
    inner join services
        on candidates.service_id = services.service_id
        and {{ holds_on('services', 'candidates.opened_date') }}
    where candidates.specificity_rank = 1
),

final as (
    select
        candidates.incident_id,
        candidates.service_id,
        candidates.priority,
        candidates.target_id,
        calendars.calendar_id,
        candidates.opened_at as started_at,
        candidates.resolved_at as stopped_at,
        coalesce(candidates.resolved_at, run_window.as_of_at) as measured_until_at,
        candidates.target_value as target_minutes
    from candidates
    cross join run_window
    left join service_calendars
        on candidates.incident_id = service_calendars.incident_id and service_calendars.version_rank = 1
    left join calendars
        on coalesce(candidates.target_calendar_id, service_calendars.calendar_id) = calendars.calendar_id
    where candidates.specificity_rank = 1
)

select * from final
