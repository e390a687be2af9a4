with parts as (
    select * from {{ ref('int_cost_months') }}
    where ci_id is not null
),

service_cis as (
    select * from {{ ref('stg_service_cis') }}
),

performance as (
    select service_id, observed_date, request_count from {{ ref('fct_service_performance_daily') }}
),

billed_days as (
    select ci_id, min(first_date) as first_date, max(last_date) as last_date
    from parts
    group by ci_id
),

map_days as (
    select
        service_cis.ci_id,
        service_cis.service_id,
        service_cis.share_ratio,
        service_cis.valid_from,
        {{ each_day(
            'greatest(service_cis.valid_from, billed_days.first_date)',
            'least(coalesce(service_cis.valid_to, billed_days.last_date), billed_days.last_date)'
        ) }} as observed_date
    from service_cis
    inner join billed_days on service_cis.ci_id = billed_days.ci_id
    where service_cis.valid_from <= billed_days.last_date
        and (
            service_cis.valid_to is null
            or service_cis.valid_to >= greatest(billed_days.first_date, service_cis.valid_from)
        )
),

-- Where versions of the map overlap, the one that began last counts.
ranked as (
    select
        *,
        row_number() over (partition by ci_id, service_id, observed_date order by valid_from desc) as version_rank
    from map_days
),

members as (
    select
        ranked.ci_id,
        ranked.observed_date,
        ranked.service_id,
        ranked.share_ratio,
        performance.request_count
    from ranked
    left join performance
        on ranked.service_id = performance.service_id and ranked.observed_date = performance.observed_date
    where ranked.version_rank = 1
),

totals as (
    select
        ci_id,
        observed_date,
        count(*) as service_count,
        case when count(share_ratio) = count(*) then {{ exact_sum('share_ratio') }} end as agreed_total,
        case when count(request_count) = count(*) then {{ exact_sum('request_count', 6) }} end as measured_total
    from members
    group by ci_id, observed_date
),

-- What is agreed counts before what is measured, and that before equal shares.
final as (
    select
        members.ci_id,
        members.observed_date,
        members.service_id,
        case
            when totals.service_count = 1 then 'direct'
            when totals.agreed_total > 0 then 'agreed_share'
            when totals.measured_total > 0 then 'measured_use'
            else 'equal_share'
        end as allocated_method_id,
        case
            when totals.service_count = 1 then 1.0e0
            when totals.agreed_total > 0 then members.share_ratio / totals.agreed_total
            when totals.measured_total > 0 then members.request_count / totals.measured_total
            else 1.0e0 / totals.service_count
        end as cost_share_ratio
    from members
    inner join totals on members.ci_id = totals.ci_id and members.observed_date = totals.observed_date
)

select * from final
