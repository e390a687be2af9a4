with landed as (
    select * from {{ source('landing', 'csat_responses') }}
),

run_window as (
    select as_of_at from {{ ref('stg_run_window') }}
),

known as (
    select landed.*
    from landed
    inner join run_window on landed.answered_at < run_window.as_of_at
),

newest as (
    {{ newest_receipt('known', ['response_id'], newest_first=['answered_at']) }}
),

final as (
    select response_id, service_id, incident_id, answered_at, cast(score as int) as score
    from newest
)

select * from final
