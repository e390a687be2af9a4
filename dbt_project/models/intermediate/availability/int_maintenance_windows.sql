with service_cis as (
    select * from {{ ref('stg_service_cis') }}
),

-- An emergency is no planned work, and a change is not agreed before it is authorised.
planned as (
    select service_id, ci_id, planned_start_at as starts_at, planned_end_at as ends_at
    from {{ ref('stg_changes') }}
    where change_kind in ('standard', 'normal')
        and state in ('authorised', 'scheduled', 'implementing', 'review', 'closed')
        and planned_start_at < planned_end_at
    union all
    select service_id, ci_id, started_at as starts_at, ended_at as ends_at
    from {{ ref('stg_outages') }}
    where is_planned
),

-- What names no service is maintenance of all services of its CI.
windows as (
    select service_id, starts_at, ends_at
    from planned
    where service_id is not null
    union all
    select service_cis.service_id, planned.starts_at, planned.ends_at
    from planned
    inner join service_cis
        on planned.ci_id = service_cis.ci_id and {{ holds_on('service_cis', 'cast(planned.starts_at as date)') }}
    where planned.service_id is null
),

islands as (
    {{ merged_intervals('windows', ['service_id']) }}
),

final as (
    select service_id, {{ each_day_of_interval() }} as observed_date, starts_at, ends_at
    from islands
)

select * from final
