with agreements as (
    select * from {{ ref('int_availability_agreements') }}
    where target_rank = 1
),

open_intervals as (
    select * from {{ ref('int_calendar_open_intervals') }}
),

windows as (
    select * from {{ ref('int_maintenance_windows') }}
),

-- Without a calendar agreed time is all time.
opened as (
    select
        agreements.service_id,
        agreements.observed_date,
        agreements.excludes_maintenance,
        open_intervals.opens_at as starts_at,
        open_intervals.closes_at as ends_at
    from agreements
    inner join open_intervals
        on agreements.calendar_id = open_intervals.calendar_id
        and agreements.observed_date = open_intervals.open_date
    union all
    select
        service_id,
        observed_date,
        excludes_maintenance,
        cast(observed_date as timestamp) as starts_at,
        cast({{ add_days('observed_date', 1) }} as timestamp) as ends_at
    from agreements
    where calendar_id is null
),

cuts as (
    select
        opened.service_id,
        opened.observed_date,
        opened.starts_at,
        opened.ends_at,
        greatest(windows.starts_at, opened.starts_at) as cut_from,
        least(windows.ends_at, opened.ends_at) as cut_to
    from opened
    inner join windows
        on opened.service_id = windows.service_id
        and opened.observed_date = windows.observed_date
        and {{ overlaps('opened', 'windows') }}
    where opened.excludes_maintenance
),

-- Windows do not overlap one another: what is left of an interval lies before each of them, and after the last.
pieces as (
    select
        service_id,
        observed_date,
        false as is_maintenance,
        coalesce(
            lag(cut_to) over (partition by service_id, starts_at order by cut_from), starts_at
        ) as starts_at,
        cut_from as ends_at
    from cuts
    union all
    select service_id, observed_date, false as is_maintenance, max(cut_to) as starts_at, ends_at
    from cuts
    group by service_id, observed_date, starts_at, ends_at
    union all
    select service_id, observed_date, true as is_maintenance, cut_from as starts_at, cut_to as ends_at
    from cuts
    union all
    select opened.service_id, opened.observed_date, false as is_maintenance, opened.starts_at, opened.ends_at
    from opened
    left join cuts on opened.service_id = cuts.service_id and opened.starts_at = cuts.starts_at
    where cuts.service_id is null
),

final as (
    select * from pieces
    where starts_at < ends_at
)

select * from final
