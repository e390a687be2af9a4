{{ config(built_in_parts=true) }}

-- A gauge stands for its interval, at most until the next sample of the day; a counter's rate for its interval, at most for
-- the time since its predecessor. The next day does not count: a day gives the same weights whichever run builds it.
with stepped as (
    select
        samples.ci_id,
        samples.metric,
        series.resource,
        series.unit,
        samples.observed_at,
        {{ hour_of('samples.observed_at') }} as hour_at,
        samples.observed_date,
        samples.value * series.factor + series.offset_value as value,
        series.usable_value,
        cast(least(samples.interval_seconds, samples.elapsed_seconds) * 1000000 as bigint) as longest_microseconds,
        lead(samples.observed_at) over (
            partition by samples.ci_id, samples.metric, samples.observed_date
            order by samples.observed_at
        ) as next_at
    from {{ ref('int_samples') }} as samples
    inner join {{ ref('int_irregular_series') }} as series
        on samples.ci_id = series.ci_id
        and samples.metric = series.metric
        and samples.source_unit = series.source_unit
        and samples.kind = series.kind
        and samples.observed_date = series.observed_date
    where {{ in_part('samples.observed_at') }}
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
