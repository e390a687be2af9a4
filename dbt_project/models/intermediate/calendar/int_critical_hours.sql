-- Hours of the days that this run rebuilds, at least half of which a service has declared business-critical.
with services as (
    select * from {{ ref('stg_services') }}
),

effective as (
    {{ effective_by_day('services', ['service_id']) }}
),

open_intervals as (
    select * from {{ ref('int_calendar_open_intervals') }}
),

hours as (
    select {% for hour in range(24) %}{{ hour }} as hour_number{{ ' union all select ' if not loop.last }}{% endfor %}
),

service_hours as (
    select
        effective.service_id,
        effective.observed_date,
        {{ add_minutes('cast(effective.observed_date as timestamp)', 'hours.hour_number * 60') }} as hour_at,
        {{ add_minutes('cast(effective.observed_date as timestamp)', 'hours.hour_number * 60 + 60') }} as hour_end_at,
        open_intervals.opens_at,
        open_intervals.closes_at
    from effective
    inner join open_intervals
        on effective.critical_calendar_id = open_intervals.calendar_id
        and effective.observed_date = open_intervals.open_date
    cross join hours
),

final as (
    select service_id, observed_date, hour_at
    from service_hours
    where opens_at < hour_end_at and closes_at > hour_at
    group by service_id, observed_date, hour_at
    having sum({{ microseconds_between('greatest(opens_at, hour_at)', 'least(closes_at, hour_end_at)') }}) >= 1800000000
)

select * from final
