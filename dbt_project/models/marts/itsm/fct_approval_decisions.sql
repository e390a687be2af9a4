with approvers as (
    select * from {{ ref('stg_approvals') }}
),

group_approvals as (
    select * from {{ ref('stg_group_approvals') }}
),

run_window as (
    select as_of_at from {{ ref('stg_run_window') }}
),

-- How many members of a group have to approve is the group's rule: they count by its state, where that has landed.
asked as (
    select
        approvers.record_table,
        approvers.record_id,
        coalesce(approvers.item_id, approvers.record_id) as item_id,
        'person' as approver_kind,
        approvers.approval_id,
        approvers.group_approval_id,
        approvers.approver,
        group_approvals.team_id,
        group_approvals.group_approval_id is null as is_counted,
        approvers.state,
        approvers.requested_at,
        approvers.decided_at
    from approvers
    left join group_approvals on approvers.group_approval_id = group_approvals.group_approval_id
    union all
    select
        record_table,
        record_id,
        coalesce(item_id, record_id) as item_id,
        'group' as approver_kind,
        group_approval_id as approval_id,
        cast(null as string) as group_approval_id,
        cast(null as string) as approver,
        team_id,
        true as is_counted,
        state,
        requested_at,
        decided_at
    from group_approvals
),

-- A decision of a later day is not known yet.
known as (
    select
        asked.record_table,
        asked.record_id,
        asked.item_id,
        asked.approver_kind,
        asked.approval_id,
        asked.group_approval_id,
        asked.approver,
        asked.team_id,
        asked.is_counted,
        asked.requested_at,
        run_window.as_of_at,
        case when asked.decided_at >= run_window.as_of_at then 'requested' else asked.state end as state,
        case when asked.decided_at < run_window.as_of_at then asked.decided_at end as decided_at
    from asked
    cross join run_window
),

final as (
    select
        record_table,
        record_id,
        item_id,
        approver_kind,
        approval_id,
        group_approval_id,
        approver,
        team_id,
        is_counted,
        state,
        requested_at,
        decided_at,
        case
            when state = 'requested' then {{ minutes_between('requested_at', 'as_of_at') }}
            when state in ('approved', 'rejected') then {{ minutes_between('requested_at', 'decided_at') }}
        end as waiting_minutes
    from known
)

select * from final
