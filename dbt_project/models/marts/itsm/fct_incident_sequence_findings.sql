with events as (
    select
        *,
        lag(updated_at) over (partition by incident_id order by event_sequence) as earlier_sequence_at,
        lag(event_sequence) over (partition by incident_id order by event_sequence) as previous_sequence,
        lag(state) over (partition by incident_id order by updated_at, event_sequence) as previous_state,
        lag(reopen_count) over (partition by incident_id order by updated_at, event_sequence) as previous_reopen_count,
        lag(reassignment_count) over (
            partition by incident_id order by updated_at, event_sequence
        ) as previous_reassignment_count,
        min(opened_at) over (partition by incident_id) as first_opened_at,
        max(case when state = 'resolved' then 1 else 0 end) over (partition by incident_id) as is_ever_resolved,
        sum(case when is_reopening then 1 else 0 end) over (partition by incident_id) as counted_reopenings,
        sum(case when is_reassignment then 1 else 0 end) over (partition by incident_id) as counted_reassignments
    from {{ ref('int_incident_events') }}
),

judged as (
    select
        incident_id,
        event_sequence,
        updated_at,
        previous_state,
        state,
        updated_at < opened_at as updated_before_opening,
        updated_at < earlier_sequence_at as out_of_order,
        event_sequence > previous_sequence + 1 as missing_updates,
        previous_is_closed and not is_closed as left_closed,
        state = 'new' and previous_state in ('in_progress', 'on_hold', 'resolved') as back_to_new,
        reopen_count < previous_reopen_count as reopen_count_falls,
        reassignment_count < previous_reassignment_count as reassignment_count_falls,
        opened_at <> first_opened_at as opening_moves,
        newest_rank = 1 and stops_clock and resolved_at < opened_at as resolved_before_opening,
        newest_rank = 1 and is_closed and closed_at < resolved_at as closed_before_resolution,
        newest_rank = 1 and is_open and closed_at <= updated_at as open_with_closing_time,
        newest_rank = 1 and state = 'closed' and is_ever_resolved = 0 as closed_without_resolution,
        newest_rank = 1 and state in ('resolved', 'closed') and resolved_at is null as no_resolution_time,
        newest_rank = 1 and reopen_count <> counted_reopenings as reopenings_differ,
        newest_rank = 1 and reassignment_count <> counted_reassignments as reassignments_differ
    from events
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
