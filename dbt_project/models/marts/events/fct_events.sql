with events as (
    select * from {{ ref('stg_capacity_events') }}
),

run_window as (
    select as_of_date from {{ ref('stg_run_window') }}
),

known as (
    select
        events.*,
        run_window.as_of_date as run_date,
        row_number() over (partition by events.event_id order by events.as_of_date desc) as newest_rank
    from events
    inner join run_window on events.as_of_date <= run_window.as_of_date
),

-- A run looks back over `event_history_days`: what opened in them and is not in its own list was found wrong since.
final as (
    select
        event_id,
        as_of_date,
        category,
        severity,
        is_open,
        source,
        sources,
        opened_at,
        exception_at,
        last_seen_at,
        closed_at,
        cause_ci_id,
        cause_resource,
        resource,
        unit,
        peak_ci_id,
        peak_value,
        threshold_value,
        peak_value / nullif(threshold_value, 0) as peak_ratio,
        score,
        probability_within_lead_time,
        decision_date,
        ci_count,
        service_count,
        ci_ids,
        service_ids,
        detection_count
    from known
    where newest_rank = 1
        and (
            as_of_date = run_date
            or (
                not is_open
                and opened_at < cast({{ add_days('run_date', '-' ~ var('event_history_days')) }} as timestamp)
            )
        )
)

select * from final
