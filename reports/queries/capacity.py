"""Room: services, pools, resources, their demand and sustainable throughput."""

from __future__ import annotations

SERVICE_CAPACITY = """
select
    c.service_id, c.headroom_ratio, c.headroom_now_ratio, c.headroom_peak_ratio, c.headroom_critical_ratio,
    c.saturation_minutes, c.bottleneck_pool_id, c.bottleneck_resource, c.bottleneck_ci_id,
    p.redundancy_group as bottleneck_group, c.next_headroom_ratio, c.next_pool_id, c.next_resource,
    coalesce(c.pool_count, 0) as pool_count, c.coverage_ratio, coalesce(c.is_low_coverage, false) as is_low_coverage
from marts.fct_service_capacity as c
left join marts.fct_pool_capacity as p on p.pool_id = c.bottleneck_pool_id and p.as_of_date = c.as_of_date
where c.as_of_date = $as_of
order by c.service_id
"""

BOTTLENECK_UTILISATION = """
select
    c.service_id, d.observed_date,
    case when d.usable_value > 0 then d.demand_value / d.usable_value end as utilisation_ratio
from marts.fct_service_capacity as c
inner join marts.fct_pool_demand_daily as d on d.pool_id = c.bottleneck_pool_id
where c.as_of_date = $as_of and d.observed_date between $since and $as_of
order by c.service_id, d.observed_date
"""

POOLS = """
select
    p.pool_id, p.redundancy_group, p.resource, p.resource_kind, p.unit, p.pooling, p.statistic, p.member_count,
    p.tolerance, p.usable_value, p.demand_value, p.headroom_ratio, p.deciding_ci_id, c.ci_name as deciding_ci_name,
    p.coverage_ratio, p.service_count, p.share_ratio, b.bottleneck_rank, b.fixed_headroom_ratio,
    b.capacity_to_add_value
from marts.fct_pool_capacity as p
left join marts.fct_bottlenecks as b on b.pool_id = p.pool_id and b.as_of_date = p.as_of_date
left join marts.dim_ci as c on c.ci_id = p.deciding_ci_id
where p.service_id = $service_id and p.as_of_date = $as_of
order by p.headroom_ratio nulls last, p.pool_id
"""

# Of an own pool the deciding member, of a shared one the sum over the members, hour by hour.
WEEK = """
with pool as (
    select * from marts.fct_pool_capacity where pool_id = $pool_id and as_of_date = $as_of
),

members as (
    select distinct b.ci_id
    from marts.bridge_service_ci as b
    inner join pool as p on b.service_id = p.service_id and coalesce(b.redundancy_group, b.ci_id) = p.redundancy_group
    where (b.valid_from is null or b.valid_from <= $as_of) and (b.valid_to is null or b.valid_to >= $as_of)
        and (p.pooling = 'shared' or b.ci_id = p.deciding_ci_id)
),

hours as (
    select
        u.hour_at, p.usable_value,
        sum(case when p.statistic = 'maximum' then u.demand_max else u.demand_avg end) as demand_value
    from marts.fct_resource_utilisation_hourly as u
    inner join members as m on m.ci_id = u.ci_id
    inner join pool as p on p.resource = u.resource
    where u.observed_date between $since and $as_of
    group by all
)

select
    isodow(hour_at)::int as weekday, hour(hour_at)::int as hour, count(*)::int as hour_count,
    median(demand_value) / nullif(any_value(usable_value), 0) as used_ratio
from hours
group by all
order by weekday, hour
"""

RESOURCES = """
with members as (
    select ci_id, min(redundancy_group) as redundancy_group
    from marts.bridge_service_ci
    where service_id = $service_id
        and (valid_from is null or valid_from <= $as_of) and (valid_to is null or valid_to >= $as_of)
    group by ci_id
)
select
    r.ci_id, coalesce(c.ci_name, r.ci_id) as ci_name, c.ci_kind, m.redundancy_group, r.resource, r.unit,
    r.limit_value, r.threshold_ratio, r.usable_value, r.demand_value, r.headroom_ratio, r.coverage_ratio,
    coalesce(r.is_low_coverage, false) as is_low_coverage
from marts.fct_resource_capacity as r
inner join members as m on m.ci_id = r.ci_id
left join marts.dim_ci as c on c.ci_id = r.ci_id
where r.as_of_date = $as_of
order by r.headroom_ratio nulls last, r.ci_id, r.resource
"""

POOL_DEMAND = """
select pool_id, observed_date, demand_value, usable_value, coverage_ratio
from marts.fct_pool_demand_daily
where service_id = $service_id and observed_date between $since and $as_of
order by pool_id, observed_date
"""

EVIDENCE = """
select
    coalesce(sum(u.sample_count), 0)::bigint as sample_count, count(distinct u.ci_id) as ci_count,
    min(u.observed_date) as first_date, max(u.observed_date) as last_date
from marts.fct_service_capacity as c
inner join marts.fct_pool_capacity as p on p.pool_id = c.bottleneck_pool_id and p.as_of_date = c.as_of_date
inner join marts.bridge_service_ci as b
    on b.service_id = c.service_id and b.redundancy_group = p.redundancy_group
inner join marts.fct_resource_capacity as r
    on r.ci_id = b.ci_id and r.resource = p.resource and r.as_of_date = c.as_of_date
inner join marts.fct_resource_utilisation_daily as u
    on u.ci_id = r.ci_id and u.resource = r.resource
    and u.observed_date between r.demand_window_start_date and r.as_of_date
    and (b.valid_from is null or b.valid_from <= u.observed_date)
    and (b.valid_to is null or b.valid_to >= u.observed_date)
where c.service_id = $service_id and c.as_of_date = $as_of
having count(*) > 0
"""

SCALABILITY = """
select
    method, is_preferred, sustainable_per_second, sustainable_per_second_low, sustainable_per_second_high,
    busy_hour_per_second, headroom_ratio, latency_target_seconds, peak_load, peak_per_second, limited_by, load_unit,
    point_count, first_date, last_date, tested_at, is_refused, reason, notes
from marts.fct_scalability
where service_id = $service_id and as_of_date = $as_of
order by is_preferred desc, is_refused, method
"""

SCALABILITY_POINTS = """
select method, series, load, throughput_per_second, latency_seconds
from marts.fct_scalability_points
where service_id = $service_id and as_of_date = $as_of
order by method, series, point_number
"""

SHARED_USE = """
select
    u.ci_id, coalesce(c.ci_name, u.ci_id) as ci_name, u.resource, r.service_count, u.share_ratio, u.share_basis,
    u.use_ratio, u.use_ratio_low, u.use_ratio_high, u.share_headroom_ratio,
    coalesce(u.is_above_share, false) as is_above_share, coalesce(u.is_refused, u.use_ratio is null) as is_refused,
    u.reason
from marts.fct_shared_use as u
left join marts.fct_resource_shares as r
    on r.service_id = u.service_id and r.ci_id = u.ci_id and r.resource = u.resource and r.as_of_date = u.as_of_date
left join marts.dim_ci as c on c.ci_id = u.ci_id
where u.as_of_date = $as_of and u.service_id = $service_id
order by coalesce(u.is_above_share, false) desc, u.use_ratio desc nulls last, u.ci_id, u.resource
"""
