with landed as (
    select * from {{ source('landing', 'improvement_states') }}
),

newest as (
    {{ newest_receipt('landed', ['improvement_id', 'changed_at']) }}
),

final as (
    select
        improvement_id,
        changed_at,
        state,
        changed_by,
        reason,
        change_id,
        kind,
        subject,
        title,
        service_id,
        ci_id,
        resource,
        expected_benefit_value,
        one_off_cost,
        monthly_cost
    from newest
)

select * from final
