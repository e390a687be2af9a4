{{ config(severity='warn') }}
-- Landed metrics without an entry in the measurement plan on their day, or without a conversion to its unit:
-- they reach no mart.
with landed as (
    select distinct metric, source_unit, kind, observed_date
    from {{ ref('stg_metric_sample_parts') }}
    union
    select distinct
        histograms.metric,
        histograms.unit as source_unit,
        'histogram' as kind,
        cast(histograms.observed_at as date) as observed_date
    from {{ source('landing', 'metric_histograms') }} as histograms
)

select distinct landed.metric, landed.source_unit, landed.kind
from landed
inner join {{ ref('stg_run_days') }} as run_days on landed.observed_date = run_days.observed_date
left join {{ ref('int_plan_by_day') }} as plan
    on landed.metric = plan.metric and landed.observed_date = plan.observed_date
left join {{ ref('stg_unit_conversions') }} as conversions
    on landed.source_unit = conversions.source_unit
    and landed.kind = conversions.kind
    and plan.unit = conversions.canonical_unit
where conversions.source_unit is null
