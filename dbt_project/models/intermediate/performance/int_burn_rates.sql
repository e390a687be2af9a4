{% set windows = [1, 2, 6, 24, 72] %}

-- Burn rates of the last days, hour by hour. Page and ticket as in "The Site Reliability Workbook", chapter 5.
with run_window as (
    select
        as_of_date,
        cast({{ add_days('as_of_date', -(var('burn_history_days') + 2)) }} as date) as first_date,
        cast({{ add_days('as_of_date', -(var('burn_history_days') - 1)) }} as date) as first_shown_date
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

agreements as (
    select * from {{ ref('int_availability_agreements') }}
    where target_id is not null and objective_ratio is null
),

targets as (
    select * from {{ ref('stg_targets') }}
),

agreed_checks as (
    select
        checks.service_id,
        checks.observed_date,
        checks.state,
        greatest(checks.starts_at, agreed.starts_at) as starts_at,
        least(checks.ends_at, agreed.ends_at) as ends_at
    from checks
    inner join agreed
        on checks.service_id = agreed.service_id
        and checks.observed_date = agreed.observed_date
        and {{ overlaps('checks', 'agreed') }}
),

check_hours as (
    select *, {{ each_hour('starts_at', add_microseconds('ends_at', -1)) }} as hour_at
    from agreed_checks
),

availability_hours as (
    select
        service_id,
        observed_date,
        hour_at,
        sum(case when state = 'down' then {{ minutes_in_hour() }} else 0 end) as bad_count,
        sum(case when state = 'known' then {{ minutes_in_hour() }} else 0 end) as total_count
    from check_hours
    group by service_id, observed_date, hour_at
),

hours as (
    select
        availability_hours.service_id,
        agreements.target_id,
        availability_hours.observed_date,
        availability_hours.hour_at,
        availability_hours.bad_count,
        availability_hours.total_count
    from availability_hours
    inner join agreements
        on availability_hours.service_id = agreements.service_id
        and availability_hours.observed_date = agreements.observed_date
    union all
    select
        levels.service_id,
        levels.target_id,
        levels.observed_date,
        levels.hour_at,
        levels.bad_count,
        levels.total_count
    from {{ ref('int_service_level_hours') }} as levels
    inner join run_window on levels.observed_date between run_window.first_date and run_window.as_of_date
),

versioned as (
    select
        hours.*,
        1 - {{ slo_ratio('targets') }} as budget_ratio,
        {{ hours_since_epoch('hours.hour_at') }} as hour_number,
        row_number() over (
            partition by hours.service_id, hours.target_id, hours.hour_at order by targets.valid_from desc
        ) as version_rank
    from hours
    inner join targets
        on hours.target_id = targets.target_id and {{ holds_on('targets', 'hours.observed_date') }}
),

-- Sums of decimals do not depend on their order.
windowed as (
    select
        service_id,
        target_id,
        observed_date,
        hour_at,
        hour_number,
        budget_ratio,
        {%- for window in windows %}
        {%- set frame = "partition by service_id, target_id order by hour_number range between " ~ (window - 1) ~ " preceding and current row" %}
        cast(sum(cast(bad_count as decimal(28, 6))) over ({{ frame }}) as double)
            / nullif(cast(sum(cast(total_count as decimal(28, 6))) over ({{ frame }}) as double), 0)
            / budget_ratio as burn_{{ window }}h{{ ',' if not loop.last }}
        {%- endfor %}
    from versioned
    where version_rank = 1 and budget_ratio > 0
),

final as (
    select
        windowed.service_id,
        windowed.target_id,
        windowed.observed_date,
        windowed.hour_at,
        {%- for window in windows %}
        windowed.burn_{{ window }}h,
        {%- endfor %}
        case
            when windowed.burn_1h >= 14.4 or (windowed.burn_6h >= 6 and windowed.burn_1h >= 6) then 'page'
            when (windowed.burn_24h >= 3 and windowed.burn_2h >= 3) or (windowed.burn_72h >= 1 and windowed.burn_6h >= 1)
                then 'ticket'
            else 'none'
        end as alert_state
    from windowed
    inner join run_window on windowed.observed_date >= run_window.first_shown_date
)

select * from final
