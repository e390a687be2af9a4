with changes as (
    select * from {{ ref('stg_changes') }}
),

run_window as (
    select as_of_at from {{ ref('stg_run_window') }}
),

known as (
    select
        changes.*,
        run_window.as_of_at,
        case when changes.started_at < run_window.as_of_at then changes.started_at end as known_started_at,
        case when changes.ended_at < run_window.as_of_at then changes.ended_at end as known_ended_at
    from changes
    cross join run_window
),

final as (
    select
        change_id,
        change_kind,
        state,
        outcome,
        title,
        service_id,
        ci_id,
        planned_start_at,
        planned_end_at,
        known_started_at as started_at,
        known_ended_at as ended_at,
        {{ minutes_between('known_started_at', 'known_ended_at') }} as duration_minutes,
        case
            when state = 'cancelled' or planned_end_at is null or known_started_at is null then null
            else coalesce(known_ended_at, as_of_at) > planned_end_at
        end as is_overrun
    from known
)

select * from final
