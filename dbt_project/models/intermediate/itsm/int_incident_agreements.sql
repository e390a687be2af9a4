with tickets as (
    select distinct service_id, priority, opened_date
    from {{ ref('int_incident_spans') }}
    where {{ of_rebuilt_incidents('incident_id', ref('int_rebuilt_incidents'), 'is_ticking') }}
),

clocks as (
    select distinct clock, measure
    from {{ ref('stg_sla_clocks') }}
),

targets as (
    select * from {{ ref('stg_targets') }}
    where measure in (select measure from clocks)
),

services as (
    select * from {{ ref('stg_services') }}
),

calendars as (
    select distinct calendar_id from {{ ref('stg_calendars') }}
),

-- The target in force when the incident was opened, the most specific one first.
candidates as (
    select
        tickets.service_id,
        tickets.priority,
        tickets.opened_date,
        clocks.clock,
        targets.target_id,
        targets.target_value,
        targets.calendar_id as target_calendar_id,
        row_number() over (
            partition by tickets.service_id, tickets.priority, tickets.opened_date, clocks.clock
            order by
                case when targets.service_id is null then 1 else 0 end,
                case when targets.priority is null then 1 else 0 end,
                targets.valid_from desc,
                targets.target_id
        ) as specificity_rank
    from tickets
    inner join targets
        on {{ holds_on('targets', 'tickets.opened_date') }}
        and (targets.service_id is null or targets.service_id = tickets.service_id)
        and (targets.priority is null or targets.priority = tickets.priority)
    inner join clocks on targets.measure = clocks.measure
),

service_calendars as (
    select
        tickets.service_id,
        tickets.opened_date,
        services.calendar_id,
        row_number() over (
            partition by tickets.service_id, tickets.opened_date order by services.valid_from desc
        ) as version_rank
    from (select distinct service_id, opened_date from tickets) as tickets
    inner join services
        on tickets.service_id = services.service_id
        and {{ holds_on('services', 'tickets.opened_date') }}
),

final as (
    select
        row_number() over (
            order by
                candidates.opened_date,
                candidates.service_id nulls last,
                candidates.priority nulls last,
                candidates.clock
        ) as agreement_number,
        candidates.service_id,
        candidates.priority,
        candidates.opened_date,
        candidates.clock,
        candidates.target_id,
        candidates.target_value as target_minutes,
        of_target.calendar_id as target_calendar_id,
        of_service.calendar_id as service_calendar_id
    from candidates
    left join service_calendars
        on candidates.service_id = service_calendars.service_id
        and candidates.opened_date = service_calendars.opened_date
        and service_calendars.version_rank = 1
    left join calendars as of_target on candidates.target_calendar_id = of_target.calendar_id
    left join calendars as of_service on service_calendars.calendar_id = of_service.calendar_id
    where candidates.specificity_rank = 1
)

select * from final
