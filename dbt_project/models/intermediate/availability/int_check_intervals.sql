{{ rebuilt_by('observed_date') }}

with spans as (
    select
        *,
        up_ratio < 1 as is_failing,
        lag(up_ratio < 1) over (
            partition by service_id, ci_id, metric, observed_date order by starts_at
        ) as was_failing
    from {{ ref('int_availability_spans') }}
),

known as (
    {{ merged_intervals('spans', ['service_id', 'ci_id', 'metric', 'observed_date']) }}
),

measured as (
    select
        *,
        cast(round((1 - up_ratio) * {{ microseconds_between('starts_at', 'ends_at') }}) as bigint) as down_microseconds
    from spans
    where is_failing
),

-- Of a span that was partly up the part that was down stands next to the failure before it, else at its end.
failing as (
    select
        service_id,
        ci_id,
        metric,
        observed_date,
        case
            when was_failing then starts_at else {{ add_microseconds('ends_at', '-down_microseconds') }}
        end as starts_at,
        case
            when was_failing then {{ add_microseconds('starts_at', 'down_microseconds') }} else ends_at
        end as ends_at
    from measured
),

down as (
    {{ merged_intervals('failing', ['service_id', 'ci_id', 'metric', 'observed_date']) }}
),

final as (
    select service_id, ci_id, metric, observed_date, 'known' as state, starts_at, ends_at from known
    union all
    select service_id, ci_id, metric, observed_date, 'down' as state, starts_at, ends_at from down
)

select * from final
