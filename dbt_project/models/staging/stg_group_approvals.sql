with newest as (
    {{ newest_known('group_approvals', 'group_approval_id', known_at='requested_at') }}
),

final as (
    select
        group_approval_id,
        record_table,
        record_id,
        item_id,
        team_id,
        state,
        requested_at,
        decided_at,
        updated_at
    from newest
)

select * from final
