with landed as (
    select * from {{ source('landing', 'planned_purchases') }}
),

newest as (
    {{ newest_receipt('landed', ['purchase_id']) }}
),

final as (
    select
        purchase_id,
        title,
        service_id,
        redundancy_group,
        ci_id,
        resource,
        limit_value,
        added_value,
        unit,
        member_count,
        available_from,
        lead_time_days,
        one_off_cost,
        monthly_cost,
        currency,
        state,
        approved_by,
        approved_at
    from newest
)

select * from final
