{{ rebuilt_by('observed_date') }}

with days as (
    select * from {{ ref('int_sampled_days') }}
),

irregular_samples as (
    select * from {{ ref('int_irregular_samples') }}
),

regular as (
    select
        measurements.ci_id,
        measurements.resource,
        measurements.observed_date,
        {{ sketch_bucket('measurements.value') }} as bucket,
        count(*) as sample_count
    from {{ ref('int_measurements') }} as measurements
    where measurements.level = 'resource'
    group by measurements.ci_id, measurements.resource, measurements.observed_date, {{ sketch_bucket('measurements.value') }}
),

weighted as (
    select
        regular.ci_id,
        regular.resource,
        regular.observed_date,
        days.unit,
        regular.bucket,
        regular.sample_count * cast(days.interval_seconds * 1000000 as bigint) as covered_microseconds
    from regular
    inner join days
        on regular.ci_id = days.ci_id
        and regular.resource = days.resource
        and regular.observed_date = days.observed_date
    where days.is_regular
    union all
    select
        ci_id,
        resource,
        observed_date,
        unit,
        {{ sketch_bucket('value') }} as bucket,
        cast(sum(weight_microseconds) as bigint) as covered_microseconds
    from irregular_samples
    group by ci_id, resource, observed_date, unit, {{ sketch_bucket('value') }}
),

final as (
    select ci_id, resource, observed_date, unit, bucket, covered_microseconds
    from weighted
)

select * from final
