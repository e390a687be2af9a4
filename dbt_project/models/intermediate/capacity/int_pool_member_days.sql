with daily as (
    select * from {{ ref('fct_resource_utilisation_daily') }}
),

run_days as (
    select observed_date from {{ ref('stg_run_days') }}
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

final as (
    select
        {{ pool_id('members.service_id', 'members.redundancy_group', 'daily.resource') }} as pool_id,
        daily.observed_date,
        members.service_id,
        members.redundancy_group,
        members.tolerance,
        daily.ci_id,
        daily.resource,
        daily.unit,
        rules.pooling,
        daily.statistic,
        daily.busy_hour_at,
        daily.demand_value,
        daily.limit_value * thresholds.threshold_ratio as usable_value,
        daily.coverage_ratio
    from daily
    inner join run_days on daily.observed_date = run_days.observed_date
    inner join members
        on daily.ci_id = members.ci_id and daily.observed_date = members.observed_date
    inner join rules
        on daily.resource = rules.resource and daily.observed_date = rules.observed_date
    inner join thresholds
        on members.service_id = thresholds.service_id
        and daily.resource = thresholds.resource
        and daily.observed_date = thresholds.observed_date
)

select * from final
