with run_window as (
    select as_of_date, {{ add_days('as_of_date', -363) }} as first_date from {{ ref('stg_run_window') }}
),

utilisation as (
    select
        *,
        coalesce(demand_max >= 0.999 * limit_value, false) as is_cut_off
    from {{ ref('fct_resource_utilisation_daily') }}
    where observed_date between (select first_date from run_window) and (select as_of_date from run_window)
),

pool_demand as (
    select * from {{ ref('fct_pool_demand_daily') }}
    where observed_date between (select first_date from run_window) and (select as_of_date from run_window)
),

capacity as (
    select ci_id, resource, threshold_ratio, statistic
    from {{ ref('fct_resource_capacity') }}
    where as_of_date = (select as_of_date from run_window)
),

pool_members as (
    select
        *,
        count(*) over (partition by pool_id) as member_count
    from {{ ref('int_pool_member_capacity') }}
),

-- Members that carry a load together, and how many must be able to carry it alone.
sharing as (
    select ci_id, resource, pool_id, member_count, greatest(member_count - tolerance, 1) as survivor_count
    from pool_members
    where pooling = 'shared' and member_count > 1
),

alone as (
    select
        utilisation.ci_id,
        utilisation.resource,
        utilisation.observed_date,
        capacity.statistic,
        utilisation.is_cut_off,
        greatest(utilisation.demand_value / capacity.threshold_ratio, utilisation.demand_max) as required_value
    from utilisation
    inner join capacity
        on utilisation.ci_id = capacity.ci_id and utilisation.resource = capacity.resource
    left join sharing
        on utilisation.ci_id = sharing.ci_id and utilisation.resource = sharing.resource
    where sharing.ci_id is null
),

together as (
    select
        sharing.ci_id,
        sharing.resource,
        pool_demand.observed_date,
        capacity.statistic,
        pool_demand.demand_value / sharing.survivor_count / capacity.threshold_ratio as required_value,
        pool_demand.member_count / cast(sharing.member_count as double) as member_ratio
    from sharing
    inner join pool_demand on sharing.pool_id = pool_demand.pool_id
    inner join capacity
        on sharing.ci_id = capacity.ci_id and sharing.resource = capacity.resource
),

-- Short peaks of a member may use all of it. It had them with as many members as there were then.
peaks as (
    select
        together.ci_id,
        together.resource,
        together.observed_date,
        together.statistic,
        utilisation.is_cut_off,
        utilisation.demand_max * together.member_ratio as required_value
    from together
    inner join utilisation
        on together.ci_id = utilisation.ci_id
        and together.resource = utilisation.resource
        and together.observed_date = utilisation.observed_date
),

final as (
    select
        ci_id,
        resource,
        observed_date,
        max(statistic) as statistic,
        max(required_value) as required_value,
        max(case when is_cut_off then 1 else 0 end) = 1 as is_cut_off
    from (
        select ci_id, resource, observed_date, statistic, is_cut_off, required_value from alone
        union all
        select ci_id, resource, observed_date, statistic, false as is_cut_off, required_value from together
        union all
        select ci_id, resource, observed_date, statistic, is_cut_off, required_value from peaks
    ) as constraints
    group by ci_id, resource, observed_date
)

select * from final
