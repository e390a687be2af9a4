with run_window as (
    select as_of_at from {{ ref('stg_run_window') }}
),

running as (
    select
        clocks.*,
        run_window.as_of_at,
        clocks.target_minutes - clocks.business_minutes as minutes_left
    from {{ ref('int_incident_clocks') }} as clocks
    cross join run_window
    where clocks.stopped_at is null
        and not clocks.is_paused
        and clocks.business_minutes <= clocks.target_minutes
),

open_intervals as (
    select
        open_intervals.*,
        run_window.as_of_at,
        greatest(open_intervals.opens_at, run_window.as_of_at) as counts_from
    from {{ ref('int_calendar_open_intervals') }} as open_intervals
    cross join run_window
    where open_intervals.closes_at > run_window.as_of_at
),

ahead as (
    select
        calendar_id,
        counts_from,
        sum({{ minutes_between('counts_from', 'closes_at') }}) over (
            partition by calendar_id order by counts_from
            rows between unbounded preceding and current row
        ) as minutes_until_close,
        {{ minutes_between('counts_from', 'closes_at') }} as interval_minutes
    from open_intervals
),

by_calendar as (
    select
        running.incident_id,
        running.clock,
        running.cycle,
        {{ add_microseconds(
            'ahead.counts_from',
            'cast(round((running.minutes_left - ahead.minutes_until_close + ahead.interval_minutes) * 60000000) as bigint)'
        ) }} as breach_at
    from running
    inner join ahead
        on running.calendar_id = ahead.calendar_id
        and running.minutes_left <= ahead.minutes_until_close
        and running.minutes_left > ahead.minutes_until_close - ahead.interval_minutes
),

round_the_clock as (
    select
        incident_id,
        clock,
        cycle,
        {{ add_microseconds('as_of_at', 'cast(round(minutes_left * 60000000) as bigint)') }} as breach_at
    from running
    where calendar_id is null
),

final as (
    select * from by_calendar
    union all
    select * from round_the_clock
)

select * from final
