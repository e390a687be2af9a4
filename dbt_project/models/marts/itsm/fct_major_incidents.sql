with incidents as (
    select * from {{ ref('int_incidents') }}
),

timelines as (
    select * from {{ ref('stg_major_incidents') }}
),

run_window as (
    select as_of_at, as_of_date from {{ ref('stg_run_window') }}
),

major as (
    select
        incidents.incident_id,
        incidents.service_id,
        incidents.ci_id,
        incidents.team_id,
        incidents.priority,
        incidents.title,
        incidents.state,
        incidents.problem_id,
        incidents.opened_at,
        incidents.opened_date,
        incidents.resolved_at,
        greatest(coalesce(timelines.declared_at, incidents.declared_major_at), incidents.opened_at) as declared_at,
        case when timelines.first_update_at < run_window.as_of_at then timelines.first_update_at end as told_at,
        case when timelines.restored_at < run_window.as_of_at then timelines.restored_at end as recorded_restored_at,
        case when timelines.reviewed_at < run_window.as_of_at then timelines.reviewed_at end as reviewed_at
    from incidents
    cross join run_window
    left join timelines on incidents.incident_id = timelines.incident_id
    where incidents.declared_major_at is not null or timelines.incident_id is not null
),

-- Without a record of what users were told, the first update of the ticket after the declaration counts.
updates as (
    select major.incident_id, min(events.updated_at) as next_update_at
    from major
    inner join {{ ref('int_incident_events') }} as events
        on major.incident_id = events.incident_id
        and events.updated_at > major.declared_at
    group by major.incident_id
),

service_map as (
    select service_id, ci_id, valid_from, valid_to from {{ ref('stg_service_cis') }}
),

-- Its own service, and those that used its CI on the day.
hit as (
    select incident_id, service_id from major where service_id is not null
    union
    select major.incident_id, service_map.service_id
    from major
    inner join service_map
        on major.ci_id = service_map.ci_id
        and {{ holds_on('service_map', 'major.opened_date') }}
),

services as (
    select
        incident_id,
        {{ joined_texts('service_id') }} as service_ids,
        cast(count(*) as int) as service_count
    from hit
    group by incident_id
),

timed as (
    select
        major.*,
        coalesce(major.told_at, updates.next_update_at) as first_update_at,
        coalesce(major.recorded_restored_at, major.resolved_at) as restored_at,
        case
            when major.recorded_restored_at is not null then 'record'
            when major.resolved_at is not null then 'resolution'
        end as restored_basis
    from major
    left join updates on major.incident_id = updates.incident_id
),

final as (
    select
        timed.incident_id,
        timed.service_id,
        timed.ci_id,
        timed.team_id,
        timed.priority,
        timed.title,
        timed.state,
        timed.problem_id,
        timed.opened_at,
        timed.declared_at,
        timed.first_update_at,
        timed.restored_at,
        timed.restored_basis,
        timed.resolved_at,
        timed.reviewed_at,
        {{ minutes_between('timed.opened_at', 'timed.declared_at') }} as declaration_minutes,
        {{ minutes_between('timed.declared_at', 'timed.first_update_at') }} as first_update_minutes,
        {{ minutes_between('timed.opened_at', 'timed.restored_at') }} as restoration_minutes,
        {{ minutes_between('timed.opened_at', 'timed.resolved_at') }} as resolution_minutes,
        coalesce(services.service_count, 0) as service_count,
        services.service_ids
    from timed
    left join services on timed.incident_id = services.incident_id
)

select * from final
