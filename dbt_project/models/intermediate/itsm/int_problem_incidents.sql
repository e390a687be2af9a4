{{ config(materialized='view') }}

with problems as (
    select * from {{ ref('int_problems') }}
),

incidents as (
    select * from {{ ref('int_incidents') }}
    where state <> 'cancelled'
),

-- An incident that names the problem belongs to it; another one of the same CI may show that the cause is still there.
pairs as (
    select
        problems.problem_id,
        incidents.incident_id,
        'linked' as link,
        incidents.opened_at,
        incidents.elapsed_resolution_minutes,
        problems.known_error_at,
        problems.resolved_at,
        problems.measured_until_at
    from problems
    inner join incidents on problems.problem_id = incidents.problem_id
    union all
    select
        problems.problem_id,
        incidents.incident_id,
        'same_ci' as link,
        incidents.opened_at,
        incidents.elapsed_resolution_minutes,
        problems.known_error_at,
        problems.resolved_at,
        problems.measured_until_at
    from problems
    inner join incidents on problems.ci_id = incidents.ci_id
    where incidents.problem_id is distinct from problems.problem_id
),

final as (
    select
        problem_id,
        incident_id,
        link,
        opened_at,
        elapsed_resolution_minutes,
        coalesce(opened_at >= known_error_at, false) as is_after_known_error,
        coalesce(opened_at > resolved_at, false) as is_after_fix
    from pairs
)

select * from final
