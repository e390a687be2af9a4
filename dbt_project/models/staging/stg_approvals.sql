with landed as (
    select * from {{ source('landing', 'approvals') }}
),

run_window as (
    select as_of_at from {{ ref('stg_run_window') }}
),

known as (
    select landed.*
    from landed
    inner join run_window on landed.requested_at < run_window.as_of_at
    where {{ is_not_deleted('approvals', 'approval_id') }}
),

newest as (
    {{ newest_receipt('known', ['approval_id'], newest_first=['updated_at']) }}
),

final as (
    select
        approval_id,
        record_table,
        record_id,
        approver,
        state,
        requested_at,
        decided_at,
        updated_at
    from newest
)

select * from final
