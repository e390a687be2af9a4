with run_window as (
    select as_of_date, default_lead_time_days from {{ ref('stg_run_window') }}
),

resources as (
    select * from {{ ref('fct_resource_capacity') }}
),

pools as (
    select * from {{ ref('fct_pool_capacity') }}
),

services as (
    select * from {{ ref('fct_service_capacity') }}
),

members as (
    select * from {{ ref('int_pool_members_by_day') }}
),

rules as (
    select * from {{ ref('int_resource_rules_by_day') }}
),

only_services as (
    select observed_date, ci_id, min(service_id) as service_id
    from members
    group by observed_date, ci_id
    having count(distinct service_id) = 1
),

resource_series as (
    select
        'ci/' || resources.ci_id || '/' || resources.resource as series_id,
        'resource' as level,
        resources.as_of_date,
        only_services.service_id,
        resources.ci_id,
        cast(null as string) as pool_id,
        resources.resource,
        resources.unit,
        resources.usable_value
    from resources
    inner join run_window on resources.as_of_date = run_window.as_of_date
    left join only_services
        on resources.ci_id = only_services.ci_id and resources.as_of_date = only_services.observed_date
),

pool_series as (
    select
        'pool/' || pools.pool_id as series_id,
        'pool' as level,
        pools.as_of_date,
        pools.service_id,
        pools.deciding_ci_id as ci_id,
        pools.pool_id,
        pools.resource,
        pools.unit,
        pools.usable_value
    from pools
    inner join run_window on pools.as_of_date = run_window.as_of_date
),

service_series as (
    select
        'service/' || services.service_id as series_id,
        'service' as level,
        services.as_of_date,
        services.service_id,
        services.bottleneck_ci_id as ci_id,
        services.bottleneck_pool_id as pool_id,
        services.bottleneck_resource as resource,
        cast(null as string) as unit,
        cast(null as double) as usable_value
    from services
    inner join run_window on services.as_of_date = run_window.as_of_date
),

all_series as (
    select * from resource_series
    union all
    select * from pool_series
    union all
    select * from service_series
),

final as (
    select
        all_series.*,
        coalesce(rules.lead_time_days, run_window.default_lead_time_days) as lead_time_days
    from all_series
    cross join run_window
    left join rules
        on all_series.resource = rules.resource and all_series.as_of_date = rules.observed_date
)

select * from final
