-- Evidence that an incident claims, and the rows of it; the strongest is the one that the incident names.
with evidence as (
    select
        incident_id,
        as_of_date,
        count(*) as evidence_count,
        max(case when evidence_rank = 1 then ci_id end) as ci_id,
        max(case when evidence_rank = 1 then resource end) as resource
    from {{ ref('fct_capacity_incident_evidence') }}
    group by incident_id, as_of_date
)

select incidents.incident_id, incidents.as_of_date, incidents.evidence_count, evidence.evidence_count as counted
from {{ ref('fct_capacity_incidents') }} as incidents
left join evidence
    on incidents.incident_id = evidence.incident_id and incidents.as_of_date = evidence.as_of_date
where incidents.evidence_count <> coalesce(evidence.evidence_count, 0)
    or incidents.ci_id is distinct from evidence.ci_id
    or incidents.resource is distinct from evidence.resource
    or (incidents.verdict in ('capacity', 'possibly_capacity') and incidents.evidence_count = 0)
