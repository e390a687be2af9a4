with landed as (
    select * from {{ source('landing', 'service_requests') }}
),

run_window as (
    select as_of_at from {{ ref('stg_run_window') }}
),

-- What came in by the end of the as-of day counts, even when the row was updated later.
known as (
    select landed.*
    from landed
    inner join run_window on landed.opened_at < run_window.as_of_at
    where {{ is_not_deleted('service_requests', 'request_id') }}
),

newest as (
    {{ newest_receipt('known', ['request_id'], newest_first=['updated_at']) }}
),

final as (
    select
        request_id,
        request_kind,
        service_id,
        team_id,
        state,
        opened_at,
        fulfilled_at,
        updated_at
    from newest
)

select * from final
