{% set windows = [1, 2, 6, 24, 72] %}

-- Burn rates of the last days, hour by hour. Page and ticket as in "The Site Reliability Workbook", chapter 5.
with run_window as (
    select
        as_of_date,
        cast({{ add_days('as_of_date', -(var('burn_history_days') + 2)) }} as date) as first_date,
        cast({{ add_days('as_of_date', -(var('burn_history_days') - 1)) }} as date) as first_shown_date
    from {{ ref('stg_run_window') }}
),

agreements as (
    select * from {{ ref('int_availability_agreements') }}
    where target_id is not null and objective_ratio is null
),

targets as (
    select * from {{ ref('stg_targets') }}
),

availability_hours as (
    select
        service_id,
        observed_date,
        hour_at,
        sum(down_microseconds) / 60000000.0e0 as bad_count,
        sum(known_microseconds) / 60000000.0e0 as total_count
    from {{ ref('int_availability_steps') }}
    group by service_id, observed_date, hour_at
),

hours as (
    select
        availability_hours.service_id,
        agreements.target_id,
        availability_hours.observed_date,
        availability_hours.hour_at,
        300.0e0 as step_seconds,
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
        levels.step_seconds,
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
        step_seconds,
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

moments as (
    select
        service_id,
        target_id,
        hour_at,
        max_by(burn_5m, slot_number) as burn_5m,
        max_by(burn_30m, slot_number) as burn_30m,
        max_by(is_page, slot_number) as is_page_at_end,
        least(60.0e0, sum(case when is_page then step_minutes else 0 end)) as page_minutes
    from {{ ref('int_burn_moments') }}
    group by service_id, target_id, hour_at
),

-- Without steps (the source gives hours, or no step of the day burned fast enough) the hour itself is the short window. No part of an hour
-- without failures burned.
judged as (
    select
        windowed.*,
        {%- for window in ['5m', '30m'] %}
        coalesce(
            moments.burn_{{ window }}, case when windowed.burn_1h = 0 or windowed.step_seconds >= 3600 then windowed.burn_1h end
        ) as burn_{{ window }},
        {%- endfor %}
        coalesce(
            moments.is_page_at_end, windowed.burn_1h >= 14.4 or (windowed.burn_6h >= 6 and windowed.burn_1h >= 6)
        ) as is_page,
        moments.page_minutes
    from windowed
    left join moments
        on windowed.service_id = moments.service_id
        and windowed.target_id = moments.target_id
        and windowed.hour_at = moments.hour_at
),

final as (
    select
        judged.service_id,
        judged.target_id,
        judged.observed_date,
        judged.hour_at,
        judged.burn_5m,
        judged.burn_30m,
        {%- for window in windows %}
        judged.burn_{{ window }}h,
        {%- endfor %}
        case
            when judged.is_page then 'page'
            when (judged.burn_24h >= 3 and judged.burn_2h >= 3) or (judged.burn_72h >= 1 and judged.burn_6h >= 1)
                then 'ticket'
            else 'none'
        end as alert_state,
        coalesce(judged.page_minutes, case when judged.is_page then 60.0e0 else 0.0e0 end) as page_minutes,
        least(60.0e0, greatest(5.0e0, judged.step_seconds / 60)) as step_minutes
    from judged
    inner join run_window on judged.observed_date >= run_window.first_shown_date
)

select * from final
