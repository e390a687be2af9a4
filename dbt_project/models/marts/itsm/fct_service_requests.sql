{{ rebuilt_by_request(among=going_on_requests()) }}

with run_window as (
    select as_of_at from {{ ref('stg_run_window') }}
),

-- A request that is open goes on until the end of the as-of day.
requests as (
    select requests.*, coalesce(requests.left_at, run_window.as_of_at) as measured_until_at
    from {{ ref('int_service_requests') }} as requests
    cross join run_window
    where {{ of_rebuilt_requests('requests.request_id', going_on_requests()) }}
),

segments as (
    select * from {{ ref('int_calendar_segments') }}
),

final as (
    select
        requests.request_id,
        requests.request_kind,
        requests.service_id,
        requests.team_id,
        requests.state,
        requests.opened_at,
        cast(requests.opened_at as date) as opened_date,
        requests.fulfilled_at,
        requests.left_at,
        requests.left_at is null as is_open,
        requests.calendar_id,
        {{ minutes_between('requests.opened_at', 'requests.fulfilled_at') }} as elapsed_fulfilment_minutes,
        case
            when requests.fulfilled_at is null then null
            when requests.calendar_id is null then {{ minutes_between('requests.opened_at', 'requests.fulfilled_at') }}
            else (
                {{ open_microseconds('ends', 'requests.measured_until_at') }}
                - {{ open_microseconds('starts', 'requests.opened_at') }}
            ) / 60000000.0e0
        end as business_fulfilment_minutes,
        {{ minutes_between('requests.opened_at', 'requests.measured_until_at') }} as open_minutes,
        case when requests.left_at is null
            then {{ minutes_between('requests.opened_at', 'requests.measured_until_at') }} / 1440
        end as backlog_age_days
    from requests
    left join segments as starts on {{ in_segment('starts', 'requests.calendar_id', 'requests.opened_at') }}
    left join segments as ends on {{ in_segment('ends', 'requests.calendar_id', 'requests.measured_until_at') }}
)

select * from final
{{ in_order_of('request_id') }}
