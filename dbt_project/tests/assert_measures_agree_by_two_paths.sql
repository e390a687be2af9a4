-- What is counted on two paths is the same: tickets open now (from tickets; from the flows of the backlog), latency, errors and throughput of a day (from its
-- hours; from the day), requests of a day (its hours; the day), clocks that stopped (one by one; in service levels), changes that ended
-- and failed (one by one; in rates), collisions (change by change; pair by pair), major incidents (among all; by themselves).
with run_window as (
    select as_of_date from {{ ref('stg_run_window') }}
),

open_tickets as (
    select 'open incidents' as measure, count(*) as amount from {{ ref('fct_incidents') }} where is_open
    union all
    select 'open service_requests' as measure, count(*) as amount from {{ ref('fct_service_requests') }} where is_open
    union all
    select 'open problems' as measure, count(*) as amount from {{ ref('fct_problems') }} where is_open
),

backlog as (
    select concat('open ', backlog_days.ticket_kind, 's') as measure, sum(backlog_days.work_in_progress) as amount
    from {{ ref('fct_backlog_daily') }} as backlog_days
    inner join run_window on backlog_days.backlog_date = run_window.as_of_date
    group by backlog_days.ticket_kind
),

hours as (
    select service_id, target_id, observed_date, sum(bad_count) as bad_count, sum(total_count) as total_count
    from {{ ref('int_service_level_hours') }}
    where measure <> 'error_ratio' or target_id not in (
        select target_id from {{ ref('stg_targets') }} where objective_ratio is not null
    )
    group by service_id, target_id, observed_date
),

unequal_days as (
    select concat('hours of ', hours.target_id) as measure, hours.bad_count as one_amount, days.bad_count as other_amount
    from hours
    left join {{ ref('int_service_level_days') }} as days
        on hours.service_id = days.service_id
        and hours.target_id = days.target_id
        and hours.observed_date = days.observed_date
    where days.target_id is null
        or abs(hours.bad_count - days.bad_count) > 1e-6 * days.total_count
        or abs(hours.total_count - days.total_count) > 1e-6 * days.total_count
),

unequal_requests as (
    select
        concat('requests of ', days.service_id) as measure,
        hours.request_count as one_amount,
        days.request_count as other_amount
    from {{ ref('fct_service_performance_daily') }} as days
    left join (
        select service_id, observed_date, sum(request_count) as request_count
        from {{ ref('fct_service_performance_hourly') }}
        group by service_id, observed_date
    ) as hours
        on days.service_id = hours.service_id and days.observed_date = hours.observed_date
    where abs(coalesce(days.request_count, 0) - coalesce(hours.request_count, 0)) > 1e-6 * coalesce(days.request_count, 1)
),

clocks as (
    select
        concat('clocks of ', target_id) as measure,
        count(*) + 1000000000 * count(case when not is_met then 1 end) as amount
    from {{ ref('fct_incident_sla') }}
    where stopped_at is not null and service_id is not null
    group by target_id
),

levels as (
    select concat('clocks of ', target_id) as measure, sum(total_count + 1000000000 * bad_count) as amount
    from {{ ref('fct_service_levels') }}
    where period = 'quarter' and counted = 'incidents'
    group by target_id
),

changes as (
    select 'changes ended and failed' as measure, count(*) + 1000000000 * count(case when is_failed then 1 end) as amount
    from {{ ref('fct_changes') }}
    where ended_at is not null and outcome is not null
),

rates as (
    select 'changes ended and failed' as measure, sum(change_count) + 1000000000 * sum(failed_count) as amount
    from {{ ref('fct_change_failure_rates') }}
    where service_id = 'all' and change_kind = 'all' and period_grain = 'month'
),

pairs as (
    select 'collisions' as measure, sum(collision_count) as one_amount, max(pairs.amount) as other_amount
    from {{ ref('fct_changes') }}
    cross join (select count(*) as amount from {{ ref('fct_change_collisions') }}) as pairs
    union all
    select 'major incidents' as measure, count(case when is_major then 1 end) as one_amount, max(major.amount) as other_amount
    from {{ ref('fct_incidents') }}
    cross join (select count(*) as amount from {{ ref('fct_major_incidents') }}) as major
),

one as (
    select measure, cast(amount as double) as amount from open_tickets
    union all
    select measure, cast(amount as double) as amount from clocks
    union all
    select measure, cast(amount as double) as amount from changes
),

other as (
    select measure, cast(amount as double) as amount from backlog
    union all
    select measure, cast(amount as double) as amount from levels
    union all
    select measure, cast(amount as double) as amount from rates
)

select coalesce(one.measure, other.measure) as measure, one.amount as one_amount, other.amount as other_amount
from one
full join other on one.measure = other.measure
where coalesce(one.amount, 0) <> coalesce(other.amount, 0)
union all
select measure, one_amount, other_amount from unequal_days
union all
select measure, one_amount, other_amount from unequal_requests
union all
select measure, cast(one_amount as double) as one_amount, cast(other_amount as double) as other_amount
from pairs
where coalesce(one_amount, 0) <> other_amount
