"""The service desk: backlog of teams, incidents, major incidents, problems, requests, people, sequences."""

from __future__ import annotations

# Of each team and kind of ticket: the stock now and 28 days ago, what moved in those days, and Little's law over them.
BACKLOGS = """
select
    b.team_id, coalesce(any_value(t.team_name), b.team_id) as team_name, b.ticket_kind,
    coalesce(sum(arrivals) filter (where backlog_date >= $since), 0) as arrivals,
    coalesce(sum(reopenings) filter (where backlog_date >= $since), 0) as reopenings,
    coalesce(sum(completions) filter (where backlog_date >= $since), 0) as completions,
    coalesce(sum(transfers_in) filter (where backlog_date >= $since), 0) as transfers_in,
    coalesce(sum(transfers_out) filter (where backlog_date >= $since), 0) as transfers_out,
    coalesce(max(work_in_progress) filter (where backlog_date = $as_of), 0) as work_in_progress,
    coalesce(max(work_in_progress) filter (where backlog_date = cast($since as date) - 1), 0) as before,
    sum(ticket_days) filter (where backlog_date >= $since)
        / (date_diff('day', cast($since as date), cast($as_of as date)) + 1) as mean_in_progress,
    max(age_days_p50) filter (where backlog_date = $as_of) as age_days_p50,
    max(age_days_p90) filter (where backlog_date = $as_of) as age_days_p90,
    max(oldest_days) filter (where backlog_date = $as_of) as oldest_days
from marts.fct_backlog_daily as b
left join marts.dim_team as t using (team_id)
where backlog_date between cast($since as date) - 1 and $as_of
group by b.team_id, b.ticket_kind
order by work_in_progress desc, b.team_id, b.ticket_kind
"""

# All kinds of tickets of a team together; the ages are those of its incidents.
BACKLOG_DAYS = """
with days as (
    select
        team_id, backlog_date as observed_date, sum(work_in_progress) as work_in_progress,
        sum(arrivals + reopenings + transfers_in) as came, sum(completions + transfers_out) as went,
        max(age_days_p50) filter (where ticket_kind = 'incident') as age_days_p50,
        max(age_days_p90) filter (where ticket_kind = 'incident') as age_days_p90
    from marts.fct_backlog_daily
    where backlog_date between cast($since as date) - 6 and $as_of
    group by team_id, backlog_date
),
moved as (
    select
        *,
        sum(came) over seven as came_in_7_days,
        sum(went) over seven as went_in_7_days
    from days
    window seven as (
        partition by team_id order by observed_date range between interval 6 days preceding and current row
    )
)
select team_id, observed_date, work_in_progress, came_in_7_days, went_in_7_days, age_days_p50, age_days_p90
from moved
where observed_date >= $since
order by team_id, observed_date
"""

LIFECYCLES = """
select
    priority, count(*) as incidents, count(*) filter (where is_open) as open_count,
    median(first_touch_minutes) as first_touch_minutes_p50,
    median(elapsed_resolution_minutes) as resolution_minutes_p50,
    quantile_cont(elapsed_resolution_minutes, 0.9) as resolution_minutes_p90,
    sum(new_minutes + assigned_minutes) / nullif(sum(open_minutes), 0) as waiting_ratio,
    sum(in_progress_minutes) / nullif(sum(open_minutes), 0) as working_ratio,
    sum(on_hold_minutes) / nullif(sum(open_minutes), 0) as on_hold_ratio,
    avg(reassignment_count) as reassignments_mean,
    count(*) filter (where reopen_count > 0) / count(*) as reopened_ratio,
    count(*) filter (where is_first_touch_resolved) / nullif(count(resolved_at), 0) as first_touch_resolved_ratio
from marts.fct_incidents
where opened_date between $since and $as_of and state <> 'cancelled' and not is_derived
group by priority
order by priority nulls last
"""

MAJOR_INCIDENTS = """
select
    m.incident_id, m.title, m.service_id, s.service_name, m.problem_id, m.opened_at, m.declaration_minutes,
    m.first_update_minutes, m.restoration_minutes, m.resolution_minutes, m.service_count, m.reviewed_at,
    count(*) over () as total
from marts.fct_major_incidents as m
left join marts.dim_service as s using (service_id)
where m.opened_at >= $since
order by m.opened_at desc, m.incident_id
limit $listed
"""

PROBLEMS = """
select
    p.problem_id, p.title, p.service_id, s.service_name, p.state, p.is_open, p.opened_at, p.days_to_known_error,
    p.days_to_resolution, p.incident_count, p.compared_days, p.incident_count_before_fix, p.incident_count_after_fix,
    p.recurrence_count, p.is_recurring, coalesce(k.has_workaround, false) as has_workaround, k.known_error_at,
    k.resolution_minutes_p50_before, k.resolution_minutes_p50_after
from marts.fct_problems as p
left join marts.fct_known_errors as k using (problem_id)
left join marts.dim_service as s on s.service_id = p.service_id
order by p.is_recurring desc nulls last, p.is_open desc, p.incident_count desc, p.problem_id
"""

REQUESTS = """
select
    request_kind, count(*) filter (where opened_date between $since and $as_of) as opened,
    count(*) filter (where is_open) as open_count,
    median(business_fulfilment_minutes) filter (where fulfilled_at >= $since) as business_minutes_p50,
    quantile_cont(business_fulfilment_minutes, 0.9) filter (where fulfilled_at >= $since) as business_minutes_p90,
    median(elapsed_fulfilment_minutes) filter (where fulfilled_at >= $since) as elapsed_minutes_p50,
    max(backlog_age_days) as oldest_days
from marts.fct_service_requests
group by request_kind
order by opened desc, request_kind
"""

STAFFING = """
select
    n.team_id, coalesce(t.team_name, n.team_id) as team_name, n.work, n.interval_number, n.weekday, n.local_hour,
    n.week_start_date, n.zone, coalesce(n.is_open, false) as is_open, n.arrivals, n.arrivals_high, n.handling_minutes,
    n.handling_basis, n.respond_within_minutes, n.target_ratio, n.service_level_ratio, n.agents_needed,
    n.agents_needed_high, n.agents_available, n.shortage_agents, n.shortage_agents_high, n.backlog_hours,
    n.backlog_hours_high, n.target_backlog_hours, n.reason
from marts.fct_staffing as n
left join marts.dim_team as t using (team_id)
where n.as_of_date = $as_of
order by n.team_id, n.work, n.interval_number
"""

SEQUENCES = """
select
    finding_class, finding, count(*) as updates, count(distinct incident_id) as incidents,
    min(incident_id) as example
from marts.fct_incident_sequence_findings
group by finding_class, finding
order by finding_class, updates desc, finding
"""
TOTAL_INCIDENTS = "select count(*) as total from marts.fct_incidents"
