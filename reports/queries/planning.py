"""What-if scenarios."""

from __future__ import annotations

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
