with problems as (
    select * from {{ ref('stg_problems') }}
),

run_window as (
    select as_of_at from {{ ref('stg_run_window') }}
),

ended as (
    select
        problems.*,
        run_window.as_of_at,
        case
            when problems.resolved_at is not null then greatest(problems.resolved_at, problems.opened_at)
            when problems.state in ('resolved', 'closed') then greatest(problems.updated_at, problems.opened_at)
        end as ended_at
    from problems
    cross join run_window
),

-- The record tells its last state; what it was at the end of the as-of day follows from its times.
final as (
    select
        problem_id,
        title,
        service_id,
        ci_id,
        team_id,
        case
            when updated_at < as_of_at then state
            when ended_at < as_of_at then 'resolved'
            when known_error_at < as_of_at then 'known_error'
            else 'investigating'
        end as state,
        case when known_error_at < as_of_at then root_cause end as root_cause,
        case when known_error_at < as_of_at then workaround end as workaround,
        case when ended_at < as_of_at then change_id end as change_id,
        opened_at,
        case when known_error_at < as_of_at then greatest(known_error_at, opened_at) end as known_error_at,
        case when ended_at < as_of_at then ended_at end as resolved_at,
        case when ended_at < as_of_at then ended_at else as_of_at end as measured_until_at
    from ended
)

select * from final
