with checks as (
    select * from {{ ref('int_check_intervals') }}
),

outages as (
    select * from {{ ref('stg_outages') }}
),

teams as (
    select team_id from {{ ref('stg_teams') }}
    where is_supplier
),

-- Time in which the incident of an outage lay with a supplier.
with_supplier as (
    select outages.service_id, outages.ci_id, spans.starts_at, coalesce(spans.ends_at, run_window.as_of_at) as ends_at
    from outages
    inner join {{ ref('int_incident_spans') }} as spans on outages.incident_id = spans.incident_id
    inner join teams on spans.team_id = teams.team_id
    cross join {{ ref('stg_run_window') }} as run_window
    where spans.state not in ('resolved', 'closed', 'cancelled')
),

evidence as (
    select service_id, ci_id, state, 'measured' as basis, starts_at, ends_at from checks
    union all
    select service_id, ci_id, 'down' as state, 'recorded' as basis, started_at as starts_at, ended_at as ends_at
    from outages
    union all
    select service_id, ci_id, 'supplier' as state, 'recorded' as basis, starts_at, ends_at
    from with_supplier
),

-- A check of an endpoint speaks of the service and of the CI; a record of what it names.
subjects as (
    select 'service' as subject_kind, service_id as subject_id, state, basis, starts_at, ends_at
    from evidence
    where service_id is not null
    union all
    select 'ci' as subject_kind, ci_id as subject_id, state, basis, starts_at, ends_at
    from evidence
    where ci_id is not null and ci_id is distinct from service_id
),

by_basis as (
    select subject_kind, subject_id, state, basis, starts_at, ends_at from subjects
    union all
    select subject_kind, subject_id, state, 'all' as basis, starts_at, ends_at
    from subjects
    where state = 'down'
),

final as (
    {{ merged_intervals('by_basis', ['subject_kind', 'subject_id', 'state', 'basis']) }}
)

select * from final
