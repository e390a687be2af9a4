with open_intervals as (
    select * from {{ ref('int_calendar_open_intervals') }}
),

reach as (
    select calendar_id, min(open_date) as first_date, max(open_date) as last_date
    from open_intervals
    group by calendar_id
),

calendar_dates as (
    select calendar_id, {{ each_day('first_date', 'last_date') }} as open_date
    from reach
),

open_times as (
    select
        calendar_id,
        open_date,
        sum({{ microseconds_between('opens_at', 'closes_at') }}) as open_microseconds
    from open_intervals
    group by calendar_id, open_date
),

final as (
    select
        calendar_dates.calendar_id,
        calendar_dates.open_date,
        cast(coalesce(open_times.open_microseconds, 0) as bigint) as open_microseconds,
        cast(coalesce(sum(open_times.open_microseconds) over (
            partition by calendar_dates.calendar_id
            order by calendar_dates.open_date
            rows between unbounded preceding and 1 preceding
        ), 0) as bigint) as microseconds_before
    from calendar_dates
    left join open_times
        on calendar_dates.calendar_id = open_times.calendar_id
        and calendar_dates.open_date = open_times.open_date
)

select * from final
