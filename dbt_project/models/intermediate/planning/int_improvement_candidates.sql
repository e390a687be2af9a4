{# The register's memory: a full refresh keeps it. #}
{{ rebuilt_by('as_of_date') }}
{{ config(full_refresh=false, on_schema_change='append_new_columns') }}

with run_window as (
    select * from {{ ref('stg_run_window') }}
),

kinds as (
    select * from {{ ref('improvement_kinds') }}
),

saturation as (
    select rows_of_run.*
    from {{ ref('fct_saturation') }} as rows_of_run
    inner join run_window on rows_of_run.as_of_date = run_window.as_of_date
    where rows_of_run.level = 'pool'
),

pools as (
    select pool_rows.*
    from {{ ref('fct_pool_capacity') }} as pool_rows
    inner join run_window on pool_rows.as_of_date = run_window.as_of_date
),

last_whole_month as (
    select
        costs.ci_id,
        max(costs.billing_currency) as currency,
        cast(max_by(costs.effective_cost, costs.month_start_date) as double) as monthly_cost,
        max_by(costs.need_ratio, costs.month_start_date) as need_ratio,
        cast(max_by(costs.headroom_cost, costs.month_start_date) as double) as headroom_cost,
        max_by(costs.service_count, costs.month_start_date) as service_count
    from {{ ref('fct_ci_cost') }} as costs
    inner join run_window on {{ end_of_month('costs.month_start_date') }} <= run_window.as_of_date
    group by costs.ci_id
    having count(distinct costs.billing_currency) = 1
),

-- Services that share all members of a pool have a pool each: one extension helps them all, so it is one candidate.
members as (
    select
        pool_members.pool_id,
        min(pool_members.ci_id) as first_ci_id,
        max(pool_members.ci_id) as last_ci_id,
        count(*) as member_count,
        {{ exact_sum('costs.monthly_cost', digits=6) }} as monthly_cost,
        max(costs.currency) as currency
    from {{ ref('fct_pool_members') }} as pool_members
    inner join run_window on pool_members.as_of_date = run_window.as_of_date
    left join last_whole_month as costs on pool_members.ci_id = costs.ci_id
    group by pool_members.pool_id
),

-- What the highest day of the horizon takes.
needed as (
    select
        forecasts.pool_id,
        max(case when forecasts.quantile = 0.5 then forecasts.value end) as median_value,
        max(case when forecasts.quantile = 0.9 then forecasts.value end) as high_value
    from {{ ref('fct_forecasts') }} as forecasts
    inner join run_window on forecasts.as_of_date = run_window.as_of_date
    where forecasts.level = 'pool' and forecasts.quantile in (0.5, 0.9)
    group by forecasts.pool_id
),

short_pools as (
    select
        pools.*,
        saturation.decision_date,
        saturation.p50_date,
        saturation.probability_within_horizon,
        saturation.probability_within_lead_time,
        saturation.horizon_days,
        case when needed.high_value is not null then greatest(needed.median_value, pools.demand_value, pools.usable_value) end
            as median_value,
        case when needed.high_value is not null then greatest(needed.high_value, pools.demand_value, pools.usable_value) end
            as high_value,
        members.monthly_cost,
        members.currency,
        row_number() over (
            partition by pools.resource, members.first_ci_id, members.last_ci_id, members.member_count
            order by pools.pool_id
        ) as pool_rank
    from pools
    inner join saturation on pools.pool_id = saturation.pool_id
    inner join members on pools.pool_id = members.pool_id
    left join needed on pools.pool_id = needed.pool_id
    where pools.headroom_ratio < 0
        or saturation.probability_within_lead_time >= 0.5
        or saturation.decision_date <= {{ add_days('pools.as_of_date', 30) }}
),

extensions as (
    select
        'extend_capacity' as kind,
        pool_id as subject,
        'Extend ' || resource || ' of ' || service_id || '/' || redundancy_group as title,
        service_id,
        deciding_ci_id as ci_id,
        pool_id,
        resource,
        case
            when headroom_ratio < 0 then 'demand exceeds usable capacity'
            when probability_within_lead_time >= 0.5 then 'saturation within the lead time is likelier than not'
            else 'the decision is due within 30 days'
        end as reason,
        demand_value / nullif(usable_value, 0) - demand_value / nullif(high_value, 0) as expected_benefit_value,
        demand_value / nullif(usable_value, 0) - demand_value / nullif(median_value, 0) as expected_benefit_low_value,
        demand_value / nullif(usable_value, 0) - demand_value / nullif(high_value, 0) as expected_benefit_high_value,
        high_value - usable_value as amount_value,
        unit as amount_unit,
        monthly_cost * (high_value / nullif(usable_value, 0) - 1) as monthly_cost,
        currency,
        decision_date,
        case
            when headroom_ratio < 0 then 1.0e0
            else greatest(0.0e0, least(1.0e0, 1 - {{ days_between('as_of_date', 'decision_date') }} / cast(horizon_days as double)))
        end as urgency_ratio,
        probability_within_horizon as confidence_ratio
    from short_pools
    where pool_rank = 1
),

proposals as (
    select sizes.*
    from {{ ref('fct_rightsizing') }} as sizes
    inner join run_window on sizes.as_of_date = run_window.as_of_date
    where sizes.verdict = 'proposed'
),

saturated as (
    select
        capacity.ci_id,
        {{ exact_sum('capacity.saturation_minutes') }} as saturation_minutes
    from {{ ref('fct_resource_capacity') }} as capacity
    inner join run_window on capacity.as_of_date = run_window.as_of_date
    group by capacity.ci_id
),

sizes as (
    select
        'right_size_' || proposals.direction as kind,
        proposals.ci_id as subject,
        'Resize ' || proposals.ci_id || ' from ' || coalesce(proposals.present_size, 'its size')
            || ' to ' || proposals.proposed_size as title,
        cast(null as string) as service_id,
        proposals.ci_id,
        cast(null as string) as pool_id,
        proposals.deciding_resource as resource,
        'back-tested size of the ladder ' || proposals.ladder_id as reason,
        case
            when proposals.direction = 'up' then nullif(saturated.saturation_minutes, 0)
            else coalesce(proposals.effective_monthly_saving, proposals.monthly_saving)
        end as expected_benefit_value,
        cast(null as double) as expected_benefit_low_value,
        cast(null as double) as expected_benefit_high_value,
        cast(null as double) as amount_value,
        cast(null as string) as amount_unit,
        case
            when proposals.direction = 'up' then -coalesce(proposals.effective_monthly_saving, proposals.monthly_saving)
            else 0.0e0
        end as monthly_cost,
        proposals.currency,
        cast(null as date) as decision_date,
        cast(null as double) as urgency_ratio,
        1 - coalesce(proposals.breach_high_ratio, 0.5e0) as confidence_ratio
    from proposals
    left join saturated on proposals.ci_id = saturated.ci_id
),

-- A CI with a smaller size to go to is proposed that instead.
idle as (
    select
        'reclaim_idle' as kind,
        ci_id as subject,
        case when service_count = 0 then 'Retire ' || ci_id else 'Shrink or share ' || ci_id end as title,
        cast(null as string) as service_id,
        ci_id,
        cast(null as string) as pool_id,
        cast(null as string) as resource,
        case
            when service_count = 0 then 'no service stands on it'
            else 'its scarcest resource needs less than 40 % of what is usable'
        end as reason,
        case when service_count = 0 then monthly_cost else headroom_cost end as expected_benefit_value,
        cast(null as double) as expected_benefit_low_value,
        case when service_count = 0 then monthly_cost else headroom_cost end as expected_benefit_high_value,
        cast(null as double) as amount_value,
        cast(null as string) as amount_unit,
        0.0e0 as monthly_cost,
        currency,
        cast(null as date) as decision_date,
        cast(null as double) as urgency_ratio,
        1.0e0 as confidence_ratio
    from last_whole_month
    where (service_count = 0 or need_ratio < 0.4)
        and ci_id not in (select ci_id from proposals)
),

recurring as (
    select
        'resolve_recurring_events' as kind,
        events.cause_ci_id || '/' || events.cause_resource as subject,
        'Resolve recurring events of ' || events.cause_resource || ' on ' || events.cause_ci_id as title,
        cast(null as string) as service_id,
        events.cause_ci_id as ci_id,
        cast(null as string) as pool_id,
        events.cause_resource as resource,
        cast(count(*) as string) || ' warnings or exceptions in 90 days' as reason,
        count(*) * 28 / 90.0e0 as expected_benefit_value,
        cast(null as double) as expected_benefit_low_value,
        count(*) * 28 / 90.0e0 as expected_benefit_high_value,
        cast(null as double) as amount_value,
        cast(null as string) as amount_unit,
        0.0e0 as monthly_cost,
        cast(null as string) as currency,
        cast(null as date) as decision_date,
        cast(null as double) as urgency_ratio,
        1.0e0 as confidence_ratio
    from {{ ref('fct_events') }} as events
    cross join run_window
    where events.category in ('warning', 'exception')
        and events.opened_at < run_window.as_of_at
        and cast(events.opened_at as date) > {{ add_days('run_window.as_of_date', -90) }}
        and events.cause_ci_id is not null
    group by events.cause_ci_id, events.cause_resource
    having count(*) >= 2
),

missed as (
    select
        'meet_target' as kind,
        levels.service_id || '/' || levels.target_id as subject,
        'Meet ' || levels.measure || ' of ' || levels.service_id || ' (' || levels.target_id || ')' as title,
        levels.service_id,
        cast(null as string) as ci_id,
        cast(null as string) as pool_id,
        cast(null as string) as resource,
        'not met in the month of the as-of day' as reason,
        abs(levels.actual_value - {{ target_goal('levels') }}) as expected_benefit_value,
        cast(null as double) as expected_benefit_low_value,
        cast(null as double) as expected_benefit_high_value,
        cast(null as double) as amount_value,
        cast(null as string) as amount_unit,
        0.0e0 as monthly_cost,
        cast(null as string) as currency,
        cast(null as date) as decision_date,
        cast(null as double) as urgency_ratio,
        1.0e0 as confidence_ratio
    from {{ ref('fct_service_levels') }} as levels
    inner join run_window on levels.period = 'month' and levels.period_start_date = {{ month_of('run_window.as_of_date') }}
    where not levels.is_met and levels.measure <> 'utilisation_ratio'
),

candidates as (
    select * from extensions
    union all
    select * from sizes
    union all
    select * from idle
    union all
    select * from recurring
    union all
    select * from missed
),

final as (
    select
        {{ improvement_id('candidates.kind', 'candidates.subject') }} as improvement_id,
        run_window.as_of_date,
        candidates.kind,
        candidates.subject,
        candidates.title,
        candidates.service_id,
        candidates.ci_id,
        candidates.pool_id,
        candidates.resource,
        candidates.reason,
        candidates.expected_benefit_value,
        candidates.expected_benefit_low_value,
        candidates.expected_benefit_high_value,
        candidates.amount_value,
        candidates.amount_unit,
        candidates.monthly_cost,
        candidates.currency,
        candidates.decision_date,
        coalesce(candidates.urgency_ratio, kinds.urgency_ratio) as urgency_ratio,
        candidates.confidence_ratio
    from candidates
    cross join run_window
    inner join kinds on candidates.kind = kinds.kind
)

select * from final
