-- A view: all samples of a run are many times what is kept of them. Each reader reads the landed files anew.
{{ config(materialized='view') }}

with rules as (
    select * from {{ ref('int_sample_rules_by_day') }}
),

gauges as (
    select
        samples.ci_id,
        samples.metric,
        rules.level,
        rules.resource,
        rules.unit,
        samples.observed_at,
        samples.observed_date,
        samples.value * rules.factor + rules.offset_value as value,
        samples.interval_seconds,
        samples.interval_seconds as elapsed_seconds
    from {{ ref('stg_metric_samples') }} as samples
    inner join rules
        on samples.metric = rules.metric
        and samples.observed_date = rules.observed_date
        and samples.source_unit = rules.source_unit
    where samples.kind = 'gauge' and rules.kind = 'gauge'
),

counters as (
    select
        rates.ci_id,
        rates.metric,
        rules.level,
        rules.resource,
        rules.unit,
        rates.observed_at,
        rates.observed_date,
        rates.value * rules.factor + rules.offset_value as value,
        rates.interval_seconds,
        rates.elapsed_seconds
    from {{ ref('int_counter_rates') }} as rates
    inner join rules
        on rates.metric = rules.metric
        and rates.observed_date = rules.observed_date
        and rates.source_unit = rules.source_unit
    where rules.kind = 'counter'
),

measured as (
    select * from gauges
    union all
    select * from counters
),

final as (
    select *, {{ hour_of('observed_at') }} as hour_at
    from measured
)

select * from final
