{% set frames = {'5m': 1, '30m': 6, '1h': 12, '6h': 72} %}

-- Short windows: burn rates at the end of each step that is kept. What is known by the hour alone (a quiet day but for its last hour)
-- counts as one long step.
with run_window as (
    select as_of_date, cast({{ add_days('as_of_date', -(var('burn_history_days') + 2)) }} as date) as first_date
    from {{ ref('stg_run_window') }}
),

agreements as (
    select * from {{ ref('int_availability_agreements') }}
    where target_id is not null and objective_ratio is null and target_value < 1
),

availability as (
    select
        steps.service_id,
        agreements.target_id,
        steps.observed_date,
        {{ five_minutes_since_epoch('steps.ended_at') }} as slot_number,
        cast(steps.step_minutes as double) as step_minutes,
        1 - agreements.target_value as budget_ratio,
        steps.down_microseconds / 60000000.0e0 as bad_count,
        steps.known_microseconds / 60000000.0e0 as total_count
    from {{ ref('int_availability_steps') }} as steps
    inner join agreements
        on steps.service_id = agreements.service_id and steps.observed_date = agreements.observed_date
),

levels as (
    select steps.*
    from {{ ref('int_service_level_steps') }} as steps
    inner join run_window on steps.observed_date between run_window.first_date and run_window.as_of_date
),

fine as (
    select service_id, target_id, observed_date, slot_number, step_minutes, budget_ratio, bad_count, total_count from levels
    union all
    select service_id, target_id, observed_date, slot_number, step_minutes, budget_ratio, bad_count, total_count from availability
),

fine_hours as (
    select distinct
        service_id,
        target_id,
        {{ hour_of(add_minutes("timestamp '2001-01-01 00:00:00'", 'cast(slot_number * 5 - 1 as int)')) }} as hour_at
    from levels
),

with_steps as (
    select distinct service_id, target_id from levels
),

coarse as (
    select
        hours.service_id,
        hours.target_id,
        hours.observed_date,
        {{ five_minutes_since_epoch(add_minutes('hours.hour_at', 60)) }} as slot_number,
        60.0e0 as step_minutes,
        cast(null as double) as budget_ratio,
        hours.bad_count,
        hours.total_count
    from {{ ref('int_service_level_hours') }} as hours
    inner join run_window on hours.observed_date between run_window.first_date and run_window.as_of_date
    inner join with_steps on hours.service_id = with_steps.service_id and hours.target_id = with_steps.target_id
    left join fine_hours as fine
        on hours.service_id = fine.service_id and hours.target_id = fine.target_id and hours.hour_at = fine.hour_at
    where fine.service_id is null
),

timeline as (
    select * from fine
    union all
    select * from coarse
),

windowed as (
    select
        service_id,
        target_id,
        observed_date,
        slot_number,
        step_minutes,
        budget_ratio,
        {%- for window, slots in frames.items() %}
        {%- set frame = "partition by service_id, target_id order by slot_number range between " ~ (slots - 1) ~ " preceding and current row" %}
        cast(sum(cast(bad_count as decimal(28, 6))) over ({{ frame }}) as double)
            / nullif(cast(sum(cast(total_count as decimal(28, 6))) over ({{ frame }}) as double), 0)
            / budget_ratio as burn_{{ window }}{{ ',' if not loop.last }}
        {%- endfor %}
    from timeline
),

final as (
    select
        service_id,
        target_id,
        observed_date,
        {{ hour_of(add_minutes("timestamp '2001-01-01 00:00:00'", 'cast(slot_number * 5 - 1 as int)')) }} as hour_at,
        slot_number,
        step_minutes,
        burn_5m,
        burn_30m,
        burn_1h,
        burn_6h,
        coalesce(
            (burn_1h >= 14.4 and burn_5m >= 14.4)
            or (burn_6h >= 6 and burn_30m >= 6), false
        ) as is_page
    from windowed
    where budget_ratio > 0 and step_minutes < 60
)

select * from final
