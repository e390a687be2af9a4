{{ config(built_in_parts=true) }}
{{ rebuilt_by('observed_date') }}

-- Few days have samples over usable capacity: only their samples are looked at.
with saturated_days as (
    select * from {{ ref('int_sampled_days') }}
    where is_regular and value_max >= usable_value
),

irregular_samples as (
    select * from {{ ref('int_irregular_samples') }}
    where {{ in_part('observed_at') }}
),

saturated as (
    select
        days.ci_id,
        days.resource,
        days.observed_date,
        samples.observed_at,
        cast(days.interval_seconds * 1000000 as bigint) as microseconds,
        (samples.value * days.factor + days.offset_value) / days.usable_value as usage_ratio
    from {{ ref('int_samples') }} as samples
    inner join saturated_days as days
        on samples.ci_id = days.ci_id
        and samples.metric = days.first_metric
        and samples.observed_date = days.observed_date
    where {{ in_part('samples.observed_at') }}
        and samples.value * days.factor + days.offset_value >= days.usable_value
    union all
    select
        ci_id,
        resource,
        observed_date,
        observed_at,
        weight_microseconds as microseconds,
        value / usable_value as usage_ratio
    from irregular_samples
    where value >= usable_value and usable_value > 0 and weight_microseconds > 0
),

ended as (
    select
        *,
        {{ add_microseconds('observed_at', 'microseconds') }} as ends_at,
        lag({{ add_microseconds('observed_at', 'microseconds') }}) over (
            partition by ci_id, resource, observed_date order by observed_at
        ) as previous_ends_at
    from saturated
),

numbered as (
    select
        *,
        sum(case when previous_ends_at >= observed_at then 0 else 1 end) over (
            partition by ci_id, resource, observed_date
            order by observed_at
            rows between unbounded preceding and current row
        ) as spell
    from ended
),

final as (
    select
        ci_id,
        resource,
        observed_date,
        min(observed_at) as started_at,
        max(ends_at) as ended_at,
        sum(microseconds) / 60000000.0e0 as saturated_minutes,
        max(usage_ratio) as peak_usage_ratio
    from numbered
    group by ci_id, resource, observed_date, spell
)

select * from final
