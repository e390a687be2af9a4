with calendars as (
    select
        calendar_id,
        zone,
        weekday,
        cast(substring(opens, 1, 2) as int) * 60 + cast(substring(opens, 4, 2) as int) as opens_minute,
        cast(substring(closes, 1, 2) as int) * 60 + cast(substring(closes, 4, 2) as int) as closes_minute,
        valid_from,
        valid_to
    from {{ ref('stg_calendars') }}
),

holidays as (
    select calendar_id, holiday_date from {{ ref('stg_holidays') }}
),

-- Opening hours of a single date, instead of its weekday's and of a holiday.
exceptions as (
    select
        exceptions.calendar_id,
        exceptions.exception_date as local_date,
        max_by(calendars.zone, calendars.valid_from) as zone,
        cast(substring(exceptions.opens, 1, 2) as int) * 60 + cast(substring(exceptions.opens, 4, 2) as int) as opens_minute,
        cast(substring(exceptions.closes, 1, 2) as int) * 60 + cast(substring(exceptions.closes, 4, 2) as int) as closes_minute
    from {{ ref('stg_calendar_exceptions') }} as exceptions
    inner join calendars on exceptions.calendar_id = calendars.calendar_id
    group by exceptions.calendar_id, exceptions.exception_date, exceptions.opens, exceptions.closes
),

exception_dates as (
    select distinct calendar_id, local_date from exceptions
),

tickets as (
    select opened_at, updated_at from {{ ref('int_incident_events') }}
    union all
    select opened_at, opened_at as updated_at from {{ ref('int_service_requests') }}
),

run_window as (
    select * from {{ ref('stg_run_window') }}
),

-- Every date on which an incident or request was open, one more because local days are not UTC days, and as far ahead as a running clock
-- may have to look.
bounds as (
    select
        {{ add_days('least(min(run_window.history_start_date), min(cast(tickets.opened_at as date)))', -1) }}
            as first_date,
        {{ add_days('max(run_window.as_of_date)', 92) }} as last_date
    from run_window
    left join tickets on tickets.updated_at < run_window.as_of_at
),

local_dates as (
    select {{ each_day('first_date', 'last_date') }} as local_date
    from bounds
),

weekly_shifts as (
    select
        calendars.calendar_id,
        calendars.zone,
        local_dates.local_date,
        calendars.opens_minute,
        calendars.closes_minute,
        row_number() over (
            partition by calendars.calendar_id, local_dates.local_date, calendars.opens_minute
            order by calendars.valid_from desc
        ) as version_rank
    from local_dates
    inner join calendars
        on {{ iso_weekday('local_dates.local_date') }} = calendars.weekday
        and {{ holds_on('calendars', 'local_dates.local_date') }}
    left join exception_dates
        on calendars.calendar_id = exception_dates.calendar_id
        and local_dates.local_date = exception_dates.local_date
    where exception_dates.calendar_id is null
),

shifts as (
    select calendar_id, zone, local_date, opens_minute, closes_minute
    from weekly_shifts
    where version_rank = 1
    union all
    select calendar_id, zone, local_date, opens_minute, closes_minute
    from exceptions
),

-- A shift over midnight is cut there, because holidays are local dates.
pieces as (
    select
        calendar_id,
        zone,
        local_date,
        opens_minute as from_minute,
        case when closes_minute > opens_minute then closes_minute else 1440 end as to_minute
    from shifts
    union all
    select
        calendar_id,
        zone,
        {{ add_days('local_date', 1) }} as local_date,
        0 as from_minute,
        closes_minute as to_minute
    from shifts
    where closes_minute <= opens_minute and closes_minute > 0
),

worked as (
    select pieces.*
    from pieces
    left join holidays
        on pieces.calendar_id = holidays.calendar_id and pieces.local_date = holidays.holiday_date
    left join exception_dates
        on pieces.calendar_id = exception_dates.calendar_id and pieces.local_date = exception_dates.local_date
    where holidays.calendar_id is null or exception_dates.calendar_id is not null
),

in_local_time as (
    select
        calendar_id,
        zone,
        {{ add_minutes('cast(local_date as timestamp)', 'from_minute') }} as opens_local,
        {{ add_minutes('cast(local_date as timestamp)', 'to_minute') }} as closes_local
    from worked
),

in_utc as (
    select
        calendar_id,
        {{ local_to_utc('opens_local', 'zone') }} as starts_at,
        {{ local_to_utc('closes_local', 'zone') }} as ends_at
    from in_local_time
),

-- Shifts that touch or overlap become one interval.
islands as (
    {{ merged_intervals('in_utc', ['calendar_id']) }}
),

-- Cut at midnight UTC, so that an interval belongs to one day and one month.
by_day as (
    select
        calendar_id,
        starts_at as opens_at,
        ends_at as closes_at,
        {{ each_day_of_interval() }} as open_date
    from islands
),

final as (
    select
        calendar_id,
        open_date,
        {{ month_of('open_date') }} as open_month,
        greatest(opens_at, cast(open_date as timestamp)) as opens_at,
        least(closes_at, cast({{ add_days('open_date', 1) }} as timestamp)) as closes_at
    from by_day
)

select * from final
