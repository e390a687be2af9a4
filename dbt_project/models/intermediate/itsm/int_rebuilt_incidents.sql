with changed as (
    select incident_id from {{ source('landing', 'run_incidents') }}
),

clocks as (
    select distinct clock, at_stop from {{ ref('stg_sla_clocks') }}
),

-- States in which some clock may run or pause: a state that a clock does not name pauses it, unless updates restart it.
ticking_states as (
    select distinct states.state
    from {{ ref('incident_states') }} as states
    cross join clocks
    left join {{ ref('stg_sla_clocks') }} as effects on clocks.clock = effects.clock and states.state = effects.state
    where states.counts_for_sla
        and coalesce(effects.effect, case when clocks.at_stop = 'restart' then 'stop' else 'pause' end) <> 'stop'
),

going_on as (
    select incidents.incident_id, ticking_states.state is not null as is_ticking
    from {{ ref('int_incidents') }} as incidents
    inner join {{ ref('incident_states') }} as states on incidents.state = states.state
    left join ticking_states on incidents.state = ticking_states.state
    where not states.is_closed or ticking_states.state is not null
),

-- What is new of an incident may have stopped its clocks.
final as (
    select going_on.incident_id, going_on.is_ticking or changed.incident_id is not null as is_ticking
    from going_on
    left join changed on going_on.incident_id = changed.incident_id
    union all
    select changed.incident_id, true as is_ticking
    from changed
    left join going_on on changed.incident_id = going_on.incident_id
    where going_on.incident_id is null
)

select * from final
