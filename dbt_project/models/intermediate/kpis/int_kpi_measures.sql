{#- So many days back from the as-of day: a year and the quarter before it. -#}
{%- set history_days = 460 -%}
with run_window as (
    select as_of_date, {{ add_days('as_of_date', -history_days) }} as first_date from {{ ref('stg_run_window') }}
),

levels as (
    select * from {{ ref('fct_service_levels') }}
    where period = 'month' and is_met is not null
),

availability as (
    select * from {{ ref('fct_availability') }}
    where subject_kind = 'service'
),

clocks as (
    select * from {{ ref('fct_incident_sla') }}
    where clock = 'resolution' and is_met is not null
),

incidents as (
    select * from {{ ref('fct_incidents') }}
    where resolved_at is not null
),

problems as (
    select * from {{ ref('fct_problems') }}
    where is_recurring is not null
),

requests as (
    select * from {{ ref('fct_service_requests') }}
),

answers as (
    select * from {{ ref('stg_csat_responses') }}
),

changes as (
    select * from {{ ref('fct_changes') }}
    where ended_at is not null and is_failed is not null
),

allocation as (
    select * from {{ ref('fct_cost_allocation') }}
    where headroom_cost is not null
),

unit_costs as (
    select * from {{ ref('fct_unit_cost') }}
    where cost_at_baseline is not null
),

-- Amounts of several currencies are never added: KPIs of cost are about the currency that carries most of it.
currencies as (
    select billing_currency, sum(effective_cost) as cost
    from {{ ref('fct_service_cost') }}
    group by billing_currency
),

main_currency as (
    select max_by(billing_currency, cost) as billing_currency from currencies
),

pool_days as (
    select * from {{ ref('fct_pool_demand_daily') }}
    where demand_value is not null
),

outcomes as (
    select pool_days.service_id, forecasts.*
    from {{ ref('fct_forecast_outcomes') }} as forecasts
    inner join pool_days
        on forecasts.series_id = 'pool/' || pool_days.pool_id and forecasts.observed_date = pool_days.observed_date
),

purchases as (
    select * from {{ ref('dim_planned_purchase') }}
    where approved_at is not null and state in ('approved', 'ordered', 'delivered')
),

capacity_incidents as (
    select examined.*
    from {{ ref('fct_capacity_incidents') }} as examined
    inner join run_window on examined.as_of_date = run_window.as_of_date
),

-- From the first incident that was examined on, every service is watched every day.
watched_days as (
    select services.service_id, dates.calendar_date
    from {{ ref('dim_service') }} as services
    cross join (select min(cast(opened_at as date)) as first_date, max(as_of_date) as last_date from capacity_incidents) as reach
    inner join {{ ref('dim_date') }} as dates on dates.calendar_date between reach.first_date and reach.last_date
),

improvements as (
    select register.*
    from {{ ref('fct_improvements') }} as register
    inner join run_window on register.as_of_date = run_window.as_of_date
    where register.verdict in ('realised', 'partly_realised', 'not_realised')
),

-- Each measure as cases with what they add to its numerator and denominator.
cases as (
    select 'services_meeting_targets' as measure, service_id, period_start_date as happened_date,
        min(case when is_met then 1.0e0 else 0.0e0 end) as numerator, 1.0e0 as denominator
    from levels
    group by service_id, period_start_date
    union all
    select 'response_time_attained', service_id, period_start_date, good_count, total_count
    from levels
    where measure = 'latency_seconds'
    union all
    select 'capacity_target_breaches', service_id, period_start_date, case when is_met then 0.0e0 else 1.0e0 end, 1.0e0
    from levels
    where measure in ('utilisation_ratio', 'latency_seconds')
    union all
    select 'service_availability', subject_id, month_start_date, uptime_minutes, agreed_minutes
    from availability
    union all
    select 'restoration_minutes', subject_id, month_start_date, downtime_minutes, cast(failure_count as double)
    from availability
    union all
    select 'incidents_resolved_in_time', service_id, cast(stopped_at as date), case when is_met then 1.0e0 else 0.0e0 end, 1.0e0
    from clocks
    union all
    select 'incidents_resolved_at_first_touch', service_id, cast(resolved_at as date),
        case when is_first_touch_resolved then 1.0e0 else 0.0e0 end, 1.0e0
    from incidents
    union all
    select 'incidents_reopened', service_id, cast(resolved_at as date), case when reopen_count > 0 then 1.0e0 else 0.0e0 end, 1.0e0
    from incidents
    union all
    select 'problems_recurring', service_id, cast(resolved_at as date), case when is_recurring then 1.0e0 else 0.0e0 end, 1.0e0
    from problems
    union all
    select 'request_fulfilment_hours', service_id, cast(fulfilled_at as date), business_fulfilment_minutes / 60, 1.0e0
    from requests
    where business_fulfilment_minutes is not null
    union all
    select 'requests_kept_up', service_id, opened_date, 0.0e0, 1.0e0
    from requests
    union all
    select 'requests_kept_up', service_id, cast(left_at as date), 1.0e0, 0.0e0
    from requests
    where left_at is not null
    union all
    select 'satisfaction_score', service_id, cast(answered_at as date), cast(score as double), 1.0e0
    from answers
    union all
    select 'changes_successful', service_id, cast(ended_at as date), case when is_failed then 0.0e0 else 1.0e0 end, 1.0e0
    from changes
    union all
    select 'changes_on_time', service_id, cast(ended_at as date), case when is_overrun then 0.0e0 else 1.0e0 end, 1.0e0
    from changes
    where is_overrun is not null
    union all
    select 'changes_without_collision', service_id, cast(ended_at as date),
        case when ci_collision_count > 0 then 0.0e0 else 1.0e0 end, 1.0e0
    from changes
    union all
    select 'emergency_changes', service_id, cast(ended_at as date),
        case when change_kind = 'emergency' then 1.0e0 else 0.0e0 end, 1.0e0
    from changes
    union all
    select 'capacity_used', allocation.service_id, allocation.month_start_date,
        cast(allocation.effective_cost - allocation.headroom_cost as double),
        cast(allocation.effective_cost as double)
    from allocation
    inner join main_currency on allocation.billing_currency = main_currency.billing_currency
    union all
    select 'cost_efficiency', unit_costs.service_id, unit_costs.month_start_date,
        cast(unit_costs.matched_cost as double), unit_costs.cost_at_baseline
    from unit_costs
    inner join main_currency on unit_costs.billing_currency = main_currency.billing_currency
    union all
    select 'headroom_kept', service_id, observed_date, case when demand_value <= usable_value then 1.0e0 else 0.0e0 end, 1.0e0
    from pool_days
    where usable_value is not null
    union all
    select 'forecast_skill', service_id, observed_date, loss_value / scale_value, naive_loss_value / scale_value
    from outcomes
    where scale_value > 0 and loss_value is not null and naive_loss_value is not null
    union all
    select 'forecast_coverage', service_id, observed_date,
        case when actual_value between p10_value and p90_value then 1.0e0 else 0.0e0 end, 1.0e0
    from outcomes
    where p10_value is not null and p90_value is not null
    union all
    select 'purchases_approved_in_time', service_id, cast(approved_at as date),
        case
            when cast(approved_at as date) <= {{ add_days('available_from', '-coalesce(lead_time_days, 0)') }} then 1.0e0
            else 0.0e0
        end,
        1.0e0
    from purchases
    union all
    select 'capacity_incidents_reduced', service_id, cast(opened_at as date), 1.0e0, 0.0e0
    from capacity_incidents
    where verdict = 'capacity'
    union all
    select 'capacity_incidents_reduced', service_id, calendar_date, 0.0e0, 1.0e0
    from watched_days
    union all
    select 'improvements_realised', service_id, done_date, case when verdict = 'realised' then 1.0e0 else 0.0e0 end, 1.0e0
    from improvements
),

final as (
    select
        cases.measure,
        max(vocabulary.kind) as kind,
        coalesce(cases.service_id, '(none)') as service_id,
        {{ month_of('cases.happened_date') }} as month_start_date,
        {{ exact_sum('cases.numerator', 9) }} as numerator,
        {{ exact_sum('cases.denominator', 9) }} as denominator
    from cases
    inner join run_window
        on cases.happened_date between run_window.first_date and run_window.as_of_date
    left join {{ ref('kpi_measures') }} as vocabulary on cases.measure = vocabulary.measure
    group by cases.measure, coalesce(cases.service_id, '(none)'), {{ month_of('cases.happened_date') }}
)

select * from final
