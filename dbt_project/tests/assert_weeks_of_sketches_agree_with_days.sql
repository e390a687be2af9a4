-- Reconciliation by two paths: the time of a week in its merged sketch, and in the sketches of its days; of the last week of the run.
with last_week as (
    select {{ week_of('max(observed_date)') }} as week_start_date from {{ ref('stg_run_days') }}
),

weeks as (
    select
        sketches.ci_id,
        sketches.resource,
        sum(sketches.covered_microseconds) as covered_microseconds
    from {{ ref('int_resource_sketch_weeks') }} as sketches
    inner join last_week on sketches.week_start_date = last_week.week_start_date
    group by sketches.ci_id, sketches.resource
),

days as (
    select
        sketches.ci_id,
        sketches.resource,
        sum(sketches.covered_microseconds) as covered_microseconds
    from {{ ref('fct_resource_utilisation_sketches') }} as sketches
    inner join last_week
        on sketches.observed_date >= last_week.week_start_date
        and sketches.observed_date <= {{ add_days('last_week.week_start_date', 6) }}
    group by sketches.ci_id, sketches.resource
)

select
    coalesce(weeks.ci_id, days.ci_id) as ci_id,
    coalesce(weeks.resource, days.resource) as resource,
    weeks.covered_microseconds as week_microseconds,
    days.covered_microseconds as day_microseconds
from weeks
full outer join days on weeks.ci_id = days.ci_id and weeks.resource = days.resource
where weeks.ci_id is null
    or days.ci_id is null
    or weeks.covered_microseconds <> days.covered_microseconds
