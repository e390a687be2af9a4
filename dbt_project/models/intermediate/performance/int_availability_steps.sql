-- Checked time of a service, as far as it is agreed, of the days for which burn rates are kept: by five minutes on days with a
-- failure, by hours on all others.
with run_window as (
    select as_of_date, cast({{ add_days('as_of_date', -(var('burn_history_days') + 2)) }} as date) as first_date
    from {{ ref('stg_run_window') }}
),

checks as (
    select checks.*
    from {{ ref('int_check_intervals') }} as checks
    inner join run_window
        on checks.observed_date between run_window.first_date and run_window.as_of_date
),

agreed as (
    select * from {{ ref('int_agreed_intervals') }}
    where not is_maintenance
),

agreed_checks as (
    select
        checks.service_id,
        checks.observed_date,
        checks.state,
        max(case when checks.state = 'down' then 1 else 0 end) over (
            partition by checks.service_id, checks.observed_date
        ) as has_failure,
        greatest(checks.starts_at, agreed.starts_at) as starts_at,
        least(checks.ends_at, agreed.ends_at) as ends_at
    from checks
    inner join agreed
        on checks.service_id = agreed.service_id
        and checks.observed_date = agreed.observed_date
        and {{ overlaps('checks', 'agreed') }}
),

stepped as (
    select *, 5 as step_minutes, {{ each_five_minutes('starts_at', add_microseconds('ends_at', -1)) }} as step_at
    from agreed_checks
    where has_failure = 1
    union all
    select *, 60 as step_minutes, {{ each_hour('starts_at', add_microseconds('ends_at', -1)) }} as step_at
    from agreed_checks
    where has_failure = 0
),

cut as (
    select
        service_id,
        observed_date,
        state,
        step_minutes,
        step_at,
        greatest(starts_at, step_at) as starts_at,
        least(ends_at, {{ add_minutes('step_at', 'step_minutes') }}) as ends_at
    from stepped
),

final as (
    select
        service_id,
        observed_date,
        {{ hour_of('step_at') }} as hour_at,
        {{ add_minutes('step_at', 'step_minutes') }} as ended_at,
        step_minutes,
        cast(sum(case when state = 'down' then {{ microseconds_between('starts_at', 'ends_at') }} else 0 end) as bigint) as down_microseconds,
        cast(sum(case when state = 'known' then {{ microseconds_between('starts_at', 'ends_at') }} else 0 end) as bigint) as known_microseconds
    from cut
    where starts_at < ends_at
    group by service_id, observed_date, step_at, step_minutes
)

select * from final
