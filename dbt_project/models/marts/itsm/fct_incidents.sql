{{ rebuilt_by_incident(among='intermediate.int_rebuilt_incidents') }}

with incidents as (
    select * from {{ ref('int_incidents') }}
    where {{ of_rebuilt_incidents('incident_id', ref('int_rebuilt_incidents')) }}
),

spans as (
    select * from {{ ref('int_incident_spans') }}
    where {{ of_rebuilt_incidents('incident_id', ref('int_rebuilt_incidents')) }}
),

states as (
    select * from {{ ref('incident_states') }}
),

major as (
    select incident_id from {{ ref('stg_major_incidents') }}
),

run_window as (
    select as_of_at from {{ ref('stg_run_window') }}
),

measured as (
    select
        spans.incident_id,
        spans.span_number,
        spans.state,
        spans.team_id,
        spans.starts_at,
        states.is_open,
        {{ microseconds_between('spans.starts_at', 'coalesce(spans.ends_at, run_window.as_of_at)') }} as microseconds
    from spans
    inner join states on spans.state = states.state
    cross join run_window
),

lifecycles as (
    select
        incident_id,
        coalesce(sum(case when state = 'new' then microseconds end), 0) / 60000000.0e0 as new_minutes,
        coalesce(sum(case when state = 'assigned' then microseconds end), 0) / 60000000.0e0 as assigned_minutes,
        coalesce(sum(case when state = 'in_progress' then microseconds end), 0) / 60000000.0e0 as in_progress_minutes,
        coalesce(sum(case when state = 'on_hold' then microseconds end), 0) / 60000000.0e0 as on_hold_minutes,
        coalesce(sum(case when state = 'resolved' then microseconds end), 0) / 60000000.0e0 as resolved_minutes,
        coalesce(sum(case when is_open then microseconds end), 0) / 60000000.0e0 as open_minutes,
        min(case when state in ('in_progress', 'on_hold', 'resolved', 'closed') then starts_at end) as first_touch_at,
        min_by(team_id, case when team_id is not null then span_number end) as first_team_id,
        cast(count(distinct team_id) as int) as team_count
    from measured
    group by incident_id
),

final as (
    select
        incidents.incident_id,
        incidents.service_id,
        incidents.ci_id,
        incidents.team_id,
        incidents.priority,
        incidents.category,
        incidents.title,
        incidents.state,
        incidents.opened_at,
        incidents.opened_date,
        incidents.resolved_at,
        incidents.closed_at,
        incidents.elapsed_resolution_minutes,
        incidents.event_count,
        incidents.reassignment_count,
        incidents.reopen_count,
        incidents.source_made_sla,
        incidents.is_derived,
        incidents.is_open,
        incidents.declared_major_at is not null or major.incident_id is not null as is_major,
        incidents.problem_id,
        lifecycles.first_team_id,
        lifecycles.team_count,
        lifecycles.first_touch_at,
        {{ minutes_between('incidents.opened_at', 'lifecycles.first_touch_at') }} as first_touch_minutes,
        incidents.first_resolved_at,
        incidents.last_reopening_at as last_reopened_at,
        incidents.resolved_at is not null
            and incidents.reassignment_count = 0
            and incidents.reopen_count = 0 as is_first_touch_resolved,
        lifecycles.new_minutes,
        lifecycles.assigned_minutes,
        lifecycles.in_progress_minutes,
        lifecycles.on_hold_minutes,
        lifecycles.resolved_minutes,
        lifecycles.open_minutes,
        case when incidents.is_open
            then {{ minutes_between('incidents.opened_at', 'run_window.as_of_at') }} / 1440
        end as backlog_age_days
    from incidents
    inner join lifecycles on incidents.incident_id = lifecycles.incident_id
    left join major on incidents.incident_id = major.incident_id
    cross join run_window
)

select * from final
