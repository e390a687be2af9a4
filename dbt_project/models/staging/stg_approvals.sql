with newest as (
    {{ newest_known('approvals', 'approval_id', known_at='requested_at') }}
),

final as (
    select
        approval_id,
        record_table,
        record_id,
        item_id,
        group_approval_id,
        approver,
        state,
        requested_at,
        decided_at,
        updated_at
    from newest
)

select * from final
