with run_window as (
    select as_of_date from {{ ref('stg_run_window') }}
),

capacity as (
    select * from {{ ref('fct_resource_capacity') }}
),

members as (
    select * from {{ ref('int_pool_members_by_day') }}
),

rules as (
    select * from {{ ref('int_resource_rules_by_day') }}
),

thresholds as (
    select * from {{ ref('int_thresholds_by_day') }}
),

shares as (
    select * from {{ ref('int_service_shares') }}
),

final as (
    select
        {{ pool_id('members.service_id', 'members.redundancy_group', 'capacity.resource') }} as pool_id,
        capacity.as_of_date,
        members.service_id,
        members.redundancy_group,
        members.tolerance,
        capacity.ci_id,
        capacity.resource,
        capacity.resource_kind,
        capacity.unit,
        rules.pooling,
        capacity.statistic,
        cast(null as timestamp) as busy_hour_at,
        capacity.demand_value,
        capacity.limit_value * thresholds.threshold_ratio as usable_value,
        capacity.now_hour_at,
        capacity.demand_now_value,
        capacity.demand_peak_value,
        capacity.saturation_minutes,
        shares.service_count,
        shares.share_ratio,
        shares.share_basis,
        capacity.coverage_ratio
    from capacity
    inner join run_window on capacity.as_of_date = run_window.as_of_date
    inner join members
        on capacity.ci_id = members.ci_id and capacity.as_of_date = members.observed_date
    inner join rules
        on capacity.resource = rules.resource and capacity.as_of_date = rules.observed_date
    inner join thresholds
        on members.service_id = thresholds.service_id
        and capacity.resource = thresholds.resource
        and capacity.as_of_date = thresholds.observed_date
    inner join shares
        on members.ci_id = shares.ci_id
        and members.service_id = shares.service_id
        and members.observed_date = shares.as_of_date
)

select * from final
