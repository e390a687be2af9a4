{{ config(materialized='view') }}

with run_window as (
    select as_of_at from {{ ref('stg_run_window') }}
),

clocks as (
    select * from {{ ref('stg_sla_clocks') }}
    where clock in (select clock from {{ ref('int_incident_agreements') }})
),

clock_rules as (
    select distinct clock, at_stop, calendar_of from clocks
),

states as (
    select state from {{ ref('incident_states') }}
),

moves as (
    select states.state, previous.state as previous_state
    from states
    cross join states as previous
    union all
    select state, cast(null as string) as previous_state
    from states
),

-- What each clock does in a state that follows another. A state that it does not name pauses it; what restarts at each
-- update is stopped by it.
effects as (
    select
        clock_rules.clock,
        clock_rules.at_stop,
        clock_rules.calendar_of,
        moves.state,
        moves.previous_state,
        case
            when clocks.effect = 'run' and clocks.after_state is distinct from moves.previous_state
                and clocks.after_state is not null then 'stop'
            when clocks.effect is not null then clocks.effect
            when clock_rules.at_stop = 'restart' then 'stop'
            else 'pause'
        end as effect
    from clock_rules
    cross join moves
    left join clocks on clock_rules.clock = clocks.clock and moves.state = clocks.state
),

-- After the first stop some clocks never run again.
last_stops as (
    select spans.incident_id, effects.clock, min(spans.span_number) as stop_number
    from {{ ref('int_incident_spans') }} as spans
    inner join effects
        on spans.state = effects.state
        and spans.previous_state is not distinct from effects.previous_state
    where effects.effect = 'stop' and effects.at_stop = 'end'
        and {{ of_rebuilt_incidents('spans.incident_id', ref('int_rebuilt_incidents'), 'is_ticking') }}
    group by spans.incident_id, effects.clock
),

not_counted as (
    select incident_id from {{ ref('int_incidents') }}
    where not counts_for_sla
),

counting as (
    select
        spans.*,
        effects.clock,
        effects.at_stop,
        effects.calendar_of,
        effects.effect
    from {{ ref('int_incident_spans') }} as spans
    inner join effects
        on spans.state = effects.state
        and spans.previous_state is not distinct from effects.previous_state
    left join not_counted on spans.incident_id = not_counted.incident_id
    left join last_stops on spans.incident_id = last_stops.incident_id and effects.clock = last_stops.clock
    where not_counted.incident_id is null
        and {{ of_rebuilt_incidents('spans.incident_id', ref('int_rebuilt_incidents'), 'is_ticking') }}
        and effects.effect <> 'stop'
        and (effects.at_stop <> 'restart' or effects.effect = 'run')
        and (last_stops.stop_number is null or spans.span_number < last_stops.stop_number)
),

teams as (
    select teams.team_id, teams.calendar_id
    from {{ ref('stg_teams') }} as teams
    inner join (select distinct calendar_id from {{ ref('stg_calendars') }}) as calendars
        on teams.calendar_id = calendars.calendar_id
),

final as (
    select
        counting.incident_id,
        counting.clock,
        counting.span_number,
        case when counting.at_stop = 'restart' then counting.span_number else 0 end as cycle_key,
        counting.effect,
        agreements.agreement_number,
        case
            when counting.calendar_of = 'team'
                then coalesce(agreements.target_calendar_id, teams.calendar_id, agreements.service_calendar_id)
            else coalesce(agreements.target_calendar_id, agreements.service_calendar_id)
        end as calendar_id,
        counting.starts_at,
        coalesce(counting.ends_at, run_window.as_of_at) as ends_at,
        counting.ends_at is null as is_current
    from counting
    cross join run_window
    left join {{ ref('int_incident_agreements') }} as agreements
        on counting.service_id is not distinct from agreements.service_id
        and counting.priority is not distinct from agreements.priority
        and counting.opened_date = agreements.opened_date
        and counting.clock = agreements.clock
    left join teams on counting.team_id = teams.team_id
)

select * from final
