with landed as (
    select * from {{ source('landing', 'metric_histograms') }}
),

newest as (
    {{ newest_receipt_of_large(
        'landed',
        ['ci_id', 'metric', 'observed_at', 'upper_bound'],
        ['ci_id', 'metric', 'observed_at', 'upper_bound', 'count', 'unit', 'interval_seconds']
    ) }}
),

final as (
    select
        ci_id,
        metric,
        observed_at,
        cast(observed_at as date) as observed_date,
        upper_bound as source_upper_bound,
        count as cumulative_count,
        unit as source_unit,
        interval_seconds
    from newest
)

select * from final
