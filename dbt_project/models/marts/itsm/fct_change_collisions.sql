with changes as (
    select * from {{ ref('stg_changes') }}
),

service_cis as (
    select * from {{ ref('bridge_service_ci') }}
),

planned as (
    select
        change_id,
        service_id,
        ci_id,
        planned_start_at,
        planned_end_at
    from changes
    where state <> 'cancelled' and planned_start_at < planned_end_at
),

-- Where a change takes place. A change of a whole service is in the way of every other one of that service.
places as (
    select change_id, planned_start_at, planned_end_at, 1 as scope_rank, ci_id as place, true as names_ci
    from planned
    where ci_id is not null
    union
    select
        planned.change_id,
        planned.planned_start_at,
        planned.planned_end_at,
        2 as scope_rank,
        concat(service_cis.service_id, '/', service_cis.redundancy_group) as place,
        true as names_ci
    from planned
    inner join service_cis
        on planned.ci_id = service_cis.ci_id
        and {{ holds_on('service_cis', 'cast(planned.planned_start_at as date)') }}
    union
    select change_id, planned_start_at, planned_end_at, 3 as scope_rank, service_id as place, ci_id is not null as names_ci
    from planned
    where service_id is not null
),

-- Changes that overlap share a day: a join by equality, where that of all changes of a service would grow with its square.
placed as (
    select
        places.*,
        {{ each_day('cast(planned_start_at as date)', 'cast(planned_end_at as date)') }} as planned_date
    from places
),

pairs as (
    select
        mine.change_id,
        others.change_id as other_change_id,
        min(mine.scope_rank) as scope_rank,
        greatest(min(mine.planned_start_at), min(others.planned_start_at)) as overlap_start_at,
        least(min(mine.planned_end_at), min(others.planned_end_at)) as overlap_end_at
    from placed as mine
    inner join placed as others
        on mine.place = others.place
        and mine.planned_date = others.planned_date
        and mine.scope_rank = others.scope_rank
        and mine.change_id <> others.change_id
        and mine.planned_start_at < others.planned_end_at
        and others.planned_start_at < mine.planned_end_at
    where mine.scope_rank < 3 or not mine.names_ci or not others.names_ci
    group by mine.change_id, others.change_id
),

final as (
    select
        change_id,
        other_change_id,
        case scope_rank when 1 then 'ci' when 2 then 'redundancy_group' else 'service' end as scope,
        overlap_start_at,
        overlap_end_at,
        {{ minutes_between('overlap_start_at', 'overlap_end_at') }} as overlap_minutes
    from pairs
)

select * from final
