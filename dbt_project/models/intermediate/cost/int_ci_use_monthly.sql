with utilisation as (
    select * from {{ ref('fct_resource_utilisation_daily') }}
),

pool_demand as (
    select * from {{ ref('fct_pool_demand_daily') }}
),

service_cis as (
    select * from {{ ref('stg_service_cis') }}
),

resource_months as (
    select
        ci_id,
        resource,
        {{ month_of('observed_date') }} as month_start_date,
        max(observed_date) as last_date,
        max(demand_max / nullif(limit_value, 0)) as peak_ratio,
        case
            when max(statistic) = 'maximum' then max(demand_value / nullif(usable_value, 0))
            else {{ percentile('demand_value / nullif(usable_value, 0)', 0.95) }}
        end as own_need_ratio
    from utilisation
    group by ci_id, resource, {{ month_of('observed_date') }}
),

-- Usable capacity of a pool is what is left when it has lost the members whose loss it must survive.
pool_months as (
    select
        service_id,
        redundancy_group,
        {{ month_of('observed_date') }} as month_start_date,
        resource,
        case
            when max(statistic) = 'maximum' then max(demand_value / nullif(usable_value, 0))
            else {{ percentile('demand_value / nullif(usable_value, 0)', 0.95) }}
        end as pool_need_ratio
    from pool_demand
    group by service_id, redundancy_group, {{ month_of('observed_date') }}, resource
),

pool_needs as (
    select
        resource_months.ci_id,
        resource_months.month_start_date,
        max(pool_months.pool_need_ratio) as pool_need_ratio
    from resource_months
    inner join service_cis
        on resource_months.ci_id = service_cis.ci_id
        and service_cis.valid_from <= resource_months.last_date
        and (service_cis.valid_to is null or service_cis.valid_to >= resource_months.month_start_date)
    inner join pool_months
        on service_cis.service_id = pool_months.service_id
        and coalesce(service_cis.redundancy_group, service_cis.ci_id) = pool_months.redundancy_group
        and resource_months.resource = pool_months.resource
        and resource_months.month_start_date = pool_months.month_start_date
    group by resource_months.ci_id, resource_months.month_start_date
),

ci_months as (
    select
        ci_id,
        month_start_date,
        max(peak_ratio) as peak_ratio,
        max(own_need_ratio) as own_need_ratio
    from resource_months
    group by ci_id, month_start_date
),

needed as (
    select
        ci_months.ci_id,
        ci_months.month_start_date,
        ci_months.peak_ratio,
        coalesce(pool_needs.pool_need_ratio, ci_months.own_need_ratio) as need_ratio
    from ci_months
    left join pool_needs
        on ci_months.ci_id = pool_needs.ci_id and ci_months.month_start_date = pool_needs.month_start_date
),

-- The scarcest resource decides: what it needs cannot be given up. Nothing is known without a limit.
final as (
    select
        ci_id,
        month_start_date,
        peak_ratio,
        case when peak_ratio < 1 then 1 - peak_ratio when peak_ratio >= 1 then 0.0e0 end as idle_ratio,
        need_ratio,
        case when need_ratio < 1 then 1 - need_ratio when need_ratio >= 1 then 0.0e0 end as headroom_ratio
    from needed
)

select * from final
