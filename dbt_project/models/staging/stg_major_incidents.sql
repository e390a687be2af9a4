with landed as (
    select * from {{ source('landing', 'major_incidents') }}
),

run_window as (
    select as_of_at from {{ ref('stg_run_window') }}
),

known as (
    select landed.*
    from landed
    inner join run_window on landed.declared_at < run_window.as_of_at
),

newest as (
    {{ newest_receipt('known', ['incident_id'], newest_first=['updated_at']) }}
),

final as (
    select
        incident_id,
        declared_at,
        first_update_at,
        restored_at,
        reviewed_at,
        updated_at
    from newest
)

select * from final
