{{ rebuilt_stays() }}

with incidents as (
    select incident_id, opened_at from {{ ref('int_incidents') }}
    where {{ of_rebuilt_incidents('incident_id') }}
),

spans as (
    select
        spans.incident_id,
        spans.span_number,
        coalesce(spans.team_id, 'unassigned') as team_id,
        spans.starts_at,
        states.is_open,
        coalesce(spans.previous_team_id, 'unassigned') as previous_team_id,
        case when not spans.is_first then previous.is_open end as previous_is_open
    from {{ ref('int_incident_spans') }} as spans
    inner join {{ ref('incident_states') }} as states on spans.state = states.state
    left join {{ ref('incident_states') }} as previous on spans.previous_state = previous.state
    where {{ of_rebuilt_incidents('spans.incident_id') }}
),

-- Where an incident enters the backlog of a team or leaves all of them.
turns as (
    select
        *,
        lead(starts_at) over (partition by incident_id order by span_number) as left_at,
        lead(is_open) over (partition by incident_id order by span_number) as next_is_open
    from spans
    where is_open is distinct from previous_is_open
        or (is_open and team_id <> previous_team_id)
),

of_incidents as (
    select
        'incident' as ticket_kind,
        turns.incident_id as ticket_id,
        turns.span_number as stay_number,
        turns.team_id,
        incidents.opened_at,
        turns.starts_at as entered_at,
        turns.left_at,
        case
            when turns.previous_is_open is null then 'arrival'
            when turns.previous_is_open then 'transfer'
            else 'reopening'
        end as entry,
        case when turns.next_is_open then 'transfer' when not turns.next_is_open then 'completion' end as departure
    from turns
    inner join incidents on turns.incident_id = incidents.incident_id
    where turns.is_open
),

-- Requests and problems have only their last state: one stay, at the team that has them now.
others as (
    select
        'service_request' as ticket_kind,
        request_id as ticket_id,
        team_id,
        opened_at,
        left_at
    from {{ ref('int_service_requests') }}
    where {{ of_rebuilt_requests('request_id') }}
    union all
    select
        'problem' as ticket_kind,
        problem_id as ticket_id,
        team_id,
        opened_at,
        resolved_at as left_at
    from {{ ref('int_problems') }}
),

of_others as (
    select
        others.ticket_kind,
        others.ticket_id,
        0 as stay_number,
        coalesce(others.team_id, 'unassigned') as team_id,
        others.opened_at,
        others.opened_at as entered_at,
        others.left_at,
        'arrival' as entry,
        case when others.left_at is not null then 'completion' end as departure
    from others
),

stays as (
    select * from of_incidents
    union all
    select * from of_others
),

final as (
    select
        *,
        cast(entered_at as date) as entered_date,
        cast(left_at as date) as left_date
    from stays
)

select * from final
{{ in_order_of('ticket_id') }}
