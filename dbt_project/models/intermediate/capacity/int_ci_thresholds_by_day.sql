with members as (
    select distinct observed_date, service_id, ci_id from {{ ref('int_pool_members_by_day') }}
),

thresholds as (
    select * from {{ ref('int_thresholds_by_day') }}
    where service_id is not null
),

-- A CI that several services share keeps the strictest of their thresholds.
final as (
    select
        members.observed_date,
        members.ci_id,
        thresholds.resource,
        min(thresholds.threshold_ratio) as threshold_ratio
    from members
    inner join thresholds
        on members.observed_date = thresholds.observed_date and members.service_id = thresholds.service_id
    group by members.observed_date, members.ci_id, thresholds.resource
)

select * from final
