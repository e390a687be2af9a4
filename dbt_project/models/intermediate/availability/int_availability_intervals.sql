with checks as (
    select * from {{ ref('int_check_intervals') }}
),

outages as (
    select * from {{ ref('stg_outages') }}
),

suppliers as (
    select team_id from {{ ref('stg_teams') }}
    where is_supplier
),

-- Of versions that overlap the one that began last counts.
contracts as (
    select
        ci_id,
        supplier_team_id,
        valid_from,
        valid_to,
        lead(valid_from) over (partition by ci_id order by valid_from) as next_from
    from {{ ref('stg_configuration_items') }}
),

-- A row that names a service and a CI says that the one failed because of the other.
down as (
    select service_id, ci_id, 'measured' as basis, starts_at, ends_at
    from checks
    where state = 'down'
    union all
    select service_id, ci_id, 'recorded' as basis, started_at as starts_at, ended_at as ends_at
    from outages
),

-- Incidents under which outages were worked on: those that an outage record names, and those of a CI that was down.
incidents as (
    select incident_id, service_id, ci_id from outages
    where incident_id is not null
    union all
    select incident_id, cast(null as string) as service_id, ci_id
    from {{ ref('int_incidents') }}
    where ci_id in (select ci_id from down where ci_id is not null)
),

-- Time in which they lay with a supplier, and time in which a CI under a contract with one was down.
held as (
    select
        incidents.service_id,
        incidents.ci_id,
        'assigned' as basis,
        spans.starts_at,
        coalesce(spans.ends_at, run_window.as_of_at) as ends_at
    from incidents
    inner join {{ ref('int_incident_spans') }} as spans on incidents.incident_id = spans.incident_id
    inner join suppliers on spans.team_id = suppliers.team_id
    cross join {{ ref('stg_run_window') }} as run_window
    where spans.state not in ('resolved', 'closed', 'cancelled')
    union all
    select down.service_id, down.ci_id, 'contract' as basis, down.starts_at, down.ends_at
    from down
    inner join contracts
        on down.ci_id = contracts.ci_id
        and {{ holds_on('contracts', 'cast(down.starts_at as date)') }}
        and (contracts.next_from is null or contracts.next_from > cast(down.starts_at as date))
    where contracts.supplier_team_id is not null
),

-- What lay with a supplier for the CI did so for the service that failed with it, and the other way round.
shared as (
    {%- for one, other in [('service_id', 'ci_id'), ('ci_id', 'service_id')] %}
    select
        {{ 'down.service_id' if one == 'ci_id' else 'cast(null as string) as service_id' }},
        {{ 'down.ci_id' if one == 'service_id' else 'cast(null as string) as ci_id' }},
        held.basis,
        greatest(down.starts_at, held.starts_at) as starts_at,
        least(down.ends_at, held.ends_at) as ends_at
    from down
    inner join held on down.{{ one }} = held.{{ one }} and {{ overlaps('down', 'held') }}
    where down.{{ other }} is not null
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

evidence as (
    select service_id, ci_id, 'known' as state, 'measured' as basis, starts_at, ends_at
    from checks
    where state = 'known'
    union all
    select service_id, ci_id, 'down' as state, basis, starts_at, ends_at from down
    union all
    select service_id, ci_id, 'supplier' as state, basis, starts_at, ends_at from held
    union all
    select service_id, ci_id, 'supplier' as state, basis, starts_at, ends_at from shared
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
    where state in ('down', 'supplier')
),

final as (
    {{ merged_intervals('by_basis', ['subject_kind', 'subject_id', 'state', 'basis']) }}
)

select * from final
