with landed as (
    select * from {{ source('landing', 'sla_cycles') }}
),

run_window as (
    select as_of_at from {{ ref('stg_run_window') }}
),

known as (
    select landed.*
    from landed
    inner join run_window on landed.updated_at < run_window.as_of_at
    where {{ is_not_deleted('sla_cycles', 'cycle_id') }}
),

newest as (
    {{ newest_receipt('known', ['cycle_id'], newest_first=['updated_at']) }}
),

final as (
    select
        cycle_id,
        incident_id,
        sla_name,
        agreement_kind,
        measure,
        state,
        started_at,
        stopped_at,
        goal_minutes,
        elapsed_minutes,
        is_breached,
        updated_at
    from newest
)

select * from final
