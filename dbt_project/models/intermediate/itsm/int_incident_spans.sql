{{ rebuilt_by_incident() }}

-- Models are named where they are read: DuckDB would keep a CTE that is read twice in memory.
with firsts as (
    select
        incident_id,
        service_id,
        team_id,
        priority,
        opened_at,
        updated_at
    from {{ ref('int_incident_events') }}
    where update_number = 1 and (updated_at > opened_at or is_resolution) and {{ of_rebuilt_incidents('incident_id') }}
),

-- Before the first update that is known, an incident was new; also when that update says at once that it is resolved.
spans as (
    select
        incident_id,
        update_number as span_number,
        state,
        coalesce(previous_state, 'new') as previous_state,
        service_id,
        team_id,
        case
            when update_number = 1 and (updated_at > opened_at or is_resolution) then team_id
            else previous_team_id
        end as previous_team_id,
        update_number = 1 and not (updated_at > opened_at or is_resolution) as is_first,
        priority,
        updated_at as starts_at,
        next_update_at as ends_at
    from {{ ref('int_incident_events') }}
    where {{ of_rebuilt_incidents('incident_id') }}
    union all
    select
        incident_id,
        0 as span_number,
        'new' as state,
        cast(null as string) as previous_state,
        service_id,
        team_id,
        cast(null as string) as previous_team_id,
        true as is_first,
        priority,
        opened_at as starts_at,
        updated_at as ends_at
    from firsts
),

joined as (
    select
        spans.*,
        incidents.opened_at,
        incidents.opened_date,
        incidents.resolved_at,
        incidents.last_resolution_event_at as last_resolution_at
    from spans
    inner join {{ ref('int_incidents') }} as incidents on spans.incident_id = incidents.incident_id
),

-- The update that resolves is often written later than the resolution that it tells of: what it tells is believed
-- (fct_incidents says when), and no span leaves it on the wrong side.
final as (
    select
        incident_id,
        span_number,
        state,
        previous_state,
        service_id,
        team_id,
        previous_team_id,
        is_first,
        cast(priority as int) as priority,
        opened_date,
        {{ moved_to_resolution('starts_at') }} as starts_at,
        {{ moved_to_resolution('ends_at') }} as ends_at
    from joined
)

select * from final
