-- Rates in the source's unit a second. The predecessor must be of the same or the previous day, so that a day gives the
-- same rates whichever run builds it.
with steps as (
    select
        *,
        lag(value) over (partition by ci_id, metric order by observed_at) as previous_value,
        lag(observed_at) over (partition by ci_id, metric order by observed_at) as previous_at,
        lag(observed_date) over (partition by ci_id, metric order by observed_at) as previous_date
    from {{ ref('stg_metric_samples') }}
    where kind = 'counter'
),

run_days as (
    select observed_date from {{ ref('stg_run_days') }}
),

increases as (
    select
        steps.*,
        case when value >= previous_value then value - previous_value else value end as increase,
        {{ seconds_between('previous_at', 'observed_at') }} as elapsed_seconds
    from steps
    inner join run_days on steps.observed_date = run_days.observed_date
    where {{ days_between('previous_date', 'steps.observed_date') }} <= 1
),

final as (
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
    from increases
)

select * from final
