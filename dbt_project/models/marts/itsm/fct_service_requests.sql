with requests as (
    select * from {{ ref('int_service_requests') }}
),

moments as (
    select * from {{ ref('int_clock_moments') }}
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
            else (ends.open_microseconds - starts.open_microseconds) / 60000000.0e0
        end as business_fulfilment_minutes,
        {{ minutes_between('requests.opened_at', 'requests.measured_until_at') }} as open_minutes,
        case when requests.left_at is null
            then {{ minutes_between('requests.opened_at', 'requests.measured_until_at') }} / 1440
        end as backlog_age_days
    from requests
    left join moments as starts
        on requests.calendar_id = starts.calendar_id and requests.opened_at = starts.moment_at
    left join moments as ends
        on requests.calendar_id = ends.calendar_id and requests.measured_until_at = ends.moment_at
)

select * from final
