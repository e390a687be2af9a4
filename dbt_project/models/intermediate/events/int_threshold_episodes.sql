with run_window as (
    select * from {{ ref('stg_run_window') }}
),

-- Every hour at or above the level that closes a warning; what is not here has closed.
hours as (
    select threshold_hours.*, run_window.warning_ratio, run_window.as_of_at
    from {{ ref('int_threshold_hours') }} as threshold_hours
    inner join run_window on threshold_hours.observed_date <= run_window.as_of_date
),

since_last as (
    select
        *,
        {{ minutes_between('lag(hour_at) over (partition by ci_id, resource order by hour_at)', 'hour_at') }} as minutes_since
    from hours
),

numbered as (
    select
        *,
        sum(case when minutes_since <= 60 + 60 * {{ var('threshold_quiet_hours') }} then 0 else 1 end) over (
            partition by ci_id, resource
            order by hour_at
            rows between unbounded preceding and current row
        ) as episode
    from since_last
),

ranked as (
    select
        *,
        sum(case when usage_ratio >= warning_ratio then 1 else 0 end) over (
            partition by ci_id, resource, episode
            order by hour_at
            rows between unbounded preceding and current row
        ) as warning_hours,
        sum(case when usage_ratio >= 1 then 1 else 0 end) over (
            partition by ci_id, resource, episode
            order by hour_at
            rows between unbounded preceding and current row
        ) as exception_hours,
        row_number() over (
            partition by ci_id, resource, episode order by usage_ratio desc, hour_at
        ) as peak_rank
    from numbered
),

episodes as (
    select
        ci_id,
        resource,
        unit,
        as_of_at,
        -- An hour at the level is a peak, a second one is a state: only that opens the event.
        min(case when warning_hours = {{ var('event_hours') }} then hour_at end) as opened_at,
        min(case when exception_hours = {{ var('event_hours') }} then hour_at end) as exception_at,
        {{ add_minutes('max(hour_at)', 60) }} as ended_at,
        max(case when peak_rank = 1 then demand_value end) as peak_value,
        max(usage_ratio) as peak_usage_ratio,
        max(case when peak_rank = 1 then usable_value end) as usable_value,
        cast(max(warning_hours) as int) as warning_hours,
        cast(max(exception_hours) as int) as exception_hours
    from ranked
    group by ci_id, resource, unit, episode, as_of_at
),

final as (
    select
        ci_id,
        resource,
        unit,
        opened_at,
        exception_at,
        ended_at,
        {{ add_minutes('ended_at', '60 * ' ~ var('threshold_quiet_hours')) }} as quiet_until_at,
        peak_value,
        peak_usage_ratio,
        usable_value,
        warning_hours,
        exception_hours,
        {{ add_minutes('ended_at', '60 * ' ~ var('threshold_quiet_hours')) }} >= as_of_at as is_open
    from episodes
    where opened_at is not null
)

select * from final
