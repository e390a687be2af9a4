with spans as (
    select * from {{ ref('int_incident_clock_spans') }}
    where calendar_id is not null and effect = 'run'
),

requests as (
    select * from {{ ref('int_service_requests') }}
    where calendar_id is not null
),

moments as (
    select calendar_id, starts_at as moment_at from spans
    union
    select calendar_id, ends_at as moment_at from spans
    union
    select calendar_id, opened_at as moment_at from requests
    union
    select calendar_id, measured_until_at as moment_at from requests
),

days as (
    select * from {{ ref('int_calendar_days') }}
),

reach as (
    select
        calendar_id,
        min(open_date) as first_date,
        max(open_date) as last_date,
        max(microseconds_before + open_microseconds) as all_microseconds
    from days
    group by calendar_id
),

open_intervals as (
    select * from {{ ref('int_calendar_open_intervals') }}
),

of_the_day as (
    select
        moments.calendar_id,
        moments.moment_at,
        sum({{ microseconds_between(
            'open_intervals.opens_at', 'least(open_intervals.closes_at, moments.moment_at)'
        ) }}) as microseconds
    from moments
    inner join open_intervals
        on moments.calendar_id = open_intervals.calendar_id
        and cast(moments.moment_at as date) = open_intervals.open_date
        and open_intervals.opens_at < moments.moment_at
    group by moments.calendar_id, moments.moment_at
),

-- Agreed time since the calendar began: the time between two moments is the difference, however far they are apart.
final as (
    select
        moments.calendar_id,
        moments.moment_at,
        cast(case
            when cast(moments.moment_at as date) < reach.first_date then 0
            when cast(moments.moment_at as date) > reach.last_date then reach.all_microseconds
            else days.microseconds_before + coalesce(of_the_day.microseconds, 0)
        end as bigint) as open_microseconds
    from moments
    inner join reach on moments.calendar_id = reach.calendar_id
    left join days
        on moments.calendar_id = days.calendar_id
        and cast(moments.moment_at as date) = days.open_date
    left join of_the_day
        on moments.calendar_id = of_the_day.calendar_id
        and moments.moment_at = of_the_day.moment_at
)

select * from final
