with samples as (
    select * from {{ ref('stg_metric_samples') }}
    where kind = 'gauge'
),

endpoints as (
    select * from {{ ref('int_service_endpoints_by_day') }}
),

plan as (
    select * from {{ ref('int_plan_by_day') }}
    where level = 'service' and resource = 'availability'
),

conversions as (
    select * from {{ ref('stg_unit_conversions') }}
    where kind = 'gauge'
),

run_days as (
    select observed_date from {{ ref('stg_run_days') }}
),

checks as (
    select samples.*
    from samples
    where samples.metric in (select metric from plan)
),

stepped as (
    select
        *,
        lag(value) over (partition by ci_id, metric order by observed_at) as previous_value,
        lag(observed_at) over (partition by ci_id, metric order by observed_at) as previous_at,
        lag(observed_date) over (partition by ci_id, metric order by observed_at) as previous_date,
        lead(observed_at) over (partition by ci_id, metric order by observed_at) as next_at,
        lead(observed_date) over (partition by ci_id, metric order by observed_at) as next_date
    from checks
),

-- Only neighbours of the same day (and, looking back, of the day before) count, so that a day gives the same result
-- whichever run builds it.
near as (
    select
        *,
        {{ days_between('previous_date', 'observed_date') }} <= 1 as has_near_predecessor
    from stepped
),

final as (
    select
        endpoints.service_id,
        near.ci_id,
        near.metric,
        near.observed_at,
        near.observed_date,
        near.interval_seconds,
        least(1.0e0, greatest(0.0e0, near.value * conversions.factor + conversions.offset_value)) as up_ratio,
        case when near.has_near_predecessor then near.previous_at end as previous_at,
        case
            when near.has_near_predecessor
                then least(1.0e0, greatest(0.0e0, near.previous_value * conversions.factor + conversions.offset_value))
        end as previous_up_ratio,
        case when near.next_date = near.observed_date then near.next_at end as next_at
    from near
    inner join run_days on near.observed_date = run_days.observed_date
    inner join plan on near.metric = plan.metric and near.observed_date = plan.observed_date
    inner join conversions
        on near.source_unit = conversions.source_unit and plan.unit = conversions.canonical_unit
    inner join endpoints on near.ci_id = endpoints.ci_id and near.observed_date = endpoints.observed_date
)

select * from final
