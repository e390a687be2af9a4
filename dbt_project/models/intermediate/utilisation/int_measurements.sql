-- Staging is read by name twice: DuckDB would keep a CTE of all samples in memory.
with plan as (
    select * from {{ ref('int_plan_by_day') }}
),

run_days as (
    select observed_date from {{ ref('stg_run_days') }}
),

conversions as (
    select * from {{ ref('stg_unit_conversions') }}
),

gauges as (
    select
        ci_id,
        metric,
        observed_at,
        observed_date,
        value,
        source_unit,
        kind,
        interval_seconds,
        interval_seconds as elapsed_seconds
    from {{ ref('stg_metric_samples') }}
    where kind = 'gauge'
),

counter_steps as (
    select
        *,
        lag(value) over (partition by ci_id, metric order by observed_at) as previous_value,
        lag(observed_at) over (partition by ci_id, metric order by observed_at) as previous_at,
        lag(observed_date) over (partition by ci_id, metric order by observed_at) as previous_date
    from {{ ref('stg_metric_samples') }}
    where kind = 'counter'
),

-- The predecessor must be of the same or the previous day, so that a day gives the same rates whichever run builds it.
counter_increases as (
    select
        *,
        case when value >= previous_value then value - previous_value else value end as increase,
        {{ seconds_between('previous_at', 'observed_at') }} as elapsed_seconds
    from counter_steps
    where {{ days_between('previous_date', 'observed_date') }} <= 1
),

rates as (
    select
        ci_id,
        metric,
        observed_at,
        observed_date,
        increase / elapsed_seconds as value,
        source_unit,
        kind,
        interval_seconds,
        elapsed_seconds
    from counter_increases
),

measured as (
    select * from gauges
    union all
    select * from rates
),

final as (
    select
        measured.ci_id,
        measured.metric,
        plan.level,
        plan.resource,
        plan.unit,
        measured.observed_at,
        {{ hour_of('measured.observed_at') }} as hour_at,
        measured.observed_date,
        measured.value * conversions.factor + conversions.offset_value as value,
        measured.interval_seconds,
        measured.elapsed_seconds
    from measured
    inner join run_days on measured.observed_date = run_days.observed_date
    inner join plan
        on measured.metric = plan.metric and measured.observed_date = plan.observed_date
    inner join conversions
        on measured.source_unit = conversions.source_unit
        and measured.kind = conversions.kind
        and plan.unit = conversions.canonical_unit
)

select * from final
