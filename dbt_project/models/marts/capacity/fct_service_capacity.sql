{{ rebuilt_by('as_of_date') }}

with run_window as (
    select as_of_date from {{ ref('stg_run_window') }}
),

services as (
    select service_id from {{ ref('dim_service') }}
),

pools as (
    select * from {{ ref('fct_pool_capacity') }}
),

ranked as (
    select
        services.service_id,
        run_window.as_of_date,
        pools.pool_id,
        pools.resource,
        pools.deciding_ci_id,
        pools.headroom_ratio,
        pools.coverage_ratio,
        row_number() over (
            partition by services.service_id
            order by pools.headroom_ratio asc nulls last, pools.pool_id
        ) as pool_rank
    from services
    cross join run_window
    left join pools
        on services.service_id = pools.service_id and run_window.as_of_date = pools.as_of_date
),

-- A pool whose usable capacity is unknown can be neither the bottleneck nor the next one.
summarised as (
    select
        service_id,
        as_of_date,
        max(case when pool_rank = 1 then headroom_ratio end) as headroom_ratio,
        max(case when pool_rank = 1 and headroom_ratio is not null then pool_id end) as bottleneck_pool_id,
        max(case when pool_rank = 1 and headroom_ratio is not null then resource end) as bottleneck_resource,
        max(case when pool_rank = 1 and headroom_ratio is not null then deciding_ci_id end) as bottleneck_ci_id,
        max(case when pool_rank = 2 then headroom_ratio end) as next_headroom_ratio,
        max(case when pool_rank = 2 and headroom_ratio is not null then pool_id end) as next_pool_id,
        max(case when pool_rank = 2 and headroom_ratio is not null then resource end) as next_resource,
        cast(count(pool_id) as int) as pool_count,
        coalesce(min(coverage_ratio), 0.0e0) as coverage_ratio
    from ranked
    group by service_id, as_of_date
),

final as (
    select
        *,
        coverage_ratio < {{ var('low_coverage_ratio') }} as is_low_coverage
    from summarised
)

select * from final
