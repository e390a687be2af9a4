with landed as (
    select * from {{ source('landing', 'changes') }}
),

run_window as (
    select as_of_at from {{ ref('stg_run_window') }}
),

known as (
    select landed.*
    from landed
    inner join run_window on landed.updated_at < run_window.as_of_at
    where {{ is_not_deleted('changes', 'change_id') }}
),

newest as (
    {{ newest_receipt('known', ['change_id'], newest_first=['updated_at']) }}
),

final as (
    select
        change_id,
        change_kind,
        state,
        title,
        service_id,
        ci_id,
        requested_at,
        planned_start_at,
        planned_end_at,
        started_at,
        ended_at,
        outcome,
        updated_at
    from newest
)

select * from final
