-- A table: one look at all samples serves everything that asks which metrics came, in which unit, from how many batches.
{{ config(materialized='table') }}

select
    metric,
    unit as source_unit,
    kind,
    cast(observed_at as date) as observed_date,
    min(receipt_id) as first_receipt_id,
    max(receipt_id) as last_receipt_id
from {{ source('landing', 'metric_samples') }}
group by metric, unit, kind, cast(observed_at as date)
