{{ rebuilt_by('as_of_date') }}

with run_window as (
    select
        *,
        cast(greatest(floor(demand_window_days / 7.0e0), 1) as int) as week_count
    from {{ ref('stg_run_window') }}
),

teams as (
    select * from {{ ref('stg_teams') }}
),

tickets as (
    select all_tickets.*, run_window.week_count, run_window.as_of_at
    from {{ ref('int_team_tickets') }} as all_tickets
    cross join run_window
),

thresholds as (
    select observed_date, threshold_ratio
    from {{ ref('int_thresholds_by_day') }}
    where service_id is null and resource = 'team_hours'
),

weeks as (
    select
        team_id,
        weeks_ago,
        {{ exact_sum('hours_per_ticket') }} as hours
    from tickets
    where weeks_ago < week_count
    group by team_id, weeks_ago
),

workload as (
    select
        team_id,
        max(hours) as busiest_week_hours,
        max(case when weeks_ago = 0 then hours end) as latest_week_hours
    from weeks
    group by team_id
),

-- Little's law, L = λ × W, over the tickets of the window: how many are open on average.
arrived as (
    select
        team_id,
        cast(count(*) as int) as ticket_count,
        count(hours_per_ticket) as known_count,
        count(*) / (7.0e0 * max(week_count)) as arrivals_per_day,
        {{ exact_sum(minutes_between('opened_at', 'coalesce(done_at, as_of_at)') ~ ' / 1440') }} / count(*) as days_in_system
    from tickets
    where weeks_ago < week_count
    group by team_id
),

backlog as (
    select
        team_id,
        cast(count(*) as int) as open_ticket_count,
        {{ exact_sum('hours_per_ticket') }} as backlog_hours
    from tickets
    where done_at is null
    group by team_id
),

joined as (
    select
        teams.team_id,
        run_window.as_of_date,
        run_window.week_count,
        teams.headcount * teams.ticket_hours_per_week as limit_value,
        coalesce(thresholds.threshold_ratio, run_window.default_threshold_ratio) as threshold_ratio,
        case when arrived.known_count > 0 then coalesce(workload.latest_week_hours, 0.0e0) end as demand_now_value,
        workload.busiest_week_hours as demand_value,
        arrived.ticket_count,
        coalesce(backlog.open_ticket_count, 0) as open_ticket_count,
        coalesce(backlog.backlog_hours, 0.0e0) as backlog_hours,
        arrived.arrivals_per_day,
        arrived.days_in_system,
        arrived.known_count / cast(arrived.ticket_count as double) as coverage_ratio
    from teams
    cross join run_window
    inner join arrived on teams.team_id = arrived.team_id
    inner join workload on teams.team_id = workload.team_id
    left join backlog on teams.team_id = backlog.team_id
    left join thresholds on run_window.as_of_date = thresholds.observed_date
),

final as (
    select
        team_id,
        as_of_date,
        limit_value as hours_per_week,
        threshold_ratio,
        limit_value * threshold_ratio as usable_hours_per_week,
        demand_value as busiest_week_hours,
        demand_now_value as latest_week_hours,
        {{ headroom('demand_value', 'limit_value * threshold_ratio') }} as headroom_ratio,
        {{ headroom('demand_now_value', 'limit_value * threshold_ratio') }} as headroom_now_ratio,
        week_count,
        ticket_count,
        open_ticket_count,
        backlog_hours,
        arrivals_per_day,
        days_in_system,
        arrivals_per_day * days_in_system as expected_open_count,
        coverage_ratio,
        coverage_ratio < {{ var('low_coverage_ratio') }} as is_low_coverage
    from joined
)

select * from final
