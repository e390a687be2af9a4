{{ rebuilt_by('as_of_date') }}

with run_window as (
    select * from {{ ref('stg_run_window') }}
),

candidates as (
    select rows_so_far.*
    from {{ ref('int_improvement_candidates') }} as rows_so_far
    inner join run_window on rows_so_far.as_of_date <= run_window.as_of_date
),

seen as (
    select
        improvement_id,
        min(as_of_date) as first_seen_date,
        max(as_of_date) as last_seen_date
    from candidates
    group by improvement_id
),

newest as (
    select candidates.*, seen.first_seen_date
    from candidates
    inner join seen
        on candidates.improvement_id = seen.improvement_id and candidates.as_of_date = seen.last_seen_date
),

states as (
    select * from {{ ref('int_improvement_states') }}
),

entries as (
    select
        coalesce(newest.improvement_id, states.improvement_id) as improvement_id,
        coalesce(newest.kind, states.kind, 'other') as kind,
        coalesce(newest.subject, states.subject) as subject,
        coalesce(states.title, newest.title) as title,
        coalesce(newest.service_id, states.service_id) as service_id,
        coalesce(newest.ci_id, states.ci_id) as ci_id,
        newest.pool_id,
        coalesce(newest.resource, states.resource) as resource,
        newest.reason,
        coalesce(states.state, 'proposed') as state,
        states.changed_at as state_changed_at,
        states.changed_by as state_changed_by,
        states.reason as state_reason,
        states.change_id,
        states.done_date,
        least(newest.first_seen_date, cast(states.first_changed_at as date)) as first_seen_date,
        newest.as_of_date as last_seen_date,
        coalesce(states.expected_benefit_value, newest.expected_benefit_value) as expected_benefit_value,
        -- An interval belongs to the figure that it was made with.
        case when states.expected_benefit_value is null then newest.expected_benefit_low_value end
            as expected_benefit_low_value,
        case when states.expected_benefit_value is null then newest.expected_benefit_high_value end
            as expected_benefit_high_value,
        newest.amount_value,
        newest.amount_unit,
        states.one_off_cost,
        coalesce(states.monthly_cost, newest.monthly_cost) as monthly_cost,
        newest.currency,
        newest.decision_date,
        coalesce(newest.urgency_ratio, 0.0e0) as urgency_ratio,
        coalesce(newest.confidence_ratio, 0.5e0) as confidence_ratio
    from newest
    full outer join states on newest.improvement_id = states.improvement_id
),

ci_services as (
    select
        pool_members.ci_id,
        min_by(pool_members.service_id, cast(services.criticality as string) || '/' || pool_members.service_id) as service_id
    from {{ ref('fct_pool_members') }} as pool_members
    inner join run_window on pool_members.as_of_date = run_window.as_of_date
    inner join {{ ref('dim_service') }} as services on pool_members.service_id = services.service_id
    group by pool_members.ci_id
),

placed as (
    select
        entries.*,
        run_window.as_of_date,
        coalesce(entries.service_id, ci_services.service_id) as affected_service_id
    from entries
    cross join run_window
    left join ci_services on entries.ci_id = ci_services.ci_id
),

owned as (
    select
        placed.*,
        services.owner,
        coalesce(services.team_id, cis.team_id) as team_id,
        coalesce((5 - services.criticality) / 4.0e0, 0.5e0) as impact_ratio,
        coalesce(kinds.effort_days, 5.0e0) as effort_days,
        coalesce(kinds.risk, 'medium') as risk,
        kinds.benefit_measure,
        case when kinds.benefit_measure = 'monthly_cost' then coalesce(placed.currency, '') || ' a month' else kinds.benefit_unit end
            as benefit_unit,
        effects.days_before,
        effects.days_after,
        effects.before_value,
        effects.after_value,
        effects.measured_benefit_value
    from placed
    left join {{ ref('dim_service') }} as services on placed.affected_service_id = services.service_id
    left join {{ ref('dim_ci') }} as cis on placed.ci_id = cis.ci_id
    left join {{ ref('improvement_kinds') }} as kinds on placed.kind = kinds.kind
    left join {{ ref('int_improvement_effects') }} as effects on placed.improvement_id = effects.improvement_id
),

final as (
    select
        improvement_id,
        as_of_date,
        kind,
        subject,
        title,
        affected_service_id as service_id,
        ci_id,
        pool_id,
        resource,
        reason,
        owner,
        team_id,
        state,
        state_changed_at,
        state_changed_by,
        state_reason,
        change_id,
        first_seen_date,
        last_seen_date,
        coalesce(last_seen_date = as_of_date, false) as is_current,
        benefit_measure,
        benefit_unit,
        expected_benefit_value,
        expected_benefit_low_value,
        expected_benefit_high_value,
        amount_value,
        amount_unit,
        one_off_cost,
        monthly_cost,
        currency,
        risk,
        effort_days,
        decision_date,
        urgency_ratio,
        impact_ratio,
        confidence_ratio,
        -- Rounded: equals must come out equal on every engine.
        round(
            100 * (
                0.4 * urgency_ratio + 0.3 * impact_ratio + 0.2 * confidence_ratio + 0.1 / (1 + effort_days / 5)
            ), 1
        ) as priority_score,
        done_date,
        case when state = 'done' then coalesce(days_before, 0) end as days_before,
        case when state = 'done' then coalesce(days_after, 0) end as days_after,
        before_value,
        after_value,
        measured_benefit_value,
        measured_benefit_value / nullif(expected_benefit_value, 0) as realised_ratio,
        case
            when state <> 'done' then null
            when benefit_measure is null or days_before is null then 'not_measurable'
            when coalesce(days_after, 0) < 7 then 'too_early'
            when measured_benefit_value is null or coalesce(expected_benefit_value, 0) <= 0 then 'not_measurable'
            when measured_benefit_value >= 0.8 * expected_benefit_value then 'realised'
            when measured_benefit_value >= 0.2 * expected_benefit_value then 'partly_realised'
            else 'not_realised'
        end as verdict
    from owned
)

select * from final
