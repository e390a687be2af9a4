{{ rebuilt_by_incident(among='intermediate.int_rebuilt_incidents', where='is_ticking') }}

with breaches as (
    select * from {{ ref('int_clock_breaches') }}
),

-- How often those that lasted at least as many whole minutes as this one has by now went on to miss the same target. The clocks are
-- named each time, because DuckDB would keep a CTE that is read several times in memory.
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
        cast(sum(stopped_count) over (partition by clock, target_id order by whole_minutes desc) as int) as comparable_count,
        cast(sum(missed_count) over (partition by clock, target_id order by whole_minutes desc) as int) as missed_count
    from minutes
),

outlook as (
    select
        clocks.incident_id,
        clocks.clock,
        clocks.cycle,
        longer.comparable_count,
        longer.missed_count
    from {{ ref('int_incident_clocks') }} as clocks
    inner join longer
        on clocks.clock = longer.clock
        and clocks.target_id = longer.target_id
        and floor(clocks.business_minutes) = longer.whole_minutes
    where clocks.stopped_at is null
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
