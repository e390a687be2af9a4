with landed as (
    select * from {{ source('landing', 'measurement_plan') }}
),

newest as (
    {{ newest_receipt('landed', ['metric', 'valid_from']) }}
),

final as (
    select
        metric,
        level,
        resource,
        unit,
        statistic,
        pooling,
        resource_kind,
        lead_time_days,
        minimum_value,
        maximum_value,
        valid_from,
        valid_to
    from newest
)

select * from final
