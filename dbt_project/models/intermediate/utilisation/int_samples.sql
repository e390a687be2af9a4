-- A view: all samples of a run are many times what is kept of them. Each reader reads the landed files anew.
{{ config(materialized='view') }}

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
