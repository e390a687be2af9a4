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
        coalesce(requests.request_count, 0.0e0) as request_count
    from {{ ref('int_pool_members_by_day') }} as pool_members
    inner join run_window on pool_members.observed_date = run_window.as_of_date
    left join requests on pool_members.service_id = requests.service_id
),

totals as (
    select
        ci_id,
        count(*) as service_count,
        count(agreed_share_ratio) as agreed_count,
        greatest(0.0e0, 1 - {{ exact_sum('coalesce(agreed_share_ratio, 0.0e0)') }}) as left_ratio,
        {{ exact_sum('case when agreed_share_ratio is null then request_count else 0.0e0 end', digits=6) }}
            as request_count
    from members
    group by ci_id
),

-- What agreed shares leave is divided among the other services by their requests, else in equal parts.
final as (
    select
        members.as_of_date,
        members.ci_id,
        members.service_id,
        cast(totals.service_count as int) as service_count,
        case
            when totals.service_count = 1 then 1.0e0
            when members.agreed_share_ratio is not null then members.agreed_share_ratio
            when totals.request_count > 0 then totals.left_ratio * members.request_count / totals.request_count
            else totals.left_ratio / (totals.service_count - totals.agreed_count)
        end as share_ratio,
        case
            when totals.service_count = 1 then 'sole'
            when members.agreed_share_ratio is not null then 'agreed'
            when totals.request_count > 0 then 'requests'
            else 'equal'
        end as share_basis
    from members
    inner join totals on members.ci_id = totals.ci_id
)

select * from final
