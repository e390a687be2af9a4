{{ rebuilt_by_incident() }}

with events as (
    select * from {{ ref('stg_incident_events') }}
),

run_window as (
    select as_of_at from {{ ref('stg_run_window') }}
),

states as (
    select * from {{ ref('incident_states') }}
),

known as (
    select events.*
    from events
    inner join run_window on events.updated_at < run_window.as_of_at
    where {{ of_rebuilt_incidents('events.incident_id') }}
),

-- All that needs the order of the updates is found here, with one sort; what follows is joined or grouped.
{% set in_order = 'over (partition by incident_id order by updated_at, event_sequence)' -%}
ordered as (
    select
        *,
        row_number() {{ in_order }} as update_number,
        lead(updated_at) {{ in_order }} as next_update_at,
        lag(state) {{ in_order }} as previous_state,
        lag(team_id) {{ in_order }} as previous_team_id,
        lag(event_sequence) {{ in_order }} as previous_sequence,
        lag(reopen_count) {{ in_order }} as previous_reopen_count,
        lag(reassignment_count) {{ in_order }} as previous_reassignment_count
    from known
),

final as (
    select
        ordered.incident_id,
        ordered.event_sequence,
        ordered.updated_at,
        ordered.state,
        ordered.priority,
        ordered.title,
        ordered.category,
        ordered.service_id,
        ordered.ci_id,
        ordered.team_id,
        ordered.opened_at,
        ordered.resolved_at,
        ordered.closed_at,
        ordered.reassignment_count,
        ordered.reopen_count,
        ordered.problem_id,
        ordered.is_major,
        ordered.source_made_sla,
        ordered.is_derived,
        cast(ordered.update_number as int) as update_number,
        ordered.next_update_at,
        ordered.previous_state,
        ordered.previous_team_id,
        ordered.previous_sequence,
        coalesce(ordered.reopen_count < ordered.previous_reopen_count, false) as reopen_count_falls,
        coalesce(ordered.reassignment_count < ordered.previous_reassignment_count, false) as reassignment_count_falls,
        states.stops_clock and not coalesce(previous.stops_clock, false) as is_resolution,
        states.is_closed and not coalesce(previous.is_closed, false) as is_closure,
        not states.stops_clock and coalesce(previous.stops_clock, false) as is_reopening,
        coalesce(ordered.team_id <> ordered.previous_team_id, false) as is_reassignment
    from ordered
    inner join states on ordered.state = states.state
    left join states as previous on ordered.previous_state = previous.state
)

select * from final
{{ in_order_of('incident_id') }}
