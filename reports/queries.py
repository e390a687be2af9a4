"""The SQL of the report: one statement a question, over schema `marts`. Parameters are named ($name)."""

from __future__ import annotations

SERVICES = """
select s.service_id, s.service_name, s.description, s.owner, t.team_name, s.criticality, s.calendar_id
from marts.dim_service as s
left join marts.dim_team as t on t.team_id = s.team_id
order by s.service_id
"""

SERVICE_CAPACITY = """
select
    c.service_id, c.headroom_ratio, c.headroom_now_ratio, c.headroom_peak_ratio, c.headroom_critical_ratio,
    c.saturation_minutes, c.bottleneck_pool_id, c.bottleneck_resource, c.bottleneck_ci_id,
    p.redundancy_group as bottleneck_group, c.next_headroom_ratio, c.next_pool_id, c.next_resource,
    coalesce(c.pool_count, 0) as pool_count, c.coverage_ratio, coalesce(c.is_low_coverage, false) as is_low_coverage
from marts.fct_service_capacity as c
left join marts.fct_pool_capacity as p on p.pool_id = c.bottleneck_pool_id and p.as_of_date = c.as_of_date
where c.as_of_date = $as_of
order by c.service_id
"""

SATURATIONS = """
select
    series_id, service_id, pool_id, ci_id, resource, as_of_date, p10_date, p50_date, p90_date,
    coalesce(is_censored, p50_date is null) as is_censored, probability_within_horizon,
    probability_within_lead_time, lead_time_days, decision_date, horizon_days, notes
from marts.fct_saturation
where as_of_date <= $as_of
    and ($level is null or level = $level)
    and ($service_id is null or service_id = $service_id)
qualify row_number() over (partition by series_id order by as_of_date desc) = 1
order by series_id
"""

SERVICE_LEVELS = """
select
    service_id, target_id, measure, priority, period_start_date, comparator, target_value, objective_ratio,
    actual_value, good_count, total_count, is_met, approved_by, approved_at
from marts.fct_service_levels
where period_start_date between $since and $until and ($service_id is null or service_id = $service_id)
order by service_id, measure, priority nulls first, target_id, period_start_date
"""

BOTTLENECK_UTILISATION = """
select
    c.service_id, d.observed_date,
    case when d.usable_value > 0 then d.demand_value / d.usable_value end as utilisation_ratio
from marts.fct_service_capacity as c
inner join marts.fct_pool_demand_daily as d on d.pool_id = c.bottleneck_pool_id
where c.as_of_date = $as_of and d.observed_date between $since and $as_of
order by c.service_id, d.observed_date
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

POOLS = """
select
    p.pool_id, p.redundancy_group, p.resource, p.resource_kind, p.unit, p.pooling, p.statistic, p.member_count,
    p.tolerance, p.usable_value, p.demand_value, p.headroom_ratio, p.deciding_ci_id, c.ci_name as deciding_ci_name,
    p.coverage_ratio, p.service_count, p.share_ratio, b.bottleneck_rank, b.fixed_headroom_ratio,
    b.capacity_to_add_value
from marts.fct_pool_capacity as p
left join marts.fct_bottlenecks as b on b.pool_id = p.pool_id and b.as_of_date = p.as_of_date
left join marts.dim_ci as c on c.ci_id = p.deciding_ci_id
where p.service_id = $service_id and p.as_of_date = $as_of
order by p.headroom_ratio nulls last, p.pool_id
"""

# Of an own pool the deciding member, of a shared one the sum over the members, hour by hour.
WEEK = """
with pool as (
    select * from marts.fct_pool_capacity where pool_id = $pool_id and as_of_date = $as_of
),

members as (
    select distinct b.ci_id
    from marts.bridge_service_ci as b
    inner join pool as p on b.service_id = p.service_id and coalesce(b.redundancy_group, b.ci_id) = p.redundancy_group
    where (b.valid_from is null or b.valid_from <= $as_of) and (b.valid_to is null or b.valid_to >= $as_of)
        and (p.pooling = 'shared' or b.ci_id = p.deciding_ci_id)
),

hours as (
    select
        u.hour_at, p.usable_value,
        sum(case when p.statistic = 'maximum' then u.demand_max else u.demand_avg end) as demand_value
    from marts.fct_resource_utilisation_hourly as u
    inner join members as m on m.ci_id = u.ci_id
    inner join pool as p on p.resource = u.resource
    where u.observed_date between $since and $as_of
    group by all
)

select
    isodow(hour_at)::int as weekday, hour(hour_at)::int as hour, count(*)::int as hour_count,
    median(demand_value) / nullif(any_value(usable_value), 0) as used_ratio
from hours
group by all
order by weekday, hour
"""

RESOURCES = """
with members as (
    select ci_id, min(redundancy_group) as redundancy_group
    from marts.bridge_service_ci
    where service_id = $service_id
        and (valid_from is null or valid_from <= $as_of) and (valid_to is null or valid_to >= $as_of)
    group by ci_id
)
select
    r.ci_id, coalesce(c.ci_name, r.ci_id) as ci_name, c.ci_kind, m.redundancy_group, r.resource, r.unit,
    r.limit_value, r.threshold_ratio, r.usable_value, r.demand_value, r.headroom_ratio, r.coverage_ratio,
    coalesce(r.is_low_coverage, false) as is_low_coverage
from marts.fct_resource_capacity as r
inner join members as m on m.ci_id = r.ci_id
left join marts.dim_ci as c on c.ci_id = r.ci_id
where r.as_of_date = $as_of
order by r.headroom_ratio nulls last, r.ci_id, r.resource
"""

POOL_DEMAND = """
select pool_id, observed_date, demand_value, usable_value, coverage_ratio
from marts.fct_pool_demand_daily
where service_id = $service_id and observed_date between $since and $as_of
order by pool_id, observed_date
"""

FORECAST = """
select as_of_date, model, target_date, round(quantile, 4) as quantile, value
from marts.fct_forecasts
where series_id = $series_id and value is not null and round(quantile, 4) in (0.1, 0.5, 0.9)
    and as_of_date = (
        select max(as_of_date) from marts.fct_forecasts where series_id = $series_id and as_of_date <= $as_of
    )
order by target_date, quantile
"""

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
    coalesce(i.is_derived, false) as is_derived, s.state as clock_state, s.business_minutes, s.target_minutes
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

EVIDENCE = """
select
    coalesce(sum(u.sample_count), 0)::bigint as sample_count, count(distinct u.ci_id) as ci_count,
    min(u.observed_date) as first_date, max(u.observed_date) as last_date
from marts.fct_service_capacity as c
inner join marts.fct_pool_capacity as p on p.pool_id = c.bottleneck_pool_id and p.as_of_date = c.as_of_date
inner join marts.bridge_service_ci as b
    on b.service_id = c.service_id and b.redundancy_group = p.redundancy_group
inner join marts.fct_resource_capacity as r
    on r.ci_id = b.ci_id and r.resource = p.resource and r.as_of_date = c.as_of_date
inner join marts.fct_resource_utilisation_daily as u
    on u.ci_id = r.ci_id and u.resource = r.resource
    and u.observed_date between r.demand_window_start_date and r.as_of_date
    and (b.valid_from is null or b.valid_from <= u.observed_date)
    and (b.valid_to is null or b.valid_to >= u.observed_date)
where c.service_id = $service_id and c.as_of_date = $as_of
having count(*) > 0
"""

EXTRACTIONS = """
select
    source, table_name, count(*) filter (where is_current) as receipts,
    count(*) filter (where not is_current) as superseded,
    min(window_start_at) filter (where is_current) as first_window_at,
    max(window_end_at) filter (where is_current) as last_window_at,
    coalesce(sum(rows_received) filter (where is_current), 0)::bigint as rows_received,
    coalesce(sum(rows_landed) filter (where is_current), 0)::bigint as rows_landed,
    coalesce(sum(rows_quarantined) filter (where is_current), 0)::bigint as rows_quarantined,
    bool_and(is_conserved) as is_conserved
from marts.fct_extractions
group by source, table_name
order by source, table_name
"""

QUARANTINED = """
select source, table_name, batch_id, input_path, rows_received, rows_quarantined
from marts.fct_extractions
where is_current and rows_quarantined > 0
order by rows_quarantined desc, source, table_name, batch_id
limit $listed
"""

SCORES = """
with series as (
    select series_id, level, resource, service_id
    from marts.fct_saturation
    where as_of_date <= $as_of
    qualify row_number() over (partition by series_id order by as_of_date desc) = 1
)
select
    f.series_id, s.level, s.resource, s.service_id, f.model, f.wql, f.mase, f.coverage_80_ratio, f.naive_wql,
    f.naive_mase, f.window_count, f.is_better_than_naive, f.notes
from marts.fct_forecast_scores as f
left join series as s on s.series_id = f.series_id
where f.as_of_date <= $as_of
qualify row_number() over (partition by f.series_id order by f.as_of_date desc, f.model) = 1
order by f.series_id
"""

SCALABILITY = """
select
    method, is_preferred, sustainable_per_second, sustainable_per_second_low, sustainable_per_second_high,
    busy_hour_per_second, headroom_ratio, latency_target_seconds, peak_load, peak_per_second, limited_by, load_unit,
    point_count, first_date, last_date, tested_at, is_refused, reason, notes
from marts.fct_scalability
where service_id = $service_id and as_of_date = $as_of
order by is_preferred desc, is_refused, method
"""

SCALABILITY_POINTS = """
select method, series, load, throughput_per_second, latency_seconds
from marts.fct_scalability_points
where service_id = $service_id and as_of_date = $as_of
order by method, series, point_number
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

SCENARIOS = """
select
    scenario_id, any_value(scenario_name order by step) as scenario_name,
    any_value(description order by step) as description, any_value(author order by step) as author,
    any_value(reason order by step) as reason
from marts.dim_scenario
group by scenario_id
order by scenario_id
"""

WHAT_IF = """
select
    w.scenario_id, w.service_id, s.service_name, w.today_headroom_ratio, w.scenario_headroom_ratio,
    w.today_bottleneck_resource, w.scenario_bottleneck_resource, w.today_p50_date, w.scenario_p50_date,
    w.today_probability_within_horizon, w.scenario_probability_within_horizon, w.today_monthly_cost,
    w.scenario_monthly_cost, w.currency, w.changed_pool_count, w.lost_pool_count, w.is_retired, w.notes
from marts.fct_what_if as w
left join marts.dim_service as s on s.service_id = w.service_id
where w.as_of_date = $as_of
order by w.scenario_id, w.scenario_headroom_ratio nulls last, w.service_id
"""

SERVICE_COSTS = """
select
    month_start_date, billing_currency, is_partial_month, effective_cost::double as effective_cost,
    direct_cost::double as direct_cost, shared_cost::double as shared_cost,
    headroom_cost::double as headroom_cost, idle_cost::double as idle_cost, ci_count
from marts.fct_service_cost
where service_id = $service_id and month_start_date between $since and $as_of
order by month_start_date, billing_currency
"""

UNIT_COSTS = """
select
    driver_id, driver_name, month_start_date, billing_currency, unit, demand_value, unit_cost::double as unit_cost,
    efficiency_gain_ratio, is_low_coverage
from marts.fct_unit_cost
where service_id = $service_id and month_start_date between $since and $as_of
order by driver_id, month_start_date, billing_currency
"""
