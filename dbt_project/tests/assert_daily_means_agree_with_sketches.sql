-- Reconciliation by two paths: the mean of a day from its hours, and from the sketch of its samples. A bucket's value is within 1 % of each of
-- its samples, so the means differ by at most 1 % of the mean size.
with run_days as (
    select observed_date from {{ ref('stg_run_days') }}
),

sketches as (
    select
        sketches.ci_id,
        sketches.resource,
        sketches.observed_date,
        sum({{ sketch_value('sketches.bucket') }} * sketches.covered_microseconds)
        / sum(sketches.covered_microseconds) as demand_avg,
        sum(abs({{ sketch_value('sketches.bucket') }}) * sketches.covered_microseconds)
        / sum(sketches.covered_microseconds) as demand_size_avg
    from {{ ref('fct_resource_utilisation_sketches') }} as sketches
    inner join run_days on sketches.observed_date = run_days.observed_date
    where sketches.covered_microseconds > 0
    group by sketches.ci_id, sketches.resource, sketches.observed_date
),

days as (
    select daily.*
    from {{ ref('fct_resource_utilisation_daily') }} as daily
    inner join run_days on daily.observed_date = run_days.observed_date
    where daily.covered_seconds > 0
)

select
    coalesce(days.ci_id, sketches.ci_id) as ci_id,
    coalesce(days.resource, sketches.resource) as resource,
    coalesce(days.observed_date, sketches.observed_date) as observed_date,
    days.demand_avg as demand_avg_of_day,
    sketches.demand_avg as demand_avg_of_sketch
from days
full outer join sketches
    on days.ci_id = sketches.ci_id
    and days.resource = sketches.resource
    and days.observed_date = sketches.observed_date
where days.ci_id is null
    or sketches.ci_id is null
    or abs(days.demand_avg - sketches.demand_avg) > 0.0101011e0 * sketches.demand_size_avg
