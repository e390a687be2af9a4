-- A table of its own: with all joins in one statement DuckDB may hash the samples instead of these few rows.
with days as (
    select * from {{ ref('int_sampled_days') }}
    where not is_regular
),

rules as (
    select * from {{ ref('int_sample_rules_by_day') }}
    where level = 'resource'
),

final as (
    select
        days.ci_id,
        days.resource,
        days.observed_date,
        days.unit,
        rules.metric,
        rules.source_unit,
        rules.kind,
        rules.factor,
        rules.offset_value,
        days.usable_value
    from days
    inner join rules
        on days.resource = rules.resource
        and days.observed_date = rules.observed_date
        and days.unit = rules.unit
)

select * from final
