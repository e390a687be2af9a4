{{ rebuilt_by_incident(among='intermediate.int_rebuilt_incidents', where='is_ticking') }}

with breaches as (
    select * from {{ ref('int_clock_breaches') }}
),

-- How often those that lasted at least as long as this one has by now went on to miss the same target: all that lasted more whole
-- minutes, and of the same minute those that lasted as long. The clocks are named each time, because DuckDB would keep a
-- CTE that is read several times in memory.
minutes as (
    select
        clock,
        target_id,
        floor(business_minutes) as whole_minutes,
        count(stopped_at) as stopped_count,
        count(case when stopped_at is not null and business_minutes > target_minutes then 1 end) as missed_count
    from {{ ref('int_incident_clocks') }}
    group by clock, target_id, floor(business_minutes)
),

longer as (
    select
        clock,
        target_id,
        whole_minutes,
        coalesce(sum(stopped_count) over (
            partition by clock, target_id order by whole_minutes desc rows between unbounded preceding and 1 preceding
        ), 0) as stopped_count,
        coalesce(sum(missed_count) over (
            partition by clock, target_id order by whole_minutes desc rows between unbounded preceding and 1 preceding
        ), 0) as missed_count
    from minutes
),

running as (
    select incident_id, clock, cycle, target_id, business_minutes, floor(business_minutes) as whole_minutes
    from {{ ref('int_incident_clocks') }}
    where stopped_at is null
),

as_long as (
    select
        running.incident_id,
        running.clock,
        running.cycle,
        count(*) as stopped_count,
        count(case when stopped.business_minutes > stopped.target_minutes then 1 end) as missed_count
    from running
    inner join {{ ref('int_incident_clocks') }} as stopped
        on running.clock = stopped.clock
        and running.target_id = stopped.target_id
        and running.whole_minutes = floor(stopped.business_minutes)
        and running.business_minutes <= stopped.business_minutes
    where stopped.stopped_at is not null
    group by running.incident_id, running.clock, running.cycle
),

outlook as (
    select
        running.incident_id,
        running.clock,
        running.cycle,
        cast(longer.stopped_count + coalesce(as_long.stopped_count, 0) as int) as comparable_count,
        cast(longer.missed_count + coalesce(as_long.missed_count, 0) as int) as missed_count
    from running
    inner join longer
        on running.clock = longer.clock
        and running.target_id = longer.target_id
        and running.whole_minutes = longer.whole_minutes
    left join as_long
        on running.incident_id = as_long.incident_id
        and running.clock = as_long.clock
        and running.cycle = as_long.cycle
),

judged as (
    select
        *,
        case when stopped_at is not null then business_minutes <= target_minutes end as is_met
    from {{ ref('int_incident_clocks') }}
    where {{ of_rebuilt_incidents('incident_id', ref('int_rebuilt_incidents'), 'is_ticking') }}
),

final as (
    select
        judged.incident_id,
        judged.clock,
        judged.cycle,
        judged.service_id,
        judged.priority,
        judged.target_id,
        judged.calendar_id,
        judged.started_at,
        judged.stopped_at,
        judged.target_minutes,
        judged.business_minutes,
        case
            when judged.is_met then 'met'
            when not judged.is_met then 'missed'
            when judged.business_minutes > judged.target_minutes then 'running_late'
            when judged.is_paused then 'paused'
            else 'running'
        end as state,
        judged.is_met,
        case when judged.stopped_at is null then judged.target_minutes - judged.business_minutes end as minutes_left,
        breaches.breach_at,
        case
            when judged.stopped_at is not null then null
            when judged.business_minutes > judged.target_minutes then 1.0e0
            when outlook.comparable_count >= 10 then outlook.missed_count / cast(outlook.comparable_count as double)
        end as breach_probability,
        case when judged.stopped_at is null then outlook.comparable_count end as comparable_count
    from judged
    left join outlook
        on judged.incident_id = outlook.incident_id
        and judged.clock = outlook.clock
        and judged.cycle = outlook.cycle
    left join breaches
        on judged.incident_id = breaches.incident_id
        and judged.clock = breaches.clock
        and judged.cycle = breaches.cycle
)

select * from final
