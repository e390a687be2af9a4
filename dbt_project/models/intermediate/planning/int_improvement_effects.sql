{#- Days on either side of the day on which an improvement was done; that day itself belongs to neither. -#}
{%- set window_days = 28 -%}
with run_window as (
    select as_of_date from {{ ref('stg_run_window') }}
),

kinds as (
    select kind, benefit_measure from {{ ref('improvement_kinds') }}
),

remembered as (
    select
        candidates.improvement_id,
        max_by(candidates.kind, candidates.as_of_date) as kind,
        max_by(candidates.subject, candidates.as_of_date) as subject
    from {{ ref('int_improvement_candidates') }} as candidates
    inner join run_window on candidates.as_of_date <= run_window.as_of_date
    group by candidates.improvement_id
),

done as (
    select
        states.improvement_id,
        states.done_date,
        coalesce(states.kind, remembered.kind) as kind,
        coalesce(states.subject, remembered.subject) as subject
    from {{ ref('int_improvement_states') }} as states
    left join remembered on states.improvement_id = remembered.improvement_id
    where states.state = 'done'
),

measured as (
    select done.*, kinds.benefit_measure, run_window.as_of_date
    from done
    inner join kinds on done.kind = kinds.kind
    cross join run_window
),

pool_days as (
    select
        measured.improvement_id,
        measured.done_date,
        days.observed_date,
        days.observed_date > measured.done_date as is_after,
        days.statistic,
        days.demand_value,
        days.usable_value
    from measured
    inner join {{ ref('fct_pool_demand_daily') }} as days
        on measured.subject = days.pool_id
        and days.observed_date between {{ add_days('measured.done_date', -window_days) }}
            and {{ add_days('measured.done_date', window_days) }}
        and days.observed_date <> measured.done_date
        and days.observed_date <= measured.as_of_date
    where measured.benefit_measure = 'headroom_ratio'
),

-- As everywhere: the 95th percentile of the days, of exhaustible resources the highest.
pool_windows as (
    select
        improvement_id,
        is_after,
        cast(count(*) as int) as day_count,
        case
            when max(statistic) = 'maximum' then max(demand_value)
            else {{ percentile('demand_value', 0.95) }}
        end as demand_value,
        max_by(usable_value, observed_date) as usable_value
    from pool_days
    group by improvement_id, is_after
),

pool_sides as (
    select
        improvement_id,
        max(case when not is_after then day_count end) as days_before,
        max(case when is_after then day_count end) as days_after,
        max(case when not is_after then demand_value end) as demand_before,
        max(case when is_after then demand_value end) as demand_after,
        max(case when not is_after then usable_value end) as usable_before,
        max(case when is_after then usable_value end) as usable_after
    from pool_windows
    group by improvement_id
),

-- Demand goes on moving. Where capacity changed, its benefit is told at the demand from before.
pool_effects as (
    select
        improvement_id,
        days_before,
        days_after,
        {{ headroom('demand_before', 'usable_before') }} as before_value,
        {{ headroom('demand_after', 'usable_after') }} as after_value,
        case
            when usable_after <> usable_before
                then demand_before / nullif(usable_before, 0) - demand_before / nullif(usable_after, 0)
            else demand_before / nullif(usable_before, 0) - demand_after / nullif(usable_after, 0)
        end as measured_benefit_value
    from pool_sides
),

cost_months as (
    select
        measured.improvement_id,
        max_by(
            cast(costs.effective_cost as double),
            case when {{ end_of_month('costs.month_start_date') }} < measured.done_date then costs.month_start_date end
        ) as before_value,
        min_by(
            cast(costs.effective_cost as double),
            case
                when costs.month_start_date > measured.done_date
                    and {{ end_of_month('costs.month_start_date') }} <= measured.as_of_date
                    then costs.month_start_date
            end
        ) as after_value,
        max(case
            when costs.month_start_date > measured.done_date
                and {{ end_of_month('costs.month_start_date') }} <= measured.as_of_date
                then 1
        end) as has_after,
        max({{ days_between('measured.done_date', 'measured.as_of_date') }}) as days_since
    from measured
    inner join {{ ref('fct_ci_cost') }} as costs on measured.subject = costs.ci_id
    where measured.benefit_measure = 'monthly_cost'
    group by measured.improvement_id
),

cost_effects as (
    select
        improvement_id,
        case when before_value is not null then {{ window_days }} end as days_before,
        -- A CI that has gone costs nothing: two months later its bills would have come.
        case when has_after = 1 or days_since >= 62 then {{ window_days }} end as days_after,
        before_value,
        case when has_after = 1 then after_value when days_since >= 62 then 0.0e0 end as after_value,
        before_value - case when has_after = 1 then after_value when days_since >= 62 then 0.0e0 end
            as measured_benefit_value
    from cost_months
),

event_counts as (
    select
        measured.improvement_id,
        measured.done_date,
        measured.as_of_date,
        count(case when cast(events.opened_at as date) < measured.done_date then 1 end) as before_count,
        count(case when cast(events.opened_at as date) > measured.done_date then 1 end) as after_count
    from measured
    left join {{ ref('fct_events') }} as events
        on measured.subject = events.cause_ci_id || '/' || events.cause_resource
        and events.category in ('warning', 'exception')
        and cast(events.opened_at as date) between {{ add_days('measured.done_date', -window_days) }}
            and {{ add_days('measured.done_date', window_days) }}
        and cast(events.opened_at as date) <= measured.as_of_date
    where measured.benefit_measure = 'event_count'
    group by measured.improvement_id, measured.done_date, measured.as_of_date
),

event_windows as (
    select
        *,
        least({{ window_days }}, {{ days_between('done_date', 'as_of_date') }}) as days_after
    from event_counts
),

event_effects as (
    select
        improvement_id,
        {{ window_days }} as days_before,
        days_after,
        cast(before_count as double) as before_value,
        after_count * {{ window_days }} / nullif(cast(days_after as double), 0) as after_value,
        before_count - after_count * {{ window_days }} / nullif(cast(days_after as double), 0) as measured_benefit_value
    from event_windows
),

saturation_days as (
    select
        measured.improvement_id,
        cast(count(case when days.observed_date < measured.done_date then 1 end) as int) as days_before,
        cast(count(case when days.observed_date > measured.done_date then 1 end) as int) as days_after,
        {{ exact_sum('case when days.observed_date < measured.done_date then days.saturation_minutes end') }}
            as minutes_before,
        {{ exact_sum('case when days.observed_date > measured.done_date then days.saturation_minutes end') }}
            as minutes_after
    from measured
    inner join {{ ref('fct_resource_utilisation_daily') }} as days
        on measured.subject = days.ci_id
        and days.observed_date between {{ add_days('measured.done_date', -window_days) }}
            and {{ add_days('measured.done_date', window_days) }}
        and days.observed_date <> measured.done_date
        and days.observed_date <= measured.as_of_date
    where measured.benefit_measure = 'saturation_minutes'
    group by measured.improvement_id
),

-- Resources of the CI are added up, and shorter windows made as long as the longest.
saturation_effects as (
    select
        improvement_id,
        days_before,
        days_after,
        minutes_before as before_value,
        minutes_after * days_before / nullif(cast(days_after as double), 0) as after_value,
        minutes_before - minutes_after * days_before / nullif(cast(days_after as double), 0) as measured_benefit_value
    from saturation_days
),

target_months as (
    select
        measured.improvement_id,
        max_by(
            abs(levels.actual_value - {{ target_goal('levels') }}) * case when levels.is_met then -1 else 1 end,
            case when levels.period_start_date < {{ month_of('measured.done_date') }} then levels.period_start_date end
        ) as before_value,
        min_by(
            abs(levels.actual_value - {{ target_goal('levels') }}) * case when levels.is_met then -1 else 1 end,
            case
                when levels.period_start_date > measured.done_date
                    and {{ end_of_month('levels.period_start_date') }} <= measured.as_of_date
                    then levels.period_start_date
            end
        ) as after_value
    from measured
    inner join {{ ref('fct_service_levels') }} as levels
        on measured.subject = levels.service_id || '/' || levels.target_id and levels.period = 'month'
    where measured.benefit_measure = 'target_attainment'
    group by measured.improvement_id
),

target_effects as (
    select
        improvement_id,
        case when before_value is not null then {{ window_days }} end as days_before,
        case when after_value is not null then {{ window_days }} end as days_after,
        before_value,
        after_value,
        before_value - after_value as measured_benefit_value
    from target_months
),

effects as (
    select * from pool_effects
    union all
    select * from cost_effects
    union all
    select * from event_effects
    union all
    select * from saturation_effects
    union all
    select * from target_effects
),

final as (
    select
        measured.improvement_id,
        measured.kind,
        measured.subject,
        measured.benefit_measure,
        cast(effects.days_before as int) as days_before,
        cast(effects.days_after as int) as days_after,
        effects.before_value,
        effects.after_value,
        effects.measured_benefit_value
    from measured
    left join effects on measured.improvement_id = effects.improvement_id
)

select * from final
