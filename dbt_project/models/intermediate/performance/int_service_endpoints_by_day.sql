with days as (
    select observed_date from {{ ref('int_days') }}
),

services as (
    select distinct service_id from {{ ref('stg_services') }}
),

members as (
    select distinct observed_date, service_id, ci_id from {{ ref('int_pool_members_by_day') }}
),

services_themselves as (
    select days.observed_date, services.service_id as ci_id, services.service_id
    from days
    cross join services
),

-- What a CI of several services measures is the quality of none of them.
mapped_once as (
    select members.observed_date, members.ci_id, min(members.service_id) as service_id
    from members
    left join services on members.ci_id = services.service_id
    where services.service_id is null
    group by members.observed_date, members.ci_id
    having count(*) = 1
),

final as (
    select observed_date, ci_id, service_id from services_themselves
    union all
    select observed_date, ci_id, service_id from mapped_once
)

select * from final
