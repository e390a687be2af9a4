with run_window as (
    select * from {{ ref('stg_run_window') }}
),

teams as (
    select team_id from {{ ref('stg_teams') }}
),

incidents as (
    select * from {{ ref('fct_incidents') }}
),

requests as (
    select * from {{ ref('stg_service_requests') }}
),

standards as (
    select all_standards.*
    from {{ ref('stg_effort_standards') }} as all_standards
    inner join run_window on {{ holds_on('all_standards', 'run_window.as_of_date') }}
),

-- A team's own standard goes before the general one.
ranked as (
    select
        teams.team_id,
        standards.ticket_kind,
        standards.hours_per_ticket,
        row_number() over (
            partition by teams.team_id, standards.ticket_kind
            order by case when standards.team_id is null then 1 else 0 end, standards.valid_from desc, standards.standard_id
        ) as specificity_rank
    from teams
    inner join standards on standards.team_id is null or standards.team_id = teams.team_id
),

tickets as (
    select
        team_id,
        'incident' as ticket_kind,
        incident_id as ticket_id,
        opened_at,
        coalesce(resolved_at, closed_at) as done_at
    from incidents
    where state <> 'cancelled'
    union all
    select
        requests.team_id,
        'service_request' as ticket_kind,
        requests.request_id as ticket_id,
        requests.opened_at,
        case when requests.fulfilled_at < run_window.as_of_at then requests.fulfilled_at end as done_at
    from requests
    cross join run_window
    where requests.state <> 'cancelled'
),

final as (
    select
        tickets.team_id,
        tickets.ticket_kind,
        tickets.ticket_id,
        tickets.opened_at,
        tickets.done_at,
        cast(floor({{ days_between('cast(tickets.opened_at as date)', 'run_window.as_of_date') }} / 7.0e0) as int) as weeks_ago,
        ranked.hours_per_ticket
    from tickets
    cross join run_window
    inner join teams on tickets.team_id = teams.team_id
    left join ranked
        on tickets.team_id = ranked.team_id
        and tickets.ticket_kind = ranked.ticket_kind
        and ranked.specificity_rank = 1
)

select * from final
