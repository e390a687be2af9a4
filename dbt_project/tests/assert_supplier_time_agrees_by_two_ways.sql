-- Time with suppliers of an outage that checks saw, by its service and by its endpoint: the same, where no other CI of the service was down and the
-- endpoint serves no other service.
with named_together as (
    select service_id, ci_id from {{ ref('int_check_intervals') }}
    where state = 'down'
    union
    select service_id, ci_id from {{ ref('stg_outages') }}
    where service_id is not null and ci_id is not null
),

single as (
    select service_id, ci_id
    from (
        select
            service_id,
            ci_id,
            count(*) over (partition by service_id) as ci_count,
            count(*) over (partition by ci_id) as service_count
        from named_together
    ) as counted
    where ci_count = 1 and service_count = 1
),

with_supplier as (
    select
        down.subject_kind,
        down.subject_id,
        down.starts_at,
        down.ends_at,
        sum({{ overlap_microseconds('down', 'held') }}) as microseconds
    from {{ ref('int_availability_intervals') }} as down
    inner join {{ ref('int_availability_intervals') }} as held
        on down.subject_kind = held.subject_kind
        and down.subject_id = held.subject_id
        and held.state = 'supplier'
        and held.basis = 'all'
        and {{ overlaps('down', 'held') }}
    where down.state = 'down' and down.basis = 'measured'
    group by down.subject_kind, down.subject_id, down.starts_at, down.ends_at
),

of_service as (
    select single.service_id, with_supplier.*
    from with_supplier
    inner join single on with_supplier.subject_kind = 'service' and with_supplier.subject_id = single.service_id
),

of_ci as (
    select single.service_id, with_supplier.*
    from with_supplier
    inner join single on with_supplier.subject_kind = 'ci' and with_supplier.subject_id = single.ci_id
)

select
    coalesce(of_service.service_id, of_ci.service_id) as service_id,
    coalesce(of_service.starts_at, of_ci.starts_at) as starts_at,
    of_service.microseconds as microseconds_of_service,
    of_ci.microseconds as microseconds_of_ci
from of_service
full join of_ci
    on of_service.service_id = of_ci.service_id
    and of_service.starts_at = of_ci.starts_at
    and of_service.ends_at = of_ci.ends_at
where coalesce(of_service.microseconds, 0) <> coalesce(of_ci.microseconds, 0)
