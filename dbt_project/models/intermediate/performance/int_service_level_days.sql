{{ rebuilt_by('observed_date') }}

with run_days as (
    select observed_date from {{ ref('stg_run_days') }}
),

targets as (
    select * from {{ ref('int_service_targets_by_day') }}
),

performance as (
    select performance_days.*
    from {{ ref('fct_service_performance_daily') }} as performance_days
    inner join run_days on performance_days.observed_date = run_days.observed_date
),

availability as (
    select * from {{ ref('int_service_availability_daily') }}
),

attainment as (
    select * from {{ ref('int_latency_attainment_daily') }}
    where measure = 'latency_seconds'
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

-- Daily value as numerator and denominator, so that a month is weighted by time or by requests.
daily_values as (
    select
        performance.service_id,
        performance.observed_date,
        'availability_ratio' as measure,
        availability.up_seconds as numerator,
        availability.known_seconds as denominator
    from performance
    inner join availability
        on performance.service_id = availability.service_id
        and performance.observed_date = availability.observed_date
    union all
    select
        service_id,
        observed_date,
        'error_ratio' as measure,
        error_ratio * coalesce(request_count, 1) as numerator,
        coalesce(request_count, 1.0e0) as denominator
    from performance
    where error_ratio is not null
),

judged_values as (
    select
        daily_values.*,
        targets.target_id,
        case targets.comparator
            when '<=' then daily_values.numerator / nullif(daily_values.denominator, 0) <= targets.target_value
            else daily_values.numerator / nullif(daily_values.denominator, 0) >= targets.target_value
        end as is_good
    from daily_values
    inner join targets
        on daily_values.service_id = targets.service_id
        and daily_values.observed_date = targets.observed_date
        and daily_values.measure = targets.measure
),

utilisation as (
    select
        pool_demand.service_id,
        thresholds.target_id,
        pool_demand.observed_date,
        cast(count(case when pool_demand.demand_value <= pool_demand.usable_value then 1 end) as double) as good_count,
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
    select
        service_id,
        target_id,
        measure,
        observed_date,
        case when is_good then 1.0e0 else 0.0e0 end as good_count,
        1.0e0 as total_count,
        numerator,
        denominator
    from judged_values
    union all
    select
        service_id,
        target_id,
        'latency_seconds' as measure,
        observed_date,
        good_count,
        total_count,
        good_count as numerator,
        total_count as denominator
    from attainment
    union all
    select
        service_id,
        target_id,
        'utilisation_ratio' as measure,
        observed_date,
        good_count,
        total_count,
        good_count as numerator,
        total_count as denominator
    from utilisation
)

select * from final
