-- Reconciliation by two paths: samples of a day, and of its hours; the mean of an irregular day, and of its hours weighted by the time that
-- they cover. The mean of a regular day is made of its hours, see assert_daily_means_agree_with_sketches.
with run_days as (
    select observed_date from {{ ref('stg_run_days') }}
),

hours as (
    select
        hourly.ci_id,
        hourly.resource,
        hourly.observed_date,
        sum(hourly.sample_count) as sample_count,
        {{ exact_sum('hourly.demand_avg * hourly.covered_seconds') }} / {{ exact_sum('hourly.covered_seconds') }} as demand_avg
    from {{ ref('fct_resource_utilisation_hourly') }} as hourly
    inner join run_days on hourly.observed_date = run_days.observed_date
    group by hourly.ci_id, hourly.resource, hourly.observed_date
),

days as (
    select daily.*
    from {{ ref('fct_resource_utilisation_daily') }} as daily
    inner join run_days on daily.observed_date = run_days.observed_date
)

select
    coalesce(days.ci_id, hours.ci_id) as ci_id,
    coalesce(days.resource, hours.resource) as resource,
    coalesce(days.observed_date, hours.observed_date) as observed_date,
    days.demand_avg as demand_avg_of_day,
    hours.demand_avg as demand_avg_of_hours
from days
full outer join hours
    on days.ci_id = hours.ci_id
    and days.resource = hours.resource
    and days.observed_date = hours.observed_date
where days.ci_id is null
    or hours.ci_id is null
    or days.sample_count <> hours.sample_count
    or abs(days.demand_avg - hours.demand_avg) > 1e-9 * greatest(abs(days.demand_avg), abs(hours.demand_avg))
