with open_intervals as (
    select * from {{ ref('int_calendar_open_intervals') }}
),

tickets as (
    select opened_at from {{ ref('int_incident_events') }}
    union all
    select opened_at from {{ ref('int_service_requests') }}
),

run_window as (
    select as_of_at from {{ ref('stg_run_window') }}
),

-- Every day on which a clock may begin or end, also before the calendar begins.
opened as (
    select cast(min(opened_at) as date) as opened_date from tickets
),

bounds as (
    select
        min(least(open_intervals.open_date, coalesce(opened.opened_date, open_intervals.open_date))) as first_date,
        max(greatest(open_intervals.open_date, cast(run_window.as_of_at as date))) as last_date
    from open_intervals
    cross join opened
    cross join run_window
),

calendar_dates as (
    select calendars.calendar_id, {{ each_day('bounds.first_date', 'bounds.last_date') }} as segment_date
    from (select distinct calendar_id from open_intervals) as calendars
    cross join bounds
),

-- A day begins closed; each opening begins a segment, and so does each closing.
begun as (
    select calendar_id, segment_date, cast(segment_date as timestamp) as starts_at, false as is_open
    from calendar_dates
    union all
    select calendar_id, open_date as segment_date, opens_at as starts_at, true as is_open
    from open_intervals
    union all
    select calendar_id, open_date as segment_date, closes_at as starts_at, false as is_open
    from open_intervals
),

ended as (
    select
        calendar_id,
        segment_date,
        starts_at,
        is_open,
        coalesce(
            lead(starts_at) over (partition by calendar_id, segment_date order by starts_at, is_open),
            cast({{ add_days('segment_date', 1) }} as timestamp)
        ) as ends_at
    from begun
),

-- Agreed time since the calendar began: the time between two moments is the difference, however far they are apart.
final as (
    select
        calendar_id,
        segment_date,
        starts_at,
        ends_at,
        is_open,
        cast(coalesce(sum(case when is_open then {{ microseconds_between('starts_at', 'ends_at') }} end) over (
            partition by calendar_id
            order by starts_at
            rows between unbounded preceding and 1 preceding
        ), 0) as bigint) as open_microseconds_before
    from ended
    where starts_at < ends_at
)

select * from final
