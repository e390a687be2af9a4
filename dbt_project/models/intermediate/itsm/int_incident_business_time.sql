with clocks as (
    select * from {{ ref('int_incident_clocks') }}
),

open_intervals as (
    select * from {{ ref('int_calendar_open_intervals') }}
),

calendar_months as (
    select distinct calendar_id, open_month from open_intervals
),

-- By way of months, so that years of intervals are not compared with every incident.
clock_months as (
    select
        clocks.incident_id,
        clocks.calendar_id,
        clocks.started_at,
        clocks.measured_until_at,
        calendar_months.open_month
    from clocks
    inner join calendar_months
        on clocks.calendar_id = calendar_months.calendar_id
        and calendar_months.open_month
        between {{ month_of('clocks.started_at') }} and {{ month_of('clocks.measured_until_at') }}
),

overlapping as (
    select
        clock_months.incident_id,
        {{ microseconds_between(
            'greatest(open_intervals.opens_at, clock_months.started_at)',
            'least(open_intervals.closes_at, clock_months.measured_until_at)'
        ) }} as open_microseconds
    from clock_months
    inner join open_intervals
        on clock_months.calendar_id = open_intervals.calendar_id
        and clock_months.open_month = open_intervals.open_month
        and open_intervals.opens_at < clock_months.measured_until_at
        and open_intervals.closes_at > clock_months.started_at
),

final as (
    select incident_id, sum(open_microseconds) / 60000000.0e0 as business_minutes
    from overlapping
    group by incident_id
)

select * from final
