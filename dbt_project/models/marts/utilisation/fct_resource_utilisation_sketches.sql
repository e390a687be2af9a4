{{ config(built_in_parts=true) }}
{{ rebuilt_by('observed_date') }}
-- After the hours, which read the same samples: two at once on two cores take a third more time of both.
-- depends_on: {{ ref('fct_resource_utilisation_hourly') }}

-- Samples are counted by the number of their day and the bucket: names would be hashed for every sample. Rows are stored in
-- that order, series by series within a day: merging many days then costs a third less, and the file is smaller.
with regular_days as (
    select
        *,
        row_number() over (order by observed_date, ci_id, resource) as day_number
    from {{ ref('int_sampled_days') }}
    where is_regular
),

irregular_samples as (
    select * from {{ ref('int_irregular_samples') }}
    where {{ in_part('observed_at') }}
),

regular_samples as (
    select
        days.day_number,
        samples.value * days.factor + days.offset_value as value,
        days.usable_value
    from {{ ref('int_samples') }} as samples
    inner join regular_days as days
        on samples.ci_id = days.ci_id
        and samples.metric = days.first_metric
        and samples.observed_date = days.observed_date
    where {{ in_part('samples.observed_at') }}
),

counted as (
    select
        day_number,
        {{ sketch_bucket('value') }} as bucket,
        count(*) as sample_count,
        count(case when value >= usable_value then 1 end) as saturated_count
    from regular_samples
    group by day_number, {{ sketch_bucket('value') }}
),

sketches as (
    select
        counted.day_number,
        days.series_key,
        days.ci_id,
        days.resource,
        days.observed_date,
        days.unit,
        counted.bucket,
        counted.sample_count * cast(days.interval_seconds * 1000000 as bigint) as covered_microseconds,
        counted.saturated_count * cast(days.interval_seconds * 1000000 as bigint) as saturated_microseconds
    from counted
    inner join regular_days as days on counted.day_number = days.day_number
    union all
    select
        cast(null as bigint) as day_number,
        {{ series_key('ci_id', 'resource') }} as series_key,
        ci_id,
        resource,
        observed_date,
        unit,
        {{ sketch_bucket('value') }} as bucket,
        cast(sum(weight_microseconds) as bigint) as covered_microseconds,
        cast(sum(case when value >= usable_value then weight_microseconds else 0 end) as bigint)
            as saturated_microseconds
    from irregular_samples
    group by ci_id, resource, observed_date, unit, {{ sketch_bucket('value') }}
),

final as (
    select
        series_key,
        ci_id,
        resource,
        observed_date,
        unit,
        bucket,
        covered_microseconds,
        saturated_microseconds
    from sketches
    order by day_number
)

select * from final
