"""Costs of services and of units of business demand."""

from __future__ import annotations

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
where ($service_id is null or service_id = $service_id) and month_start_date between $since and $as_of
order by driver_id, month_start_date, billing_currency
"""
