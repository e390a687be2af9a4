with plan as (
    select * from {{ ref('stg_measurement_plan') }}
),

effective as (
    {{ effective_by_day('plan', ['metric']) }}
),

final as (
    select
        observed_date,
        metric,
        level,
        resource,
        unit,
        coalesce(statistic, 'busy_hour') as statistic,
        coalesce(pooling, 'own') as pooling,
        coalesce(resource_kind, 'technical') as resource_kind,
        lead_time_days
    from effective
)

select * from final
