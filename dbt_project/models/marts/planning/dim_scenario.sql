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

scenarios as (
    select * from {{ ref('stg_scenarios') }}
),

final as (
    select
        scenarios.scenario_id,
        cast(scenarios.step as int) as step,
        scenarios.scenario_name,
        scenarios.description,
        scenarios.action,
        scenarios.service_id,
        scenarios.redundancy_group,
        scenarios.ci_id,
        scenarios.site,
        scenarios.resource,
        scenarios.purchase_id,
        scenarios.factor,
        cast(scenarios.count as int) as count,
        cast(scenarios.days as int) as days,
        case
            when scenarios.unit is null or scenarios.unit = rules.unit then scenarios.limit_value
            else scenarios.limit_value * conversions.factor + conversions.offset_value
        end as limit_value,
        case
            when scenarios.unit is null or scenarios.unit = rules.unit then scenarios.added_value
            else scenarios.added_value * conversions.factor + conversions.offset_value
        end as added_value,
        coalesce(rules.unit, scenarios.unit) as unit,
        scenarios.one_off_cost,
        scenarios.monthly_cost,
        scenarios.from_date,
        scenarios.author,
        scenarios.reason,
        scenarios.approved_by,
        scenarios.approved_at
    from scenarios
    cross join run_window
    left join rules
        on scenarios.resource = rules.resource and run_window.as_of_date = rules.observed_date
    left join conversions
        on scenarios.unit = conversions.source_unit and rules.unit = conversions.canonical_unit
)

select * from final
