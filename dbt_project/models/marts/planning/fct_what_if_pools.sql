{{ rebuilt_by('as_of_date') }}

with what_if as (
    select * from {{ ref('stg_what_if_pools') }}
),

run_window as (
    select as_of_date from {{ ref('stg_run_window') }}
),

final as (
    select
        what_if.scenario_id,
        what_if.as_of_date,
        what_if.pool_id,
        what_if.service_id,
        what_if.redundancy_group,
        what_if.resource,
        what_if.unit,
        cast(what_if.today_member_count as int) as today_member_count,
        cast(what_if.scenario_member_count as int) as scenario_member_count,
        what_if.today_demand_value,
        what_if.scenario_demand_value,
        what_if.today_usable_value,
        what_if.scenario_usable_value,
        what_if.scenario_bare_usable_value,
        what_if.today_deciding_ci_id,
        what_if.scenario_deciding_ci_id,
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
        cast(what_if.lead_time_days as int) as lead_time_days,
        cast(what_if.horizon_days as int) as horizon_days,
        what_if.is_lost,
        what_if.notes,
        1 - what_if.today_demand_value / nullif(what_if.today_usable_value, 0) as today_headroom_ratio,
        1 - what_if.scenario_demand_value / nullif(what_if.scenario_usable_value, 0) as scenario_headroom_ratio,
        1 - what_if.scenario_demand_value / nullif(what_if.scenario_bare_usable_value, 0) as scenario_bare_headroom_ratio
    from what_if
    inner join run_window on what_if.as_of_date = run_window.as_of_date
)

select * from final
