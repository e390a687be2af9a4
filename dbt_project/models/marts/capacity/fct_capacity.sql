{{ rebuilt_by('as_of_date') }}

with run_window as (
    select * from {{ ref('stg_run_window') }}
),

resources as (
    select resource_rows.*
    from {{ ref('fct_resource_capacity') }} as resource_rows
    inner join run_window on resource_rows.as_of_date = run_window.as_of_date
),

sole_services as (
    select ci_id, service_id from {{ ref('int_service_shares') }}
    where service_count = 1
),

teams as (
    select team_rows.*
    from {{ ref('fct_team_capacity') }} as team_rows
    inner join run_window on team_rows.as_of_date = run_window.as_of_date
),

budgets as (
    select * from {{ ref('int_budget_capacity') }}
),

of_cis as (
    select
        'ci/' || resources.ci_id || '/' || resources.resource as capacity_id,
        resources.as_of_date,
        resources.resource_kind,
        'ci' as subject_kind,
        resources.ci_id as subject_id,
        sole_services.service_id,
        resources.resource,
        resources.unit,
        resources.statistic,
        resources.limit_value,
        resources.threshold_ratio,
        resources.usable_value,
        resources.demand_value,
        resources.demand_now_value,
        resources.demand_window_start_date as period_start_date,
        resources.as_of_date as period_end_date,
        cast(null as date) as run_out_date,
        resources.coverage_ratio
    from resources
    left join sole_services on resources.ci_id = sole_services.ci_id
),

of_teams as (
    select
        'team/' || team_id || '/team_hours' as capacity_id,
        as_of_date,
        'human' as resource_kind,
        'team' as subject_kind,
        team_id as subject_id,
        cast(null as string) as service_id,
        'team_hours' as resource,
        'h/wk' as unit,
        'busiest_week' as statistic,
        hours_per_week as limit_value,
        threshold_ratio,
        usable_hours_per_week as usable_value,
        busiest_week_hours as demand_value,
        latest_week_hours as demand_now_value,
        {{ add_days('as_of_date', '1 - 7 * week_count') }} as period_start_date,
        as_of_date as period_end_date,
        cast(null as date) as run_out_date,
        coverage_ratio
    from teams
),

of_budgets as (
    select
        'budget/' || budget_id as capacity_id,
        as_of_date,
        'financial' as resource_kind,
        'budget' as subject_kind,
        budget_id as subject_id,
        service_id,
        'budget' as resource,
        currency as unit,
        'period_total' as statistic,
        limit_value,
        threshold_ratio,
        usable_value,
        demand_value,
        demand_now_value,
        period_start_date,
        period_end_date,
        run_out_date,
        coverage_ratio
    from budgets
),

all_kinds as (
    select * from of_cis
    union all
    select * from of_teams
    union all
    select * from of_budgets
),

final as (
    select
        capacity_id,
        as_of_date,
        resource_kind,
        subject_kind,
        subject_id,
        service_id,
        resource,
        unit,
        statistic,
        limit_value,
        threshold_ratio,
        usable_value,
        demand_value,
        {{ headroom('demand_value', 'usable_value') }} as headroom_ratio,
        demand_now_value,
        {{ headroom('demand_now_value', 'usable_value') }} as headroom_now_ratio,
        period_start_date,
        period_end_date,
        run_out_date,
        coverage_ratio,
        coverage_ratio < {{ var('low_coverage_ratio') }} as is_low_coverage
    from all_kinds
)

select * from final
