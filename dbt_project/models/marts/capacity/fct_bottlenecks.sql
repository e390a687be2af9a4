{{ rebuilt_by('as_of_date') }}

with run_window as (
    select as_of_date from {{ ref('stg_run_window') }}
),

services as (
    select service_id from {{ ref('dim_service') }}
),

pools as (
    select pool_rows.*
    from {{ ref('fct_pool_capacity') }} as pool_rows
    inner join run_window on pool_rows.as_of_date = run_window.as_of_date
    inner join services on pool_rows.service_id = services.service_id
),

ranked as (
    select
        *,
        cast(row_number() over (
            partition by service_id
            order by headroom_ratio asc nulls last, pool_id
        ) as int) as bottleneck_rank
    from pools
),

chained as (
    select
        *,
        lead(headroom_ratio) over (partition by service_id order by bottleneck_rank) as fixed_headroom_ratio
    from ranked
),

final as (
    select
        service_id,
        as_of_date,
        bottleneck_rank,
        pool_id,
        redundancy_group,
        resource,
        resource_kind,
        deciding_ci_id,
        unit,
        usable_value,
        demand_value,
        headroom_ratio,
        fixed_headroom_ratio,
        fixed_headroom_ratio - headroom_ratio as gain_ratio,
        demand_value / nullif(1 - fixed_headroom_ratio, 0) - usable_value as capacity_to_add_value,
        coverage_ratio
    from chained
)

select * from final
