{{ rebuilt_by('as_of_date') }}

with run_window as (
    select as_of_date from {{ ref('stg_run_window') }}
),

rules as (
    select * from {{ ref('int_resource_rules_by_day') }}
),

members as (
    select * from {{ ref('int_pool_members_by_day') }}
),

daily as (
    select distinct
        utilisation.ci_id,
        utilisation.resource
    from {{ ref('fct_resource_utilisation_daily') }} as utilisation
    inner join run_window
        on utilisation.observed_date <= run_window.as_of_date
        and utilisation.observed_date > {{ add_days('run_window.as_of_date', -90) }}
),

names as (
    select
        ci_id,
        resource,
        {{ series_key('ci_id', 'resource') }} as series_key
    from daily
),

windows as (
    select 7 as window_days
    union all
    select 30 as window_days
    union all
    select 90 as window_days
),

-- A week is read whole by the windows that hold all its days, and by day for those that begin or end in it.
days as (
    select
        sketches.series_key,
        sketches.unit,
        sketches.bucket,
        sketches.covered_microseconds,
        {{ days_between('sketches.observed_date', 'run_window.as_of_date') }} as age_days,
        {{ days_between(week_of('sketches.observed_date'), 'run_window.as_of_date') }} as monday_age_days
    from {{ ref('fct_resource_utilisation_sketches') }} as sketches
    inner join run_window
        on sketches.observed_date <= run_window.as_of_date
        and sketches.observed_date > {{ add_days('run_window.as_of_date', -90) }}
),

weeks as (
    select
        sketches.series_key,
        sketches.unit,
        sketches.bucket,
        sketches.covered_microseconds,
        {{ days_between('sketches.week_start_date', 'run_window.as_of_date') }} as monday_age_days
    from {{ ref('int_resource_sketch_weeks') }} as sketches
    inner join run_window
        on sketches.week_start_date <= {{ add_days('run_window.as_of_date', -6) }}
        and sketches.week_start_date > {{ add_days('run_window.as_of_date', -90) }}
),

parts as (
    select
        weeks.series_key,
        weeks.unit,
        windows.window_days,
        weeks.bucket,
        weeks.covered_microseconds
    from weeks
    inner join windows on weeks.monday_age_days < windows.window_days
    union all
    select
        days.series_key,
        days.unit,
        windows.window_days,
        days.bucket,
        days.covered_microseconds
    from days
    inner join windows
        on days.age_days < windows.window_days
        and (days.monday_age_days < 6 or days.monday_age_days >= windows.window_days)
),

-- Sketches of a CI merge into one of each window.
series_windows as (
    select
        series_key,
        unit,
        window_days,
        bucket,
        cast(sum(covered_microseconds) as bigint) as weight
    from parts
    group by series_key, unit, window_days, bucket
),

-- Samples in the unit that the plan asks for now: what was measured in another unit before does not count.
ci_windows as (
    select
        names.ci_id,
        names.resource,
        series_windows.unit,
        run_window.as_of_date,
        series_windows.window_days,
        series_windows.bucket,
        series_windows.weight
    from series_windows
    inner join names on series_windows.series_key = names.series_key
    cross join run_window
    inner join rules
        on names.resource = rules.resource
        and series_windows.unit = rules.unit
        and rules.observed_date = run_window.as_of_date
),

-- And those of a pool's members into one of the pool.
all_levels as (
    select
        'ci/' || ci_id || '/' || resource as series_id,
        'resource' as level,
        cast(null as string) as service_id,
        ci_id,
        cast(null as string) as pool_id,
        resource,
        unit,
        as_of_date,
        window_days,
        ci_id as member_ci_id,
        bucket,
        weight
    from ci_windows
    union all
    select
        'pool/' || {{ pool_id('members.service_id', 'members.redundancy_group', 'ci_windows.resource') }} as series_id,
        'pool' as level,
        members.service_id,
        cast(null as string) as ci_id,
        {{ pool_id('members.service_id', 'members.redundancy_group', 'ci_windows.resource') }} as pool_id,
        ci_windows.resource,
        ci_windows.unit,
        ci_windows.as_of_date,
        ci_windows.window_days,
        ci_windows.ci_id as member_ci_id,
        ci_windows.bucket,
        ci_windows.weight
    from ci_windows
    inner join members
        on ci_windows.ci_id = members.ci_id and ci_windows.as_of_date = members.observed_date
),

merged as (
    {{ merged_sketches('all_levels', ['series_id', 'window_days']) }}
),

percentiles as (
    select
        series_id,
        window_days,
        {{ sketch_quantile(0.5) }} as demand_p50,
        {{ sketch_quantile(0.95) }} as demand_p95,
        {{ sketch_quantile(0.99) }} as demand_p99,
        max(total_weight) / 1000000.0e0 as covered_seconds
    from merged
    group by series_id, window_days
),

series as (
    select
        series_id,
        level,
        service_id,
        ci_id,
        pool_id,
        resource,
        unit,
        as_of_date,
        window_days,
        cast(count(distinct member_ci_id) as int) as member_count
    from all_levels
    group by series_id, level, service_id, ci_id, pool_id, resource, unit, as_of_date, window_days
),

covered as (
    select
        series.*,
        percentiles.demand_p50,
        percentiles.demand_p95,
        percentiles.demand_p99,
        least(1.0e0, percentiles.covered_seconds / (86400.0e0 * series.window_days * series.member_count))
            as coverage_ratio
    from series
    inner join percentiles
        on series.series_id = percentiles.series_id and series.window_days = percentiles.window_days
),

final as (
    select
        series_id,
        as_of_date,
        window_days,
        level,
        service_id,
        ci_id,
        pool_id,
        resource,
        unit,
        member_count,
        demand_p50,
        demand_p95,
        demand_p99,
        coverage_ratio,
        coverage_ratio < {{ var('low_coverage_ratio') }} as is_low_coverage
    from covered
)

select * from final
