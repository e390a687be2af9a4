"""What-if scenarios, the improvement register, and sizes with their back-test."""

from __future__ import annotations

from reports.queries.parts import MEMBERS

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

# Of a service: its own, and those of items and pools that it shares with the service that they stand with.
IMPROVEMENTS = f"""{MEMBERS},

shared_pools as (
    select distinct p.pool_id
    from marts.fct_pool_members as p
    inner join members as m on m.ci_id = p.ci_id
    where p.as_of_date = $as_of
)

select
    i.improvement_id, i.kind, i.subject, i.title, i.service_id, s.service_name, coalesce(c.ci_name, i.ci_id) as ci_name,
    p.redundancy_group, p.pooling, p.member_count, p.tolerance, p.usable_value, i.resource, i.reason, i.owner,
    i.state, i.state_changed_at, i.state_changed_by, i.state_reason, i.change_id, i.first_seen_date,
    coalesce(i.is_current, false) as is_current,
    i.benefit_measure, i.expected_benefit_value, i.expected_benefit_low_value, i.expected_benefit_high_value,
    i.amount_value, i.amount_unit, i.one_off_cost, i.monthly_cost, i.currency, i.risk, i.effort_days, i.decision_date,
    i.priority_score, i.done_date, i.days_after, i.measured_benefit_value, i.realised_ratio, i.verdict
from marts.fct_improvements as i
left join marts.dim_service as s on s.service_id = i.service_id
left join marts.dim_ci as c on c.ci_id = i.ci_id
left join marts.fct_pool_capacity as p on p.pool_id = i.pool_id and p.as_of_date = i.as_of_date
where i.as_of_date = $as_of and (
        $service_id is null
        or i.service_id = $service_id
        or i.ci_id in (select ci_id from members)
        or i.pool_id in (select pool_id from shared_pools)
    )
order by i.priority_score desc nulls last, i.decision_date nulls last, i.improvement_id
"""  # noqa: S608

# A shared item goes by the service that its improvement helps, else by the first by name.
SIZES = """
with members as (
    select
        ci_id, min(service_id) as service_id, min(redundancy_group) as redundancy_group,
        bool_or(service_id = $service_id) as is_of_service
    from marts.bridge_service_ci
    where (valid_from is null or valid_from <= $as_of) and (valid_to is null or valid_to >= $as_of)
    group by ci_id
),

taken as (
    select ci_id, decision_date, saved_cost
    from marts.fct_rightsizing_backtest
    where as_of_date = $as_of and is_proposed and held_then
    qualify row_number() over (partition by ci_id order by decision_date) = 1
)

select
    r.ci_id, coalesce(c.ci_name, r.ci_id) as ci_name, m.redundancy_group, s.service_id, s.service_name, r.direction,
    r.verdict, r.present_size, r.proposed_size, r.deciding_resource, r.required_value, r.size_limit_value,
    r.monthly_saving, r.effective_monthly_saving, r.currency, r.tested_weeks, r.breached_weeks, r.breach_ratio,
    r.breach_low_ratio, r.breach_high_ratio, r.present_breached_weeks, r.rejected_sizes, r.reason,
    t.decision_date as decided_date, t.saved_cost, i.state
from marts.fct_rightsizing as r
left join members as m on m.ci_id = r.ci_id
left join marts.dim_ci as c on c.ci_id = r.ci_id
left join taken as t on t.ci_id = r.ci_id
left join marts.fct_improvements as i
    on i.subject = r.ci_id and i.kind = 'right_size_' || r.direction and i.as_of_date = r.as_of_date
left join marts.dim_service as s on s.service_id = coalesce(i.service_id, m.service_id)
where r.as_of_date = $as_of and ($service_id is null or m.is_of_service)
order by r.ci_id
"""

SIZES_TAKEN = """
with first_date as (
    select min(decision_date) as decision_date from marts.fct_rightsizing_backtest where as_of_date = $as_of
)

select
    b.decision_date, b.currency, count(*) filter (where b.is_proposed) as proposed,
    coalesce(sum(b.tested_weeks) filter (where b.is_proposed), 0)::bigint as tested_weeks,
    coalesce(sum(b.breached_weeks) filter (where b.is_proposed), 0)::bigint as breached_weeks,
    sum(b.saved_cost) filter (where b.is_proposed) as saved_cost,
    count(*) filter (where not b.is_proposed) as rejected,
    count(*) filter (where not b.is_proposed and b.breached_weeks > 0) as rejected_breached
from marts.fct_rightsizing_backtest as b
inner join first_date as d on d.decision_date = b.decision_date
where b.as_of_date = $as_of and b.held_then and not b.is_present and b.saved_cost > 0
group by b.decision_date, b.currency
order by b.currency nulls last
"""
