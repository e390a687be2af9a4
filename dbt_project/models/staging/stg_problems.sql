with landed as (
    select * from {{ source('landing', 'problems') }}
),

run_window as (
    select as_of_at from {{ ref('stg_run_window') }}
),

known as (
    select landed.*
    from landed
    inner join run_window on landed.opened_at < run_window.as_of_at
    where {{ is_not_deleted('problems', 'problem_id') }}
),

newest as (
    {{ newest_receipt('known', ['problem_id'], newest_first=['updated_at']) }}
),

final as (
    select
        problem_id,
        title,
        service_id,
        ci_id,
        team_id,
        state,
        root_cause,
        workaround,
        change_id,
        opened_at,
        known_error_at,
        resolved_at,
        updated_at
    from newest
)

select * from final
