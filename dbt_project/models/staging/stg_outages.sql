with landed as (
    select * from {{ source('landing', 'outages') }}
),

run_window as (
    select as_of_at from {{ ref('stg_run_window') }}
),

known as (
    select landed.*, run_window.as_of_at
    from landed
    inner join run_window on landed.updated_at < run_window.as_of_at
),

newest as (
    {{ newest_receipt('known', ['outage_id'], newest_first=['updated_at']) }}
),

final as (
    select
        outage_id,
        service_id,
        ci_id,
        coalesce(is_planned, false) as is_planned,
        started_at,
        least(coalesce(ended_at, as_of_at), as_of_at) as ended_at,
        incident_id,
        updated_at
    from newest
    where started_at < as_of_at
)

select * from final
