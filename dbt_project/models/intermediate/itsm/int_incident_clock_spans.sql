with run_window as (
    select as_of_at from {{ ref('stg_run_window') }}
),

counted as (
    select incidents.incident_id
    from {{ ref('int_incidents') }} as incidents
    inner join {{ ref('incident_states') }} as states on incidents.state = states.state and states.counts_for_sla
),

spans as (
    select spans.*
    from {{ ref('int_incident_spans') }} as spans
    inner join counted on spans.incident_id = counted.incident_id
),

clocks as (
    select * from {{ ref('stg_sla_clocks') }}
),

agreements as (
    select * from {{ ref('int_incident_agreements') }}
),

teams as (
    select teams.team_id, teams.calendar_id
    from {{ ref('stg_teams') }} as teams
    inner join (select distinct calendar_id from {{ ref('stg_calendars') }}) as calendars
        on teams.calendar_id = calendars.calendar_id
),

-- Only clocks for which something was agreed at some point of the incident.
agreed_clocks as (
    select distinct spans.incident_id, agreements.clock
    from spans
    inner join agreements
        on spans.service_id is not distinct from agreements.service_id
        and spans.priority is not distinct from agreements.priority
        and spans.opened_date = agreements.opened_date
),

clock_rules as (
    select distinct clock, at_stop, calendar_of from clocks
),

-- A state that a clock does not name pauses it; what restarts at each update is stopped by it.
with_effect as (
    select
        spans.*,
        clock_rules.clock,
        clock_rules.at_stop,
        clock_rules.calendar_of,
        case
            when clocks.effect = 'run' and clocks.after_state is distinct from spans.previous_state
                and clocks.after_state is not null then 'stop'
            when clocks.effect is not null then clocks.effect
            when clock_rules.at_stop = 'restart' then 'stop'
            else 'pause'
        end as effect
    from spans
    inner join agreed_clocks on spans.incident_id = agreed_clocks.incident_id
    inner join clock_rules on agreed_clocks.clock = clock_rules.clock
    left join clocks on clock_rules.clock = clocks.clock and spans.state = clocks.state
),

with_stops as (
    select
        *,
        sum(case when effect = 'stop' then 1 else 0 end) over (
            partition by incident_id, clock order by span_number
            rows between unbounded preceding and current row
        ) as stop_count,
        sum(case when effect = 'stop' then 1 else 0 end) over (partition by incident_id, clock) as all_stop_count,
        first_value(effect) over (
            partition by incident_id, clock order by span_number desc
        ) as last_effect
    from with_effect
),

final as (
    select
        with_stops.incident_id,
        with_stops.clock,
        with_stops.span_number,
        case when with_stops.at_stop = 'restart' then with_stops.span_number else 0 end as cycle_key,
        with_stops.effect,
        with_stops.service_id,
        with_stops.team_id,
        with_stops.priority,
        agreements.target_id,
        agreements.target_minutes,
        case
            when with_stops.calendar_of = 'team'
                then coalesce(agreements.target_calendar_id, teams.calendar_id, agreements.service_calendar_id)
            else coalesce(agreements.target_calendar_id, agreements.service_calendar_id)
        end as calendar_id,
        with_stops.starts_at,
        coalesce(with_stops.ends_at, run_window.as_of_at) as ends_at,
        with_stops.ends_at is null as is_current,
        case
            when with_stops.at_stop = 'restart' then with_stops.ends_at is not null
            when with_stops.at_stop = 'end' then with_stops.all_stop_count > 0
            else with_stops.last_effect = 'stop'
        end as is_stopped
    from with_stops
    cross join run_window
    left join agreements
        on with_stops.service_id is not distinct from agreements.service_id
        and with_stops.priority is not distinct from agreements.priority
        and with_stops.opened_date = agreements.opened_date
        and with_stops.clock = agreements.clock
    left join teams on with_stops.team_id = teams.team_id
    where with_stops.effect <> 'stop'
        and (with_stops.at_stop <> 'end' or with_stops.stop_count = 0)
        and (with_stops.at_stop <> 'restart' or with_stops.effect = 'run')
)

select * from final
