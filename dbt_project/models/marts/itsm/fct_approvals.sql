with decisions as (
    select * from {{ ref('fct_approval_decisions') }}
),

run_window as (
    select as_of_at from {{ ref('stg_run_window') }}
),

records as (
    select 'changes' as record_table, change_id as record_id, change_kind as record_kind, service_id, started_at
    from {{ ref('stg_changes') }}
    union all
    select 'service_requests', request_id, request_kind, service_id, cast(null as timestamp)
    from {{ ref('int_service_requests') }}
),

counted as (
    select
        decisions.record_table,
        decisions.record_id,
        decisions.item_id,
        max(run_window.as_of_at) as as_of_at,
        cast(count(*) as int) as approval_count,
        cast(count(case when decisions.state = 'approved' then 1 end) as int) as approved_count,
        cast(count(case when decisions.state = 'rejected' then 1 end) as int) as rejected_count,
        cast(count(case when decisions.state = 'requested' then 1 end) as int) as waiting_count,
        min(decisions.requested_at) as requested_at,
        max(case when decisions.state in ('approved', 'rejected') then decisions.decided_at end) as last_decided_at
    from decisions
    cross join run_window
    where decisions.is_counted
    group by decisions.record_table, decisions.record_id, decisions.item_id
),

judged as (
    select
        *,
        case
            when rejected_count > 0 then 'rejected'
            when waiting_count > 0 then 'waiting'
            when approved_count > 0 then 'approved'
            else 'not_required'
        end as state
    from counted
),

final as (
    select
        judged.record_table,
        judged.record_id,
        judged.item_id,
        records.record_kind,
        records.service_id,
        judged.state,
        judged.approval_count,
        judged.approved_count,
        judged.rejected_count,
        judged.waiting_count,
        judged.requested_at,
        case when judged.state in ('approved', 'rejected') then judged.last_decided_at end as decided_at,
        case
            when judged.state = 'waiting' then {{ minutes_between('judged.requested_at', 'judged.as_of_at') }}
            when judged.state in ('approved', 'rejected')
                then {{ minutes_between('judged.requested_at', 'judged.last_decided_at') }}
        end as waiting_minutes,
        case
            when records.started_at is null or records.started_at >= judged.as_of_at then null
            when judged.state = 'not_required' then false
            when judged.state = 'approved' then records.started_at < judged.last_decided_at
            else true
        end as is_started_unapproved
    from judged
    left join records on judged.record_table = records.record_table and judged.record_id = records.record_id
)

select * from final
