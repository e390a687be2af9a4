{{ rebuilt_by_incident(among='intermediate.int_rebuilt_incidents', where='is_ticking') }}

with spans as (
    select * from {{ ref('int_incident_clock_spans') }}
),

segments as (
    select * from {{ ref('int_calendar_segments') }}
),

-- Each span on the calendar that held for it; without a calendar agreed time is all time.
measured as (
    select
        spans.*,
        case when spans.effect = 'run' then spans.span_number end as run_number,
        case
            when spans.effect <> 'run' then 0
            when spans.calendar_id is null then {{ microseconds_between('spans.starts_at', 'spans.ends_at') }}
            else coalesce(
                {{ open_microseconds('at_end', 'spans.ends_at') }} - {{ open_microseconds('at_start', 'spans.starts_at') }}, 0
            )
        end as business_microseconds
    from spans
    left join segments as at_start on {{ in_segment('at_start', 'spans.calendar_id', 'spans.starts_at') }}
    left join segments as at_end on {{ in_segment('at_end', 'spans.calendar_id', 'spans.ends_at') }}
),

-- The agreement of the last span that ran decides: it is the one that the incident had when it was done. What is null is
-- named, because engines differ in whether max_by passes over it.
clocks as (
    select
        incident_id,
        clock,
        cycle_key,
        min(case when effect = 'run' then starts_at end) as started_at,
        max(ends_at) as measured_until_at,
        max_by(coalesce(agreement_number, 0), run_number) as agreement_number,
        nullif(max_by(coalesce(calendar_id, ''), run_number), '') as calendar_id,
        bool_or(is_current) as is_current,
        bool_or(is_current and effect = 'pause') as is_paused,
        cast(sum(business_microseconds) as bigint) as business_microseconds
    from measured
    group by incident_id, clock, cycle_key
),

-- Spans in which a clock neither runs nor pauses are missing: with the current one the clock has stopped.
final as (
    select
        clocks.incident_id,
        clocks.clock,
        cast(row_number() over (partition by clocks.incident_id, clocks.clock order by clocks.cycle_key) as int) as cycle,
        agreements.service_id,
        agreements.priority,
        agreements.target_id,
        clocks.calendar_id,
        agreements.target_minutes,
        clocks.started_at,
        case when not clocks.is_current then clocks.measured_until_at end as stopped_at,
        clocks.measured_until_at,
        clocks.is_paused,
        clocks.business_microseconds / 60000000.0e0 as business_minutes
    from clocks
    inner join {{ ref('int_incident_agreements') }} as agreements
        on clocks.agreement_number = agreements.agreement_number
)

select * from final
{{ in_order_of('incident_id') }}
