{{ rebuilt_by_incident(among='intermediate.int_rebuilt_incidents', where='is_ticking') }}

with incidents as (
    select incident_id, opened_at, resolved_at, source_made_sla
    from {{ ref('fct_incidents') }}
    where source_made_sla is not null and {{ of_rebuilt_incidents('incident_id', ref('int_rebuilt_incidents'), 'is_ticking') }}
),

clocks as (
    select * from {{ ref('fct_incident_sla') }}
    where clock = 'resolution' and {{ of_rebuilt_incidents('incident_id', ref('int_rebuilt_incidents'), 'is_ticking') }}
),

first_resolutions as (
    select incident_id, first_resolution_event_at as first_resolved_at
    from {{ ref('int_incidents') }}
    where {{ of_rebuilt_incidents('incident_id', ref('int_rebuilt_incidents'), 'is_ticking') }}
),

waits as (
    select incident_id, sum({{ minutes_between('starts_at', 'ends_at') }}) as waiting_minutes
    from {{ ref('int_incident_spans') }}
    where state = 'on_hold' and {{ of_rebuilt_incidents('incident_id', ref('int_rebuilt_incidents'), 'is_ticking') }}
    group by incident_id
),

own_clocks as (
    select * from {{ ref('int_source_clocks') }}
    where {{ of_rebuilt_incidents('incident_id', ref('int_rebuilt_incidents'), 'is_ticking') }}
),

-- What the verdict would be if the source counted differently: all time, without waiting, or to the first resolution.
measured as (
    select
        incidents.incident_id,
        clocks.service_id,
        clocks.priority,
        clocks.target_id,
        clocks.target_minutes,
        clocks.business_minutes,
        clocks.state as clock_state,
        incidents.source_made_sla,
        own_clocks.source_goal_minutes,
        own_clocks.source_elapsed_minutes,
        own_clocks.source_cycle_count,
        case when clocks.state in ('missed', 'running_late') then false else true end as is_kept,
        {{ minutes_between('incidents.opened_at', 'incidents.resolved_at') }} as elapsed_minutes,
        {{ minutes_between('incidents.opened_at', 'incidents.resolved_at') }} - coalesce(waits.waiting_minutes, 0)
            as elapsed_without_waiting_minutes,
        {{ minutes_between('incidents.opened_at', 'first_resolutions.first_resolved_at') }} as first_elapsed_minutes
    from incidents
    inner join clocks on incidents.incident_id = clocks.incident_id
    left join first_resolutions on incidents.incident_id = first_resolutions.incident_id
    left join waits on incidents.incident_id = waits.incident_id
    left join own_clocks on incidents.incident_id = own_clocks.incident_id
),

final as (
    select
        incident_id,
        service_id,
        priority,
        target_id,
        clock_state,
        target_minutes,
        business_minutes,
        elapsed_minutes,
        is_kept,
        source_made_sla,
        source_goal_minutes,
        source_elapsed_minutes,
        source_cycle_count,
        is_kept = source_made_sla as is_equal,
        case
            when is_kept = source_made_sla then 'equal'
            when clock_state in ('running', 'paused', 'running_late') then 'still_running'
            when abs(source_goal_minutes - target_minutes) >= 0.5 then 'source_has_another_target'
            when (elapsed_minutes <= target_minutes) = source_made_sla then 'source_counts_all_time'
            when (elapsed_without_waiting_minutes <= target_minutes) = source_made_sla then 'source_leaves_waiting_out'
            when (first_elapsed_minutes <= target_minutes) = source_made_sla then 'source_stops_at_first_resolution'
            else 'other_target_or_calendar'
        end as difference
    from measured
)

select * from final
