"""Service levels of the whole estate, or of one service where $service_id is given."""

from __future__ import annotations

WEEK_OUTCOMES = """
select service_id, measure, period_start_date, count(*) as judged, count(*) filter (where is_met) as met
from marts.fct_service_levels
where period = 'week' and period_start_date between $since and $as_of
group by service_id, measure, period_start_date
order by service_id, measure, period_start_date
"""

ERROR_BUDGETS = """
select
    service_id, target_id, counted, bad_count, error_budget_count, error_budget_left_count, error_budget_used_ratio,
    burn_rate_1h, burn_rate_6h, burn_rate_24h, burn_rate_72h, alert_state, page_hours, ticket_hours
from marts.fct_service_levels
where period = 'month' and period_start_date = $month and error_budget_count > 0
    and measure in ('availability_ratio', 'latency_seconds', 'error_ratio', 'throughput_per_second')
    and ($service_id is null or service_id = $service_id)
order by error_budget_used_ratio desc, service_id, target_id
"""

AVAILABILITY = """
select
    a.subject_kind, a.subject_id, coalesce(s.service_name, c.ci_name) as subject_name, a.month_start_date,
    a.agreed_minutes, a.excluded_minutes, a.downtime_minutes, a.measured_downtime_minutes,
    a.recorded_downtime_minutes, a.supplier_downtime_minutes, a.assigned_supplier_downtime_minutes,
    a.contract_supplier_downtime_minutes, a.availability_ratio, a.failure_count, a.mtbf_minutes, a.mtrs_minutes,
    a.mtbsi_minutes, a.serviceability_ratio, a.coverage_ratio
from marts.fct_availability as a
left join marts.dim_service as s on a.subject_kind = 'service' and s.service_id = a.subject_id
left join marts.dim_ci as c on a.subject_kind = 'ci' and c.ci_id = a.subject_id
where a.month_start_date between $since and $as_of
    and (a.subject_kind = 'service' or a.downtime_minutes > 0)
    and ($service_id is null or (a.subject_kind = 'service' and a.subject_id = $service_id))
order by a.subject_kind desc, a.month_start_date desc, a.availability_ratio nulls last, a.subject_id
"""

WATERMELONS = """
select
    service_id, period, period_start_date, period_end_date, evidence, contradicts, evidence_value, comparator,
    threshold_value, unit, case_count, met_target_count
from marts.fct_watermelons
where period_end_date >= $since and ($service_id is null or service_id = $service_id)
order by period_end_date desc, period, service_id, evidence, contradicts
"""

CLOCK_DIFFERENCES = """
select difference, count(*) as incidents
from marts.fct_sla_reconciliation
group by difference
order by difference <> 'equal', incidents desc, difference
"""
