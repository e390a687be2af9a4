"""Room in business terms, and the demand of its drivers."""

from __future__ import annotations

BUSINESS_ROOM = """
select
    b.driver_id, b.driver_name, b.driver_unit, b.service_id, s.service_name, b.pool_id, p.redundancy_group, b.resource,
    b.headroom_kind, b.headroom_units, b.headroom_units_low, b.headroom_units_high,
    coalesce(b.is_tightest, false) as is_tightest, b.busy_day_units, b.lag_days, b.elasticity_ratio, b.day_count,
    coalesce(b.is_refused, b.headroom_units is null) as is_refused, b.reason
from marts.fct_business_capacity as b
left join marts.dim_service as s on s.service_id = b.service_id
left join marts.fct_pool_capacity as p on p.pool_id = b.pool_id and p.as_of_date = b.as_of_date
where b.as_of_date = $as_of and ($service_id is null or b.service_id = $service_id)
order by b.driver_id, b.headroom_kind, b.headroom_units nulls last, b.pool_id
"""

# $since is the first of the last four weeks, $before that of the four before.
DRIVER_DEMAND = """
select
    driver_id, any_value(driver_name order by demand_date desc) as driver_name,
    any_value(driver_unit order by demand_date desc) as driver_unit,
    any_value(service_id order by demand_date desc) as service_id,
    avg(demand_units) filter (where demand_date >= $since) as mean_units,
    avg(demand_units) filter (where demand_date < $since) as earlier_mean_units
from marts.fct_business_demand
where demand_date between $before and $as_of and service_id = $service_id
group by driver_id
order by driver_id
"""
