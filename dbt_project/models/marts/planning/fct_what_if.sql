{{ rebuilt_by('as_of_date') }}

with what_if as (
    select * from {{ ref('stg_what_if_services') }}
),

run_window as (
    select as_of_date from {{ ref('stg_run_window') }}
),

final as (
    select
        what_if.scenario_id,
        what_if.as_of_date,
        what_if.service_id,
        what_if.today_headroom_ratio,
        what_if.scenario_headroom_ratio,
        what_if.today_bottleneck_pool_id,
        what_if.scenario_bottleneck_pool_id,
        what_if.today_bottleneck_resource,
        what_if.scenario_bottleneck_resource,
        what_if.today_p10_date,
        what_if.today_p50_date,
        what_if.today_p90_date,
        what_if.scenario_p10_date,
        what_if.scenario_p50_date,
        what_if.scenario_p90_date,
        what_if.today_probability_within_horizon,
        what_if.scenario_probability_within_horizon,
        what_if.today_probability_within_lead_time,
        what_if.scenario_probability_within_lead_time,
        what_if.today_monthly_cost,
        what_if.scenario_monthly_cost,
        what_if.today_horizon_cost,
        what_if.scenario_horizon_cost,
        what_if.currency,
        cast(what_if.changed_pool_count as int) as changed_pool_count,
        cast(what_if.lost_pool_count as int) as lost_pool_count,
        cast(what_if.lead_time_days as int) as lead_time_days,
        cast(what_if.horizon_days as int) as horizon_days,
        what_if.is_retired,
        what_if.notes,
        what_if.scenario_headroom_ratio - what_if.today_headroom_ratio as headroom_delta_ratio,
        {{ days_between('what_if.today_p50_date', 'what_if.scenario_p50_date') }} as p50_delta_days,
        what_if.scenario_monthly_cost - what_if.today_monthly_cost as monthly_cost_delta,
        what_if.scenario_horizon_cost - what_if.today_horizon_cost as horizon_cost_delta
    from what_if
    inner join run_window on what_if.as_of_date = run_window.as_of_date
)

select * from final
