"""The four kinds of resource. An item that stands alone in its service runs out when its pool does."""

from __future__ import annotations

from reports.queries.parts import MEMBERS

# Technical resources or all others; of a service: those of the service, of its items and of its team.
CAPACITIES = f"""{MEMBERS}

select
    k.capacity_id, coalesce('pool/' || p.pool_id, k.capacity_id) as series_id, k.resource_kind, k.subject_kind,
    k.subject_id, coalesce(t.team_name, c.ci_name, k.subject_id) as subject_name, k.service_id, s.service_name,
    k.resource, k.unit, k.limit_value, k.threshold_ratio, k.usable_value, k.demand_value, k.headroom_ratio,
    k.demand_now_value, k.headroom_now_ratio, k.period_start_date, k.period_end_date, k.run_out_date, k.coverage_ratio,
    coalesce(k.is_low_coverage, false) as is_low_coverage
from marts.fct_capacity as k
left join marts.dim_service as s on s.service_id = k.service_id
left join marts.fct_pool_capacity as p
    on p.service_id = k.service_id and p.deciding_ci_id = k.subject_id and p.resource = k.resource
    and p.member_count = 1 and p.as_of_date = k.as_of_date
left join marts.dim_team as t on k.subject_kind = 'team' and t.team_id = k.subject_id
left join marts.dim_ci as c on k.subject_kind = 'ci' and c.ci_id = k.subject_id
where k.as_of_date = $as_of and (k.resource_kind = 'technical') = $is_technical and (
        $service_id is null
        or k.service_id = $service_id
        or (k.subject_kind = 'ci' and k.subject_id in (select ci_id from members))
        or (k.subject_kind = 'team'
            and k.subject_id in (select team_id from marts.dim_service where service_id = $service_id))
    )
order by k.headroom_ratio nulls last, k.capacity_id
"""  # noqa: S608

KIND_COUNTS = """
select
    resource_kind, count(*) as resources, count(*) filter (where headroom_ratio < 0) as beyond,
    count(*) filter (where headroom_ratio is null) as unknown
from marts.fct_capacity
where as_of_date = $as_of
group by resource_kind
order by resource_kind
"""

TEAM_WORK = """
select team_id, ticket_count, week_count, open_ticket_count, backlog_hours, days_in_system
from marts.fct_team_capacity
where as_of_date = $as_of
order by team_id
"""
