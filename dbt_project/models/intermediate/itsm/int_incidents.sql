{{ rebuilt_by_incident() }}

with events as (
    select * from {{ ref('int_incident_events') }}
    where {{ of_rebuilt_incidents('incident_id') }}
),

run_window as (
    select as_of_at from {{ ref('stg_run_window') }}
),

histories as (
    select
        incident_id,
        cast(count(*) as int) as event_count,
        min(opened_at) as first_opened_at,
        max(case when is_resolution then updated_at end) as last_resolution_event_at,
        min(case when is_resolution then updated_at end) as first_resolution_event_at,
        max(case when is_closure then updated_at end) as last_closure_event_at,
        max(case when is_reopening then updated_at end) as last_reopening_at,
        min(case when is_major then updated_at end) as declared_major_at,
        cast(count(case when is_reopening then 1 end) as int) as reopening_count,
        cast(count(case when is_reassignment then 1 end) as int) as reassignment_count,
        bool_or(state = 'resolved') as is_ever_resolved,
        bool_or(event_sequence < previous_sequence) as is_out_of_sequence
    from events
    group by incident_id
),

latest as (
    select
        events.*,
        states.is_open,
        states.stops_clock,
        states.is_closed,
        states.counts_for_sla
    from events
    inner join {{ ref('incident_states') }} as states on events.state = states.state
    where events.next_update_at is null
),

-- Sources repeat the final resolution and closure times on early rows. They are believed once the state says so and when
-- they lie between opening and the end of the as-of day; otherwise the update that changed the state tells the time.
joined as (
    select
        latest.*,
        histories.event_count,
        histories.first_opened_at,
        histories.reopening_count,
        histories.reassignment_count as counted_reassignment_count,
        histories.is_ever_resolved,
        coalesce(histories.is_out_of_sequence, false) as is_out_of_sequence,
        histories.last_resolution_event_at,
        histories.first_resolution_event_at,
        histories.last_reopening_at,
        histories.declared_major_at,
        coalesce(latest.reopen_count, histories.reopening_count) as known_reopen_count,
        coalesce(latest.reassignment_count, histories.reassignment_count) as known_reassignment_count,
        case
            when not latest.stops_clock or not latest.counts_for_sla then null
            when latest.resolved_at >= latest.opened_at and latest.resolved_at < run_window.as_of_at
                then latest.resolved_at
            else histories.last_resolution_event_at
        end as believed_resolved_at,
        case
            when not latest.is_closed then null
            when latest.closed_at >= latest.opened_at and latest.closed_at < run_window.as_of_at
                then latest.closed_at
            else histories.last_closure_event_at
        end as believed_closed_at
    from latest
    inner join histories on latest.incident_id = histories.incident_id
    cross join run_window
),

final as (
    select
        incident_id,
        service_id,
        ci_id,
        team_id,
        cast(priority as int) as priority,
        category,
        title,
        state,
        opened_at,
        cast(opened_at as date) as opened_date,
        believed_resolved_at as resolved_at,
        believed_closed_at as closed_at,
        {{ minutes_between('opened_at', 'believed_resolved_at') }} as elapsed_resolution_minutes,
        event_count,
        cast(known_reassignment_count as int) as reassignment_count,
        cast(known_reopen_count as int) as reopen_count,
        source_made_sla,
        coalesce(is_derived, false) as is_derived,
        is_open,
        counts_for_sla,
        problem_id,
        declared_major_at,
        case when reopening_count = 0 then believed_resolved_at else first_resolution_event_at end as first_resolved_at,
        last_reopening_at,
        first_opened_at,
        first_resolution_event_at,
        last_resolution_event_at,
        reopening_count as counted_reopening_count,
        counted_reassignment_count,
        is_ever_resolved,
        is_out_of_sequence
    from joined
)

select * from final
{{ in_order_of('incident_id') }}
