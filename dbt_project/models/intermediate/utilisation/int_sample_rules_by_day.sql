with run_days as (
    select observed_date from {{ ref('stg_run_days') }}
),

plan as (
    select * from {{ ref('int_plan_by_day') }}
),

conversions as (
    select * from {{ ref('stg_unit_conversions') }}
),

final as (
    select
        plan.observed_date,
        plan.metric,
        conversions.source_unit,
        conversions.kind,
        plan.level,
        plan.resource,
        plan.unit,
        conversions.factor,
        conversions.offset_value
    from plan
    inner join run_days on plan.observed_date = run_days.observed_date
    inner join conversions on plan.unit = conversions.canonical_unit
)

select * from final
