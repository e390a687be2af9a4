with checks as (
    select
        *,
        {{ microseconds_between('previous_at', 'observed_at') }} as distance_microseconds,
        cast(observed_date as timestamp) as day_starts_at,
        cast({{ add_days('observed_date', 1) }} as timestamp) as day_ends_at
    from {{ ref('int_availability_checks') }}
),

-- How long a check says anything: twice the usual distance of the day's checks, or of the declared interval when the day
-- has a single check and none the day before.
holds as (
    select
        service_id,
        ci_id,
        metric,
        observed_date,
        cast(2 * coalesce(
            {{ percentile('distance_microseconds', 0.5) }}, max(interval_seconds) * 1000000
        ) as bigint) as hold_microseconds
    from checks
    group by service_id, ci_id, metric, observed_date
),

held as (
    select checks.*, holds.hold_microseconds
    from checks
    inner join holds
        on checks.service_id = holds.service_id
        and checks.ci_id = holds.ci_id
        and checks.metric = holds.metric
        and checks.observed_date = holds.observed_date
),

from_check_to_next as (
    select
        service_id,
        ci_id,
        metric,
        observed_date,
        up_ratio,
        true as is_check,
        observed_at as starts_at,
        least(
            coalesce(next_at, day_ends_at), day_ends_at, {{ add_microseconds('observed_at', 'hold_microseconds') }}
        ) as ends_at
    from held
),

from_midnight_to_first as (
    select
        service_id,
        ci_id,
        metric,
        observed_date,
        previous_up_ratio as up_ratio,
        false as is_check,
        day_starts_at as starts_at,
        least(observed_at, {{ add_microseconds('previous_at', 'hold_microseconds') }}) as ends_at
    from held
    where previous_at < day_starts_at
),

final as (
    select * from from_check_to_next
    union all
    select * from from_midnight_to_first
    where ends_at > starts_at
)

select * from final
