with run_window as (
    select as_of_at from {{ ref('stg_run_window') }}
),

known as (
    select states.*
    from {{ ref('stg_improvement_states') }} as states
    inner join run_window on states.changed_at < run_window.as_of_at
),

-- What was stated once goes on holding until it is stated anew.
latest as (
    select
        improvement_id,
        min(changed_at) as first_changed_at,
        max(changed_at) as changed_at,
        max_by(state, changed_at) as state,
        max_by(changed_by, changed_at) as changed_by,
        max_by(reason, changed_at) as reason,
        max_by(change_id, case when change_id is not null then changed_at end) as change_id,
        max_by(kind, case when kind is not null then changed_at end) as kind,
        max_by(subject, case when subject is not null then changed_at end) as subject,
        max_by(title, case when title is not null then changed_at end) as title,
        max_by(service_id, case when service_id is not null then changed_at end) as service_id,
        max_by(ci_id, case when ci_id is not null then changed_at end) as ci_id,
        max_by(resource, case when resource is not null then changed_at end) as resource,
        max_by(expected_benefit_value, case when expected_benefit_value is not null then changed_at end)
            as expected_benefit_value,
        max_by(one_off_cost, case when one_off_cost is not null then changed_at end) as one_off_cost,
        max_by(monthly_cost, case when monthly_cost is not null then changed_at end) as monthly_cost
    from known
    group by improvement_id
),

changes as (
    select change_id, outcome, ended_at from {{ ref('fct_changes') }}
    where ended_at is not null
),

final as (
    select
        latest.improvement_id,
        latest.first_changed_at,
        latest.changed_at,
        case
            when latest.state = 'accepted' and changes.outcome = 'successful' then 'done'
            else latest.state
        end as state,
        latest.changed_by,
        latest.reason,
        latest.change_id,
        changes.outcome as change_outcome,
        cast(case
            when latest.state = 'accepted' and changes.outcome = 'successful' then changes.ended_at
            when latest.state = 'done' then coalesce(changes.ended_at, latest.changed_at)
        end as date) as done_date,
        latest.kind,
        latest.subject,
        latest.title,
        latest.service_id,
        latest.ci_id,
        latest.resource,
        latest.expected_benefit_value,
        latest.one_off_cost,
        latest.monthly_cost
    from latest
    left join changes on latest.change_id = changes.change_id
)

select * from final
