with problems as (
    select * from {{ ref('int_problems') }}
),

incidents as (
    select * from {{ ref('int_problem_incidents') }}
),

run_window as (
    select as_of_at from {{ ref('stg_run_window') }}
),

-- Before and after the fix are compared over the same time: as long as it has held by now, at most 90 days.
windows as (
    select
        problems.problem_id,
        problems.resolved_at,
        case when problems.resolved_at is not null
            then least({{ microseconds_between('problems.resolved_at', 'run_window.as_of_at') }}, cast(7776000000000 as bigint))
        end as window_microseconds
    from problems
    cross join run_window
),

placed as (
    select
        incidents.*,
        windows.window_microseconds,
        windows.resolved_at,
        {{ microseconds_between('windows.resolved_at', 'incidents.opened_at') }} as after_microseconds
    from incidents
    inner join windows on incidents.problem_id = windows.problem_id
),

counted as (
    select
        problem_id,
        count(case when link = 'linked' then 1 end) as incident_count,
        count(case when link = 'linked' and is_after_fix then 1 end) as recurrence_count,
        count(case when after_microseconds <= 0 and after_microseconds > -window_microseconds then 1 end)
            as incident_count_before_fix,
        count(case when after_microseconds > 0 and after_microseconds <= window_microseconds then 1 end)
            as incident_count_after_fix,
        count(case when link = 'same_ci' and is_after_fix then 1 end) as ci_recurrence_count,
        max(case when link = 'linked' then opened_at end) as last_incident_at,
        min(case when link = 'linked' and is_after_fix then opened_at end) as first_recurrence_at
    from placed
    group by problem_id
),

final as (
    select
        problems.problem_id,
        problems.title,
        problems.service_id,
        problems.ci_id,
        problems.team_id,
        problems.state,
        problems.opened_at,
        problems.known_error_at,
        problems.resolved_at,
        problems.resolved_at is null as is_open,
        problems.root_cause,
        problems.workaround,
        problems.change_id,
        {{ minutes_between('problems.opened_at', 'problems.known_error_at') }} / 1440 as days_to_known_error,
        {{ minutes_between('problems.opened_at', 'problems.resolved_at') }} / 1440 as days_to_resolution,
        {{ minutes_between('problems.opened_at', 'problems.measured_until_at') }} as open_minutes,
        cast(coalesce(counted.incident_count, 0) as int) as incident_count,
        counted.last_incident_at,
        windows.window_microseconds / 86400000000.0e0 as compared_days,
        case when problems.resolved_at is not null
            then cast(coalesce(counted.incident_count_before_fix, 0) as int)
        end as incident_count_before_fix,
        case when problems.resolved_at is not null
            then cast(coalesce(counted.incident_count_after_fix, 0) as int)
        end as incident_count_after_fix,
        case when problems.resolved_at is not null
            then cast(coalesce(counted.recurrence_count, 0) as int)
        end as recurrence_count,
        case when problems.resolved_at is not null
            then cast(coalesce(counted.ci_recurrence_count, 0) as int)
        end as ci_recurrence_count,
        counted.first_recurrence_at,
        case when problems.resolved_at is not null then coalesce(counted.recurrence_count, 0) > 0 end as is_recurring
    from problems
    inner join windows on problems.problem_id = windows.problem_id
    left join counted on problems.problem_id = counted.problem_id
)

select * from final
