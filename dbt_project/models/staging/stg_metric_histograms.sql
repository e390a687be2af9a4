with newest as (
    {{ newest_receipt_of_large(
        source('landing', 'metric_histograms'),
        ['ci_id', 'metric', 'observed_at', 'upper_bound'],
        ['metric', 'cast(observed_at as date)'],
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
