-- Downtime of a month by checks: as minutes that missed the availability target, and as the union of failed checks in agreed time. They are
-- the same where one endpoint is checked; only a target by value counts minutes.
with levels as (
    select * from {{ ref('fct_service_levels') }}
    where period = 'month' and counted = 'minutes'
),

single as (
    select service_id
    from {{ ref('int_check_intervals') }}
    group by service_id
    having count(distinct ci_id) = 1 and count(distinct metric) = 1
),

availability as (
    select * from {{ ref('fct_availability') }}
    where subject_kind = 'service'
)

select
    levels.service_id,
    levels.target_id,
    levels.period_start_date,
    levels.bad_count,
    levels.total_count,
    availability.measured_downtime_minutes,
    availability.known_minutes
from levels
inner join single on levels.service_id = single.service_id
left join availability
    on levels.service_id = availability.subject_id
    and levels.period_start_date = availability.month_start_date
where availability.subject_id is null
    or abs(levels.bad_count - availability.measured_downtime_minutes) > 1e-6
    or abs(levels.total_count - availability.known_minutes) > 1e-6
