"""Changes and incidents that capacity caused: of the whole estate, or of one service where $service_id is given."""

from __future__ import annotations

IMPACTS = """
with shown as (
    select *
    from marts.fct_change_impact
    where as_of_date = $as_of and verdict in ('raised', 'lowered')
),

told as (
    select
        change_id, metric, subject_kind, verdict, count(*) as subject_count,
        arg_max(struct_pack(
            subject_id, before_value, after_value, expected_value, effect_value, effect_ratio, effect_low,
            effect_high, q_value, control_count, reason
        ), (abs(score), subject_id)) as best
    from shown
    group by change_id, metric, subject_kind, verdict
)

select
    t.change_id, h.title, h.change_kind, h.outcome, h.service_id, s.service_name, h.ended_at, t.metric,
    t.subject_kind, coalesce(c.ci_name, own.service_name, t.best.subject_id) as subject_name, t.subject_count,
    t.verdict,
    t.best.before_value as before_value, t.best.after_value as after_value,
    t.best.expected_value as expected_value, t.best.effect_value as effect_value,
    t.best.effect_ratio as effect_ratio, t.best.effect_low as effect_low, t.best.effect_high as effect_high,
    t.best.q_value as q_value, t.best.control_count as control_count, t.best.reason as reason
from told as t
inner join marts.fct_changes as h using (change_id)
left join marts.dim_service as s on s.service_id = h.service_id
left join marts.dim_ci as c on t.subject_kind = 'ci' and c.ci_id = t.best.subject_id
left join marts.dim_service as own on t.subject_kind = 'service' and own.service_id = t.best.subject_id
where $service_id is null or h.service_id = $service_id
order by h.ended_at desc, t.change_id, t.best.q_value, t.metric, t.subject_kind
"""

TEST_COUNTS = """
select
    verdict, case when verdict = 'not_testable' then reason end as reason, count(*) as test_count,
    count(distinct change_id) as change_count
from marts.fct_change_impact
where as_of_date = $as_of
group by 1, 2
order by verdict, test_count desc, reason
"""

COLLISIONS = """
select
    x.change_id, h.title, h.change_kind, x.other_change_id, o.title as other_title, o.change_kind as other_kind,
    x.scope,
    coalesce(c.ci_name, s.service_name) as place, x.overlap_start_at, x.overlap_minutes,
    x.overlap_start_at > $as_of::date + interval 1 day as is_ahead
from marts.fct_change_collisions as x
inner join marts.fct_changes as h on h.change_id = x.change_id
inner join marts.fct_changes as o on o.change_id = x.other_change_id
left join marts.dim_ci as c on c.ci_id = h.ci_id and x.scope = 'ci'
left join marts.dim_service as s on s.service_id = h.service_id
where (h.planned_start_at, x.change_id) < (o.planned_start_at, x.other_change_id) and x.overlap_start_at >= $since
order by x.overlap_start_at desc, x.change_id, x.other_change_id
"""

FAILURE_RATES = """
select
    change_kind, period_grain, period_start_date, change_count, failed_count, overrun_count, failure_ratio,
    failure_low_ratio, failure_high_ratio
from marts.fct_change_failure_rates
where service_id = 'all'
order by period_grain, period_start_date desc, case change_kind when 'all' then 1 else 0 end, change_kind
"""

CAPACITY_INCIDENTS = """
select
    f.incident_id, i.title, i.priority, f.service_id, s.service_name, f.opened_at, f.verdict, f.confidence_ratio,
    f.scope, f.chance_ratio, f.chance_basis, coalesce(c.ci_name, f.ci_id) as ci_name, f.resource, f.saturated_minutes,
    f.peak_usage_ratio, f.started_at, f.evidence_count
from marts.fct_capacity_incidents as f
left join marts.fct_incidents as i using (incident_id)
left join marts.dim_service as s on s.service_id = f.service_id
left join marts.dim_ci as c on c.ci_id = f.ci_id
where f.as_of_date = $as_of and f.verdict in ('capacity', 'possibly_capacity')
    and ($service_id is null or f.service_id = $service_id)
order by f.opened_at desc, f.incident_id
"""

CAUSE_COUNTS = """
select verdict, count(*) as incident_count
from marts.fct_capacity_incidents
where as_of_date = $as_of and ($service_id is null or service_id = $service_id)
group by verdict
order by verdict
"""
