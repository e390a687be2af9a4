with run_window as (
    select * from {{ ref('stg_run_window') }}
),

incidents as (
    select * from {{ ref('int_incident_events') }}
),

bounds as (
    select
        cast(date_trunc('year', least(
            min(run_window.history_start_date),
            min(run_window.as_of_date),
            min(cast(incidents.opened_at as date))
        )) as date) as first_date,
        max(run_window.as_of_date) as as_of_date,
        max(run_window.horizon_days) as horizon_days
    from run_window
    left join incidents on incidents.updated_at < run_window.as_of_at
),

whole_years as (
    select
        first_date,
        {{ end_of_year(add_days('as_of_date', 'horizon_days')) }} as last_date
    from bounds
),

days as (
    select {{ each_day('first_date', 'last_date') }} as calendar_date
    from whole_years
),

final as (
    select
        calendar_date,
        cast(extract(year from calendar_date) as int) as year,
        cast(extract(quarter from calendar_date) as int) as quarter,
        cast(extract(month from calendar_date) as int) as month,
        cast(extract(day from calendar_date) as int) as day,
        cast(extract(week from calendar_date) as int) as iso_week,
        {{ iso_weekday('calendar_date') }} as weekday,
        {{ iso_weekday('calendar_date') }} >= 6 as is_weekend
    from days
)

select * from final
