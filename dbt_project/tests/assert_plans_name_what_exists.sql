{{ config(severity='warn') }}
-- Purchases and scenario steps that name a service, CI or site that nobody recorded: they change nothing.
with named as (
    select 'purchase ' || purchase_id as record, service_id, ci_id, cast(null as string) as site
    from {{ ref('dim_planned_purchase') }}
    union all
    select 'scenario ' || scenario_id as record, service_id, ci_id, site
    from {{ ref('dim_scenario') }}
),

sites as (
    select distinct site from {{ ref('dim_ci') }}
)

select named.record, named.service_id, named.ci_id, named.site
from named
left join {{ ref('dim_service') }} as services on named.service_id = services.service_id
left join {{ ref('dim_ci') }} as cis on named.ci_id = cis.ci_id
left join sites on named.site = sites.site
where (named.service_id is not null and services.service_id is null)
    or (named.ci_id is not null and cis.ci_id is null)
    or (named.site is not null and sites.site is null)
