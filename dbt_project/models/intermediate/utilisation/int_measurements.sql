{{ config(materialized='view') }}

with rules as (
    select * from {{ ref('int_sample_rules_by_day') }}
),

final as (
    select
        samples.ci_id,
        samples.metric,
        rules.level,
        rules.resource,
        rules.unit,
        samples.observed_at,
        {{ hour_of('samples.observed_at') }} as hour_at,
        samples.observed_date,
        samples.value * rules.factor + rules.offset_value as value,
        samples.interval_seconds,
        samples.elapsed_seconds
    from {{ ref('int_samples') }} as samples
    inner join rules
        on samples.metric = rules.metric
        and samples.observed_date = rules.observed_date
        and samples.source_unit = rules.source_unit
        and samples.kind = rules.kind
)

select * from final
