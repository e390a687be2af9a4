with problems as (
    select * from {{ ref('int_problems') }}
    where known_error_at is not null
),

incidents as (
    select * from {{ ref('int_problem_incidents') }}
    where link = 'linked'
),

counted as (
    select
        problem_id,
        cast(count(case when is_after_known_error then 1 end) as int) as incident_count,
        {{ percentile('case when not is_after_known_error then elapsed_resolution_minutes end', 0.5) }}
            as resolution_minutes_p50_before,
        {{ percentile('case when is_after_known_error then elapsed_resolution_minutes end', 0.5) }}
            as resolution_minutes_p50_after
    from incidents
    group by problem_id
),

final as (
    select
        problems.problem_id,
        problems.title,
        problems.service_id,
        problems.ci_id,
        problems.team_id,
        problems.known_error_at,
        problems.resolved_at,
        problems.resolved_at is null as is_open,
        problems.root_cause,
        problems.workaround,
        problems.workaround is not null as has_workaround,
        {{ minutes_between('problems.opened_at', 'problems.known_error_at') }} / 1440 as days_to_known_error,
        {{ minutes_between('problems.known_error_at', 'problems.measured_until_at') }} / 1440 as known_error_days,
        coalesce(counted.incident_count, 0) as incident_count,
        counted.resolution_minutes_p50_before,
        counted.resolution_minutes_p50_after
    from problems
    left join counted on problems.problem_id = counted.problem_id
)

select * from final
