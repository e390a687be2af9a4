with targets as (
    select * from {{ ref('stg_targets') }}
),

effective as (
    {{ effective_by_day('targets', ['target_id']) }}
),

final as (
    select
        observed_date,
        target_id,
        service_id,
        measure,
        resource,
        priority,
        comparator,
        target_value,
        objective_ratio,
        calendar_id,
        valid_from,
        approved_by,
        approved_at
    from effective
)

select * from final
