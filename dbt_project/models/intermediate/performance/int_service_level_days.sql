{{ rebuilt_by('observed_date') }}

with run_days as (
    select observed_date from {{ ref('stg_run_days') }}
),

targets as (
    select * from {{ ref('int_service_targets_by_day') }}
    where measure = 'error_ratio'
),

traffic as (
    select traffic_days.*
    from {{ ref('int_service_traffic_daily') }} as traffic_days
    inner join run_days on traffic_days.observed_date = run_days.observed_date
    where traffic_days.judged_count > 0
),

attainment as (
    select * from {{ ref('int_latency_attainment_daily') }}
    where measure = 'latency_seconds' and total_count > 0
),

pool_demand as (
    select pool_days.*
    from {{ ref('fct_pool_demand_daily') }} as pool_days
    inner join run_days on pool_days.observed_date = run_days.observed_date
),

thresholds as (
    select * from {{ ref('int_thresholds_by_day') }}
    where target_id is not null
),

-- By value every failed request counts; with an objective a day counts as one, good or bad.
errors as (
    select
        traffic.service_id,
        targets.target_id,
        traffic.observed_date,
        case
            when targets.objective_ratio is null then traffic.failed_count
            when traffic.error_ratio <= targets.target_value then 0.0e0
            else 1.0e0
        end as bad_count,
        case when targets.objective_ratio is null then traffic.judged_count else 1.0e0 end as total_count
    from traffic
    inner join targets
        on traffic.service_id = targets.service_id and traffic.observed_date = targets.observed_date
),

utilisation as (
    select
        pool_demand.service_id,
        thresholds.target_id,
        pool_demand.observed_date,
        cast(count(case when pool_demand.demand_value > pool_demand.usable_value then 1 end) as double) as bad_count,
        cast(count(pool_demand.usable_value) as double) as total_count
    from pool_demand
    inner join thresholds
        on pool_demand.service_id = thresholds.service_id
        and pool_demand.resource = thresholds.resource
        and pool_demand.observed_date = thresholds.observed_date
    group by pool_demand.service_id, thresholds.target_id, pool_demand.observed_date
    having count(pool_demand.usable_value) > 0
),

final as (
    select service_id, target_id, observed_date, bad_count, total_count
    from errors
    union all
    select service_id, target_id, observed_date, total_count - good_count as bad_count, total_count
    from attainment
    union all
    select service_id, target_id, observed_date, bad_count, total_count
    from utilisation
    union all
    select service_id, target_id, observed_date, sum(bad_count) as bad_count, sum(total_count) as total_count
    from {{ ref('int_throughput_level_hours') }}
    group by service_id, target_id, observed_date
)

select * from final
