{{ rebuilt_by_request() }}

with requests as (
    select * from {{ ref('stg_service_requests') }}
    where {{ of_rebuilt_requests('request_id') }}
),

run_window as (
    select as_of_at from {{ ref('stg_run_window') }}
),

calendars as (
    select distinct calendar_id from {{ ref('stg_calendars') }}
),

service_calendars as (
    select
        requests.request_id,
        services.calendar_id,
        row_number() over (partition by requests.request_id order by services.valid_from desc) as version_rank
    from requests
    inner join {{ ref('stg_services') }} as services
        on requests.service_id = services.service_id
        and {{ holds_on('services', 'cast(requests.opened_at as date)') }}
    inner join calendars on services.calendar_id = calendars.calendar_id
),

team_calendars as (
    select teams.team_id, teams.calendar_id
    from {{ ref('stg_teams') }} as teams
    inner join calendars on teams.calendar_id = calendars.calendar_id
),

-- A request leaves the backlog when it is fulfilled, or with the update that cancelled or closed it.
ended as (
    select
        requests.*,
        case
            when requests.fulfilled_at is not null then greatest(requests.fulfilled_at, requests.opened_at)
            when requests.state in ('fulfilled', 'closed', 'cancelled')
                then greatest(requests.updated_at, requests.opened_at)
        end as ended_at
    from requests
),

final as (
    select
        ended.request_id,
        ended.request_kind,
        ended.service_id,
        ended.team_id,
        case
            when ended.updated_at < run_window.as_of_at then ended.state
            when ended.ended_at < run_window.as_of_at then 'fulfilled'
            else 'in_progress'
        end as state,
        ended.opened_at,
        case when ended.fulfilled_at < run_window.as_of_at then greatest(ended.fulfilled_at, ended.opened_at) end as fulfilled_at,
        case when ended.ended_at < run_window.as_of_at then ended.ended_at end as left_at,
        coalesce(service_calendars.calendar_id, team_calendars.calendar_id) as calendar_id
    from ended
    cross join run_window
    left join service_calendars
        on ended.request_id = service_calendars.request_id
        and service_calendars.version_rank = 1
    left join team_calendars on ended.team_id = team_calendars.team_id
)

select * from final
{{ in_order_of('request_id') }}
