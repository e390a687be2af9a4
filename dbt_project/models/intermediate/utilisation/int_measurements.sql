-- A view: all samples of a run are many times what is kept of them. Each reader reads the landed files anew.
{{ config(materialized='view') }}

with rules as (
    select * from {{ ref('int_sample_rules_by_day') }}
),

measured as (
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
    union all
    select
        ci_id,
        metric,
        observed_at,
        observed_date,
        value,
        source_unit,
        kind,
        interval_seconds,
        elapsed_seconds
    from {{ ref('int_counter_rates') }}
),

final as (
    select
        measured.ci_id,
        measured.metric,
        rules.level,
        rules.resource,
        rules.unit,
        measured.observed_at,
        {{ hour_of('measured.observed_at') }} as hour_at,
        measured.observed_date,
        measured.value * rules.factor + rules.offset_value as value,
        measured.interval_seconds,
        measured.elapsed_seconds
    from measured
    inner join rules
        on measured.metric = rules.metric
        and measured.observed_date = rules.observed_date
        and measured.source_unit = rules.source_unit
        and measured.kind = rules.kind
)

select * from final
