{{ rebuilt_by_incident() }}

with incidents as (
    select * from {{ ref('int_incidents') }}
    where {{ of_rebuilt_incidents('incident_id') }}
),

states as (
    select * from {{ ref('incident_states') }}
),

-- Almost all updates come in the order of their numbers; only incidents where they do not are sorted by number.
out_of_sequence as (
    select
        events.incident_id,
        events.event_sequence,
        lag(events.updated_at) over (partition by events.incident_id order by events.event_sequence) as earlier_sequence_at,
        lag(events.event_sequence) over (partition by events.incident_id order by events.event_sequence) as earlier_sequence
    from {{ ref('int_incident_events') }} as events
    inner join {{ ref('int_incidents') }} as incidents on events.incident_id = incidents.incident_id
    where incidents.is_out_of_sequence and {{ of_rebuilt_incidents('events.incident_id') }}
),

judged as (
    select
        events.incident_id,
        events.event_sequence,
        events.updated_at,
        events.previous_state,
        events.state,
        events.updated_at < events.opened_at as updated_before_opening,
        events.updated_at < out_of_sequence.earlier_sequence_at as out_of_order,
        events.event_sequence > 1 + case
            when incidents.is_out_of_sequence then out_of_sequence.earlier_sequence
            else events.previous_sequence
        end as missing_updates,
        previous.is_closed and not states.is_closed as left_closed,
        events.state = 'new' and events.previous_state in ('in_progress', 'on_hold', 'resolved') as back_to_new,
        events.reopen_count_falls,
        events.reassignment_count_falls,
        events.opened_at <> incidents.first_opened_at as opening_moves,
        events.next_update_at is null and states.stops_clock and events.resolved_at < events.opened_at
            as resolved_before_opening,
        events.next_update_at is null and states.is_closed and events.closed_at < events.resolved_at
            as closed_before_resolution,
        events.next_update_at is null and states.is_open and events.closed_at <= events.updated_at
            as open_with_closing_time,
        events.next_update_at is null and events.state = 'closed' and not incidents.is_ever_resolved
            as closed_without_resolution,
        events.next_update_at is null and events.state in ('resolved', 'closed') and events.resolved_at is null
            as no_resolution_time,
        events.next_update_at is null and events.reopen_count <> incidents.counted_reopening_count as reopenings_differ,
        events.next_update_at is null and events.reassignment_count <> incidents.counted_reassignment_count
            as reassignments_differ
    from {{ ref('int_incident_events') }} as events
    inner join incidents on events.incident_id = incidents.incident_id
    inner join states on events.state = states.state
    left join states as previous on events.previous_state = previous.state
    left join out_of_sequence
        on events.incident_id = out_of_sequence.incident_id
        and events.event_sequence = out_of_sequence.event_sequence
    where {{ of_rebuilt_incidents('events.incident_id') }}
),

{% set findings = {
    'updated_before_opening': 'impossible',
    'out_of_order': 'impossible',
    'left_closed': 'impossible',
    'reopen_count_falls': 'impossible',
    'reassignment_count_falls': 'impossible',
    'resolved_before_opening': 'impossible',
    'closed_before_resolution': 'impossible',
    'open_with_closing_time': 'impossible',
    'opening_moves': 'inconsistent',
    'back_to_new': 'inconsistent',
    'closed_without_resolution': 'inconsistent',
    'reopenings_differ': 'inconsistent',
    'reassignments_differ': 'inconsistent',
    'missing_updates': 'incomplete',
    'no_resolution_time': 'incomplete',
} -%}
suspicious as (
    select * from judged
    where {{ findings | join(' or ') }}
),

final as (
    {% for finding, severity in findings.items() -%}
    select incident_id, event_sequence, '{{ finding }}' as finding, '{{ severity }}' as finding_class, updated_at, previous_state, state
    from suspicious
    where {{ finding }}
    {{ 'union all' if not loop.last }}
    {% endfor %}
)

select * from final
