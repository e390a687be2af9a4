with run_window as (
    select * from {{ ref('stg_run_window') }}
),

performance as (
    select * from {{ ref('fct_service_performance_daily') }}
),

requests as (
    select
        performance.service_id,
        {{ exact_sum('performance.request_count', digits=6) }} as request_count
    from performance
    inner join run_window
        on performance.observed_date between run_window.demand_window_start_date and run_window.as_of_date
    group by performance.service_id
),

members as (
    select
        run_window.as_of_date,
        pool_members.ci_id,
        pool_members.service_id,
        pool_members.agreed_share_ratio,
        requests.request_count
    from {{ ref('int_pool_members_by_day') }} as pool_members
    inner join run_window on pool_members.observed_date = run_window.as_of_date
    left join requests on pool_members.service_id = requests.service_id
),

totals as (
    select
        ci_id,
        count(*) as service_count,
        count(agreed_share_ratio) as agreed_count,
        case when count(request_count) = count(*) then {{ exact_sum('request_count', digits=6) }} end as measured_total
    from members
    group by ci_id
),

-- What is agreed counts before what is measured, and that before equal parts. Agreed shares stay as agreed: what they leave
-- is nobody's.
final as (
    select
        members.as_of_date,
        members.ci_id,
        members.service_id,
        cast(totals.service_count as int) as service_count,
        case
            when totals.service_count = 1 then 1.0e0
            when totals.agreed_count = totals.service_count then members.agreed_share_ratio
            when totals.measured_total > 0 then members.request_count / totals.measured_total
            else 1.0e0 / totals.service_count
        end as share_ratio,
        case
            when totals.service_count = 1 then 'direct'
            when totals.agreed_count = totals.service_count then 'agreed_share'
            when totals.measured_total > 0 then 'measured_use'
            else 'equal_share'
        end as share_basis
    from members
    inner join totals on members.ci_id = totals.ci_id
)

select * from final
