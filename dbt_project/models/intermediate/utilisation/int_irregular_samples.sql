-- A gauge stands for its interval, at most until the next sample of the day; a counter's rate for its interval, at most for
-- the time since its predecessor. The next day does not count: a day gives the same weights whichever run builds it.
with days as (
    select * from {{ ref('int_sampled_days') }}
    where not is_regular
),

measurements as (
    select * from {{ ref('int_measurements') }}
    where level = 'resource'
),

stepped as (
    select
        measurements.ci_id,
        measurements.metric,
        measurements.resource,
        measurements.unit,
        measurements.observed_at,
        measurements.hour_at,
        measurements.observed_date,
        measurements.value,
        days.usable_value,
        cast(least(measurements.interval_seconds, measurements.elapsed_seconds) * 1000000 as bigint)
            as longest_microseconds,
        lead(measurements.observed_at) over (
            partition by measurements.ci_id, measurements.metric, measurements.observed_date
            order by measurements.observed_at
        ) as next_at
    from measurements
    inner join days
        on measurements.ci_id = days.ci_id
        and measurements.resource = days.resource
        and measurements.observed_date = days.observed_date
),

final as (
    select
        ci_id,
        metric,
        resource,
        unit,
        observed_at,
        hour_at,
        observed_date,
        value,
        usable_value,
        case
            when next_at is null then longest_microseconds
            else least(longest_microseconds, {{ microseconds_between('observed_at', 'next_at') }})
        end as weight_microseconds
    from stepped
)

select * from final
