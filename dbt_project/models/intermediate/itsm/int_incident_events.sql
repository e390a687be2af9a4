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
    select
        events.*,
        states.is_open,
        states.stops_clock,
        states.is_closed,
        states.counts_for_sla
    from events
    inner join run_window on events.updated_at < run_window.as_of_at
    inner join states on events.state = states.state
),

with_previous as (
    select
        *,
        lag(stops_clock) over (
            partition by incident_id order by updated_at, event_sequence
        ) as previous_stops_clock,
        lag(is_closed) over (partition by incident_id order by updated_at, event_sequence) as previous_is_closed,
        lag(team_id) over (partition by incident_id order by updated_at, event_sequence) as previous_team_id,
        -- In the order of the others, so that one sort serves them all.
        count(*) over (
            partition by incident_id order by updated_at, event_sequence
            rows between current row and unbounded following
        ) as newest_rank
    from known
),

final as (
    select
        *,
        stops_clock and not coalesce(previous_stops_clock, false) as is_resolution,
        is_closed and not coalesce(previous_is_closed, false) as is_closure,
        not stops_clock and coalesce(previous_stops_clock, false) as is_reopening,
        coalesce(team_id <> previous_team_id, false) as is_reassignment
    from with_previous
)

select * from final
