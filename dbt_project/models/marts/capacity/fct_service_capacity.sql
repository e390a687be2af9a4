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

bottlenecks as (
    select * from {{ ref('fct_bottlenecks') }}
),

ranked as (
    select
        services.service_id,
        run_window.as_of_date,
        pools.pool_id,
        pools.resource,
        pools.deciding_ci_id,
        pools.headroom_ratio,
        pools.headroom_now_ratio,
        pools.headroom_peak_ratio,
        pools.headroom_critical_ratio,
        pools.saturation_minutes,
        pools.coverage_ratio,
        bottlenecks.bottleneck_rank as pool_rank
    from services
    cross join run_window
    left join bottlenecks
        on services.service_id = bottlenecks.service_id and run_window.as_of_date = bottlenecks.as_of_date
    left join pools
        on bottlenecks.pool_id = pools.pool_id and bottlenecks.as_of_date = pools.as_of_date
),

-- A pool whose usable capacity is unknown can be neither the bottleneck nor the next one.
summarised as (
    select
        service_id,
        as_of_date,
        max(case when pool_rank = 1 then headroom_ratio end) as headroom_ratio,
        min(headroom_now_ratio) as headroom_now_ratio,
        min(headroom_peak_ratio) as headroom_peak_ratio,
        min(headroom_critical_ratio) as headroom_critical_ratio,
        max(saturation_minutes) as saturation_minutes,
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
