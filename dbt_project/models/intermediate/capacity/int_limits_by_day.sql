with limits as (
    select * from {{ ref('stg_resource_limits') }}
),

rules as (
    select observed_date, resource, unit from {{ ref('int_resource_rules_by_day') }}
),

conversions as (
    select * from {{ ref('stg_unit_conversions') }}
    where kind = 'gauge'
),

effective as (
    {{ effective_by_day('limits', ['ci_id', 'resource']) }}
),

final as (
    select
        effective.observed_date,
        effective.ci_id,
        effective.resource,
        case
            when effective.unit = rules.unit then effective.limit_value
            else effective.limit_value * conversions.factor + conversions.offset_value
        end as limit_value,
        rules.unit
    from effective
    inner join rules
        on effective.observed_date = rules.observed_date and effective.resource = rules.resource
    left join conversions
        on effective.unit = conversions.source_unit and rules.unit = conversions.canonical_unit
)

select * from final
