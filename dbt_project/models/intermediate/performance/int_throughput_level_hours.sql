with hours as (
    select * from {{ ref('int_service_traffic_hourly') }}
),

targets as (
    select * from {{ ref('int_service_targets_by_day') }}
    where measure = 'throughput_per_second'
),

open_intervals as (
    select * from {{ ref('int_calendar_open_intervals') }}
),

judged as (
    select
        hours.service_id,
        hours.observed_date,
        hours.hour_at,
        {{ add_minutes('hours.hour_at', 60) }} as hour_end_at,
        hours.throughput_per_second,
        targets.target_id,
        targets.comparator,
        targets.target_value,
        targets.calendar_id
    from hours
    inner join targets
        on hours.service_id = targets.service_id and hours.observed_date = targets.observed_date
),

-- Of a calendar an hour counts when at least half of it is open.
agreed as (
    select judged.service_id, judged.target_id, judged.hour_at
    from judged
    inner join open_intervals
        on judged.calendar_id = open_intervals.calendar_id
        and judged.observed_date = open_intervals.open_date
        and open_intervals.opens_at < judged.hour_end_at
        and open_intervals.closes_at > judged.hour_at
    group by judged.service_id, judged.target_id, judged.hour_at
    having sum({{ microseconds_between(
        'greatest(open_intervals.opens_at, judged.hour_at)', 'least(open_intervals.closes_at, judged.hour_end_at)'
    ) }}) >= 1800000000
),

final as (
    select
        judged.service_id,
        judged.target_id,
        judged.observed_date,
        judged.hour_at,
        case
            when judged.comparator = '>=' and judged.throughput_per_second >= judged.target_value then 0.0e0
            when judged.comparator = '<=' and judged.throughput_per_second <= judged.target_value then 0.0e0
            else 1.0e0
        end as bad_count,
        1.0e0 as total_count
    from judged
    left join agreed
        on judged.service_id = agreed.service_id
        and judged.target_id = agreed.target_id
        and judged.hour_at = agreed.hour_at
    where judged.calendar_id is null or agreed.hour_at is not null
)

select * from final
