with incidents as (
    select incident_id, opened_at, opened_date, resolved_at
    from {{ ref('int_incidents') }}
),

events as (
    select
        *,
        row_number() over (partition by incident_id order by updated_at, event_sequence) as span_number,
        lag(state) over (partition by incident_id order by updated_at, event_sequence) as previous_state,
        lead(updated_at) over (partition by incident_id order by updated_at, event_sequence) as next_at,
        max(case when is_resolution then updated_at end) over (partition by incident_id) as last_resolution_at
    from {{ ref('int_incident_events') }}
),

-- Before the first update that is known, an incident was new; also when that update says at once that it is resolved.
spans as (
    select
        incident_id,
        cast(span_number as int) as span_number,
        state,
        coalesce(previous_state, 'new') as previous_state,
        service_id,
        team_id,
        cast(priority as int) as priority,
        updated_at as starts_at,
        next_at as ends_at,
        last_resolution_at
    from events
    union all
    select
        incident_id,
        0 as span_number,
        'new' as state,
        cast(null as string) as previous_state,
        service_id,
        team_id,
        cast(priority as int) as priority,
        opened_at as starts_at,
        updated_at as ends_at,
        last_resolution_at
    from events
    where span_number = 1 and (updated_at > opened_at or is_resolution)
),

joined as (
    select
        spans.*,
        incidents.opened_at,
        incidents.opened_date,
        incidents.resolved_at
    from spans
    inner join incidents on spans.incident_id = incidents.incident_id
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
        priority,
        opened_date,
        {{ moved_to_resolution('starts_at') }} as starts_at,
        {{ moved_to_resolution('ends_at') }} as ends_at
    from joined
)

select * from final
