with run_window as (
    select as_of_date from {{ ref('stg_run_window') }}
),

rules as (
    select observed_date, resource, unit from {{ ref('int_resource_rules_by_day') }}
),

conversions as (
    select * from {{ ref('stg_unit_conversions') }}
    where kind = 'gauge'
),

purchases as (
    select * from {{ ref('stg_planned_purchases') }}
),

final as (
    select
        purchases.purchase_id,
        purchases.title,
        purchases.service_id,
        purchases.redundancy_group,
        purchases.ci_id,
        purchases.resource,
        case
            when purchases.unit is null or purchases.unit = rules.unit then purchases.limit_value
            else purchases.limit_value * conversions.factor + conversions.offset_value
        end as limit_value,
        case
            when purchases.unit is null or purchases.unit = rules.unit then purchases.added_value
            else purchases.added_value * conversions.factor + conversions.offset_value
        end as added_value,
        coalesce(rules.unit, purchases.unit) as unit,
        cast(purchases.member_count as int) as member_count,
        purchases.available_from,
        cast(purchases.lead_time_days as int) as lead_time_days,
        purchases.one_off_cost,
        purchases.monthly_cost,
        purchases.currency,
        purchases.state,
        purchases.state in ('approved', 'ordered') and purchases.available_from > run_window.as_of_date as is_counted,
        purchases.state in ('proposed', 'approved', 'ordered') and purchases.available_from <= run_window.as_of_date
            as is_overdue,
        purchases.approved_by,
        purchases.approved_at
    from purchases
    cross join run_window
    left join rules
        on purchases.resource = rules.resource and run_window.as_of_date = rules.observed_date
    left join conversions
        on purchases.unit = conversions.source_unit and rules.unit = conversions.canonical_unit
)

select * from final
