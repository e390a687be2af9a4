with run_window as (
    select as_of_date from {{ ref('stg_run_window') }}
),

level_days as (
    select * from {{ ref('int_service_level_days') }}
),

availability_days as (
    select * from {{ ref('int_availability_days') }}
    where known_minutes > 0
),

agreements as (
    select * from {{ ref('int_availability_agreements') }}
    where target_id is not null
),

clocks as (
    select * from {{ ref('fct_incident_sla') }}
    where stopped_at is not null and service_id is not null
),

targets as (
    select * from {{ ref('stg_targets') }}
),

burn_rates as (
    select * from {{ ref('int_burn_rates') }}
),

-- Cases and those of them that missed the target. By value every minute down counts; with an objective a day is one case.
days as (
    select level_days.service_id, level_days.target_id, level_days.observed_date, level_days.bad_count, level_days.total_count
    from level_days
    inner join run_window on level_days.observed_date <= run_window.as_of_date
    union all
    select
        availability_days.service_id,
        agreements.target_id,
        availability_days.observed_date,
        case
            when agreements.objective_ratio is null then availability_days.down_minutes
            when 1 - availability_days.down_minutes / availability_days.known_minutes >= agreements.target_value then 0.0e0
            else 1.0e0
        end as bad_count,
        case when agreements.objective_ratio is null then availability_days.known_minutes else 1.0e0 end as total_count
    from availability_days
    inner join agreements
        on availability_days.service_id = agreements.service_id
        and availability_days.observed_date = agreements.observed_date
    union all
    select
        service_id,
        target_id,
        cast(stopped_at as date) as observed_date,
        case when is_met then 0.0e0 else 1.0e0 end as bad_count,
        1.0e0 as total_count
    from clocks
),

dated as (
    {% for period in ['day', 'week', 'month', 'quarter'] -%}
    select
        service_id,
        target_id,
        '{{ period }}' as period,
        {% if period == 'day' %}observed_date{% else %}cast(date_trunc('{{ period }}', observed_date) as date){% endif %} as period_start_date,
        bad_count,
        total_count
    from days
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

periods as (
    select
        dated.service_id,
        dated.target_id,
        dated.period,
        dated.period_start_date,
        least(
            case dated.period
                when 'day' then dated.period_start_date
                when 'week' then {{ add_days('dated.period_start_date', 6) }}
                when 'month' then {{ end_of_month('dated.period_start_date') }}
                else {{ end_of_quarter('dated.period_start_date') }}
            end,
            max(run_window.as_of_date)
        ) as period_end_date,
        {{ exact_sum('dated.bad_count', digits=9) }} as bad_count,
        {{ exact_sum('dated.total_count', digits=9) }} as total_count
    from dated
    cross join run_window
    group by dated.service_id, dated.target_id, dated.period, dated.period_start_date
),

-- A target may change within a period; it is reported against the version that held last in it.
versioned as (
    select
        periods.*,
        targets.measure,
        targets.priority,
        targets.comparator,
        targets.target_value,
        targets.objective_ratio,
        targets.approved_by,
        targets.approved_at,
        {{ slo_ratio('targets') }} as slo_ratio,
        row_number() over (
            partition by periods.service_id, periods.target_id, periods.period, periods.period_start_date
            order by targets.valid_from desc
        ) as version_rank
    from periods
    inner join targets
        on periods.target_id = targets.target_id and targets.valid_from <= periods.period_end_date
),

valued as (
    select
        *,
        measure in ('availability_ratio', 'error_ratio') and objective_ratio is null as is_by_value,
        bad_count / total_count as bad_ratio,
        (1 - slo_ratio) * total_count as error_budget_count
    from versioned
    where version_rank = 1
),

alerts as (
    select
        service_id,
        target_id,
        observed_date,
        nullif(max_by(coalesce(burn_5m, -1.0e0), hour_at), -1.0e0) as burn_rate_5m,
        nullif(max_by(coalesce(burn_30m, -1.0e0), hour_at), -1.0e0) as burn_rate_30m,
        max_by(burn_1h, hour_at) as burn_rate_1h,
        max_by(burn_6h, hour_at) as burn_rate_6h,
        max_by(burn_24h, hour_at) as burn_rate_24h,
        max_by(burn_72h, hour_at) as burn_rate_72h,
        max_by(alert_state, hour_at) as alert_state,
        max_by(step_minutes, hour_at) as burn_step_minutes
    from burn_rates
    group by service_id, target_id, observed_date
),

alert_hours as (
    select
        valued.service_id,
        valued.target_id,
        valued.period,
        valued.period_start_date,
        {{ exact_sum('burn_rates.page_minutes', digits=6) }} as page_minutes,
        cast(count(case when burn_rates.page_minutes > 0 then 1 end) as int) as page_hours,
        cast(count(case when burn_rates.alert_state = 'ticket' then 1 end) as int) as ticket_hours
    from valued
    inner join burn_rates
        on valued.service_id = burn_rates.service_id
        and valued.target_id = burn_rates.target_id
        and burn_rates.observed_date between valued.period_start_date and valued.period_end_date
    group by valued.service_id, valued.target_id, valued.period, valued.period_start_date
),

final as (
    select
        valued.service_id,
        valued.target_id,
        valued.measure,
        cast(valued.priority as int) as priority,
        valued.period,
        valued.period_start_date,
        valued.period_end_date,
        valued.comparator,
        valued.target_value,
        valued.objective_ratio,
        valued.slo_ratio,
        case
            when valued.is_by_value and valued.measure = 'error_ratio' then valued.bad_ratio
            else 1 - valued.bad_ratio
        end as actual_value,
        1 - valued.bad_ratio as attainment_ratio,
        case
            when not valued.is_by_value then 1 - valued.bad_ratio >= valued.slo_ratio
            when valued.measure = 'error_ratio' then valued.bad_ratio <= valued.target_value
            else 1 - valued.bad_ratio >= valued.target_value
        end as is_met,
        case
            when valued.measure like 'incident%' then 'incidents'
            when valued.measure = 'utilisation_ratio' then 'pool days'
            when valued.measure = 'latency_seconds' then 'requests'
            when valued.measure = 'throughput_per_second' then 'hours'
            when valued.objective_ratio is not null then 'days'
            when valued.measure = 'availability_ratio' then 'minutes'
            else 'requests'
        end as counted,
        valued.total_count - valued.bad_count as good_count,
        valued.bad_count,
        valued.total_count,
        valued.error_budget_count,
        valued.error_budget_count - valued.bad_count as error_budget_left_count,
        valued.bad_count / nullif(valued.error_budget_count, 0) as error_budget_used_ratio,
        alerts.burn_step_minutes,
        alerts.burn_rate_5m,
        alerts.burn_rate_30m,
        alerts.burn_rate_1h,
        alerts.burn_rate_6h,
        alerts.burn_rate_24h,
        alerts.burn_rate_72h,
        alerts.alert_state,
        alert_hours.page_minutes,
        alert_hours.page_hours,
        alert_hours.ticket_hours,
        valued.approved_by,
        valued.approved_at
    from valued
    left join alerts
        on valued.service_id = alerts.service_id
        and valued.target_id = alerts.target_id
        and valued.period_end_date = alerts.observed_date
    left join alert_hours
        on valued.service_id = alert_hours.service_id
        and valued.target_id = alert_hours.target_id
        and valued.period = alert_hours.period
        and valued.period_start_date = alert_hours.period_start_date
)

select * from final
