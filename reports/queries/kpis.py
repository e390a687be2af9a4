"""The KPI tree in the month and the quarter of the as-of day."""

from __future__ import annotations

KPIS = """
select
    m.kpi_id, m.parent_id, m.level, m.kpi_name, m.formula, m.source, m.unit, m.owner, m.is_default, m.weight,
    m.numerator, m.denominator, m.value, m.comparator, m.target_value, m.is_met, m.previous_value,
    m.kpi_count, m.judged_count, m.met_count, m.adds_up, m.reason, m.period_start_date,
    q.value as quarter_value, q.is_met as quarter_is_met,
    q.previous_value as quarter_previous_value
from marts.fct_kpis as m
left join marts.fct_kpis as q
    on q.kpi_id = m.kpi_id and q.as_of_date = m.as_of_date and q.period = 'quarter'
    and q.period_start_date = date_trunc('quarter', cast($as_of as date))
where m.as_of_date = $as_of and m.period = 'month' and m.period_start_date = date_trunc('month', cast($as_of as date))
order by m.depth, m.is_met nulls last, m.kpi_name, m.kpi_id
"""

PARTS = """
select p.kpi_id, p.service_id, s.service_name, p.numerator, p.denominator, p.value, p.is_met
from marts.fct_kpi_parts as p
left join marts.dim_service as s using (service_id)
where p.as_of_date = $as_of and p.period = 'month' and p.period_start_date = date_trunc('month', cast($as_of as date))
    and p.value is not null
order by p.kpi_id, p.is_met nulls last, p.denominator desc, p.service_id
"""
