{{ rebuilt_by('as_of_date') }}

with needs as (
    select * from {{ ref('stg_staffing_needs') }}
),

run_window as (
    select as_of_date from {{ ref('stg_run_window') }}
),

final as (
    select
        needs.team_id,
        needs.as_of_date,
        needs.work,
        cast(needs.interval_number as int) as interval_number,
        cast(needs.weekday as int) as weekday,
        cast(needs.local_hour as int) as local_hour,
        needs.week_start_date,
        needs.zone,
        needs.is_open,
        needs.arrivals,
        needs.arrivals_low,
        needs.arrivals_high,
        needs.handling_minutes,
        needs.handling_basis,
        needs.respond_within_minutes,
        needs.target_ratio,
        needs.load_erlangs,
        needs.service_level_ratio,
        needs.agents_needed,
        needs.agents_needed_high,
        needs.agents_available,
        needs.shortage_agents,
        needs.shortage_agents_high,
        needs.backlog_hours,
        needs.target_backlog_hours,
        needs.backlog_hours_high,
        needs.method,
        needs.reason
    from needs
    inner join run_window on needs.as_of_date = run_window.as_of_date
)

select * from final
