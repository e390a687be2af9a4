{{ rebuilt_by_incident(among='intermediate.int_rebuilt_incidents') }}

with incidents as (
    select * from {{ ref('int_incidents') }}
    where {{ of_rebuilt_incidents('incident_id', ref('int_rebuilt_incidents')) }}
),

lifecycles as (
    select * from {{ ref('int_incident_lifecycles') }}
    where {{ of_rebuilt_incidents('incident_id', ref('int_rebuilt_incidents')) }}
),

major as (
    select incident_id from {{ ref('stg_major_incidents') }}
),

run_window as (
    select as_of_at from {{ ref('stg_run_window') }}
),

-- The state that an incident is in lasts until the end of the as-of day.
measured as (
    select
        lifecycles.*,
        {{ microseconds_between('lifecycles.current_since_at', 'run_window.as_of_at') }} as current_microseconds
    from lifecycles
    cross join run_window
),

final as (
    select
        incidents.incident_id,
        incidents.service_id,
        incidents.ci_id,
        incidents.team_id,
        incidents.priority,
        incidents.category,
        incidents.title,
        incidents.state,
        incidents.opened_at,
        incidents.opened_date,
        incidents.resolved_at,
        incidents.closed_at,
        incidents.elapsed_resolution_minutes,
        incidents.event_count,
        incidents.reassignment_count,
        incidents.reopen_count,
        incidents.source_made_sla,
        incidents.is_derived,
        incidents.is_open,
        incidents.declared_major_at is not null or major.incident_id is not null as is_major,
        incidents.problem_id,
        measured.first_team_id,
        measured.team_count,
        measured.first_touch_at,
        {{ minutes_between('incidents.opened_at', 'measured.first_touch_at') }} as first_touch_minutes,
        incidents.first_resolved_at,
        incidents.last_reopening_at as last_reopened_at,
        incidents.resolved_at is not null
            and incidents.reassignment_count = 0
            and incidents.reopen_count = 0 as is_first_touch_resolved,
        {% for state in ['new', 'assigned', 'in_progress', 'on_hold', 'resolved'] -%}
        (measured.{{ state }}_microseconds + case when incidents.state = '{{ state }}' then measured.current_microseconds else 0 end)
            / 60000000.0e0 as {{ state }}_minutes,
        {% endfor -%}
        (measured.open_microseconds + case when incidents.is_open then measured.current_microseconds else 0 end)
            / 60000000.0e0 as open_minutes,
        case when incidents.is_open
            then {{ minutes_between('incidents.opened_at', 'run_window.as_of_at') }} / 1440
        end as backlog_age_days
    from incidents
    inner join measured on incidents.incident_id = measured.incident_id
    left join major on incidents.incident_id = major.incident_id
    cross join run_window
)

select * from final
