with landed as (
    select * from {{ source('landing', 'watermelon_thresholds') }}
),

newest as (
    {{ newest_receipt('landed', ['evidence']) }}
),

-- A threshold that is recorded replaces the default of its name; how it is meant is the product's.
final as (
    select
        defaults.evidence,
        defaults.comparator,
        coalesce(newest.threshold_value, defaults.threshold_value) as threshold_value,
        cast(coalesce(newest.minimum_count, defaults.minimum_count) as int) as minimum_count
    from {{ ref('default_watermelon_thresholds') }} as defaults
    left join newest on defaults.evidence = newest.evidence
)

select * from final
