-- Metrics of one resource must agree on unit, statistic and pooling, or CIs of a pool could not be compared.
select distinct plan.resource, plan.metric, plan.unit, plan.statistic, plan.pooling
from {{ ref('int_plan_by_day') }} as plan
inner join {{ ref('int_resource_rules_by_day') }} as rules
    on plan.resource = rules.resource and plan.observed_date = rules.observed_date
where plan.level = 'resource'
    and (
        plan.unit <> rules.unit
        or plan.statistic <> rules.statistic
        or plan.pooling <> rules.pooling
        or plan.resource_kind <> rules.resource_kind
    )
