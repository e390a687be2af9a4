{%- set crowded_parts -%}
    select metric as part_1, observed_date as part_2
    from {{ ref('stg_metric_sample_parts') }}
    group by metric, observed_date
    having min(receipt_id) <> max(receipt_id)
{%- endset -%}

with newest as (
    {{ newest_receipt_of_large(
        source('landing', 'metric_samples'),
        ['ci_id', 'metric', 'observed_at'],
        ['metric', 'cast(observed_at as date)'],
        ['ci_id', 'metric', 'observed_at', 'value', 'unit', 'kind', 'interval_seconds'],
        crowded_parts
    ) }}
),

final as (
    select
        ci_id,
        metric,
        observed_at,
        cast(observed_at as date) as observed_date,
        value,
        unit as source_unit,
        kind,
        interval_seconds
    from newest
)

select * from final
