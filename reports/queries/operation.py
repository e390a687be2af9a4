"""Performance, targets, incidents, changes, events."""

from __future__ import annotations

SERVICE_LEVELS = """
select
    service_id, target_id, measure, priority, period_start_date, comparator, target_value, objective_ratio,
    actual_value, good_count, total_count, is_met, approved_by, approved_at
from marts.fct_service_levels
where period = 'month' and period_start_date between $since and $until
    and ($service_id is null or service_id = $service_id)
order by service_id, measure, priority nulls first, target_id, period_start_date
"""

_IS_OPEN = "state not in ('resolved', 'closed', 'cancelled')"

OPEN_INCIDENT_COUNTS = f"""
select coalesce(service_id, '') as service_id, count(*) as open_count
from marts.fct_incidents
where {_IS_OPEN}
group by 1
order by 1
"""  # noqa: S608

ANY_INCIDENT = "select 1 as one from marts.fct_incidents limit 1"

PERFORMANCE = """
select
    observed_date, throughput_per_second, throughput_peak_per_second, error_ratio, latency_p50_seconds,
    latency_p95_seconds, latency_p99_seconds, latency_basis, latency_target_seconds, availability_ratio,
    downtime_minutes, coverage_ratio
from marts.fct_service_performance_daily
where service_id = $service_id and observed_date between $since and $as_of
order by observed_date
"""

INCIDENT_COUNTS = f"""
select
    date_trunc('month', opened_date)::date as month, priority, count(*) as opened,
    count(*) filter (where {_IS_OPEN}) as still_open, count(*) filter (where is_derived) as derived
from marts.fct_incidents
where service_id = $service_id and opened_date >= $since
group by 1, 2
order by 1, 2 nulls last
"""  # noqa: S608

OPEN_INCIDENTS = """
select
    i.incident_id, i.title, i.priority, i.state, i.opened_at, t.team_name, c.ci_name,
    coalesce(i.is_derived, false) as is_derived, s.state as clock_state, s.business_minutes, s.target_minutes,
    s.breach_at, s.breach_probability
from marts.fct_incidents as i
left join marts.fct_incident_sla as s on s.incident_id = i.incident_id and s.clock = 'resolution'
left join marts.dim_team as t on t.team_id = i.team_id
left join marts.dim_ci as c on c.ci_id = i.ci_id
where i.service_id = $service_id and i.state not in ('resolved', 'closed', 'cancelled')
order by i.priority nulls last, i.opened_at, i.incident_id
limit $listed
"""

CHANGES = """
select
    h.change_id, h.change_kind, h.state, h.outcome, h.title, c.ci_name,
    coalesce(h.started_at, h.planned_start_at) as at, h.duration_minutes, h.is_overrun
from marts.fct_changes as h
left join marts.dim_ci as c on c.ci_id = h.ci_id
where (
        h.service_id = $service_id
        or (h.service_id is null and h.ci_id in (
            select b.ci_id from marts.bridge_service_ci as b where b.service_id = $service_id
        ))
    )
    and (coalesce(h.started_at, h.planned_start_at) is null or coalesce(h.started_at, h.planned_start_at) >= $since)
    and (h.started_at is null or h.started_at < $as_of::date + interval 1 day)
order by coalesce(h.started_at, h.planned_start_at) desc nulls last, h.change_id
"""

_EVENT = """
    e.event_id, e.category, e.severity, e.is_open, e.source, e.opened_at, e.last_seen_at, e.resource, e.unit,
    e.peak_value, e.threshold_value, e.peak_ratio, e.probability_within_lead_time, e.decision_date, e.ci_count,
    e.service_count, coalesce(c.ci_name, e.cause_ci_id) as cause_ci_name
"""

_EVENT_ORDER = """
    e.is_open desc, list_position(['exception', 'warning', 'informational'], e.category), e.opened_at desc, e.event_id
"""

SERVICE_EVENTS = f"""
select {_EVENT}
from marts.fct_events as e
left join marts.dim_ci as c on c.ci_id = e.cause_ci_id
where list_contains(string_split(e.service_ids, ','), $service_id) and e.last_seen_at >= $since
order by {_EVENT_ORDER}
"""  # noqa: S608

EVENTS = f"""
select {_EVENT}
from marts.fct_events as e
left join marts.dim_ci as c on c.ci_id = e.cause_ci_id
where e.last_seen_at >= $since
order by {_EVENT_ORDER}
"""  # noqa: S608
