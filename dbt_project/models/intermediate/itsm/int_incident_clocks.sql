with spans as (
    select * from {{ ref('int_incident_clock_spans') }}
),

moments as (
    select * from {{ ref('int_clock_moments') }}
),

-- Each span on the calendar that held for it; without a calendar agreed time is all time.
measured as (
    select
        spans.*,
        case
            when spans.effect <> 'run' then 0
            when spans.calendar_id is null then {{ microseconds_between('spans.starts_at', 'spans.ends_at') }}
            else coalesce(ends.open_microseconds - starts.open_microseconds, 0)
        end as business_microseconds
    from spans
    left join moments as starts on spans.calendar_id = starts.calendar_id and spans.starts_at = starts.moment_at
    left join moments as ends on spans.calendar_id = ends.calendar_id and spans.ends_at = ends.moment_at
),

clocks as (
    select
        incident_id,
        clock,
        cycle_key,
        min(case when effect = 'run' then starts_at end) as started_at,
        max(ends_at) as measured_until_at,
        max(case when effect = 'run' then span_number end) as last_run_number,
        bool_or(is_stopped) as is_stopped,
        bool_or(is_current and effect = 'pause') as is_paused,
        cast(sum(business_microseconds) as bigint) as business_microseconds
    from measured
    group by incident_id, clock, cycle_key
),

-- The agreement of the last span that ran decides: it is the one that the incident had when it was done.
final as (
    select
        clocks.incident_id,
        clocks.clock,
        cast(row_number() over (partition by clocks.incident_id, clocks.clock order by clocks.cycle_key) as int) as cycle,
        deciding.service_id,
        deciding.priority,
        deciding.target_id,
        deciding.calendar_id,
        deciding.target_minutes,
        clocks.started_at,
        case when clocks.is_stopped then clocks.measured_until_at end as stopped_at,
        clocks.measured_until_at,
        clocks.is_paused and not clocks.is_stopped as is_paused,
        clocks.business_microseconds / 60000000.0e0 as business_minutes
    from clocks
    inner join spans as deciding
        on clocks.incident_id = deciding.incident_id
        and clocks.clock = deciding.clock
        and clocks.last_run_number = deciding.span_number
    where deciding.target_id is not null
)

select * from final
