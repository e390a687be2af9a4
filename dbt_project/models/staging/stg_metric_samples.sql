with newest as (
    {{ newest_receipt_of_large(
        source('landing', 'metric_samples'),
        ['ci_id', 'metric', 'observed_at'],
        ['metric', 'cast(observed_at as date)'],
        ['ci_id', 'metric', 'observed_at', 'value', 'unit', 'kind', 'interval_seconds']
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
