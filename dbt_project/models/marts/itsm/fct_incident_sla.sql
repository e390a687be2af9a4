with breaches as (
    select * from {{ ref('int_clock_breaches') }}
),

-- How often those that lasted at least as long as this one has by now went on to miss the same target. Only what that takes
-- is sorted; the model is named twice, because DuckDB would keep a CTE that is read twice in memory.
ranked as (
    select
        incident_id,
        clock,
        cycle,
        stopped_at,
        cast(count(stopped_at) over (
            partition by clock, target_id order by business_minutes desc
        ) as int) as comparable_count,
        cast(count(case when stopped_at is not null and business_minutes > target_minutes then 1 end) over (
            partition by clock, target_id order by business_minutes desc
        ) as int) as missed_count
    from {{ ref('int_incident_clocks') }}
),

outlook as (
    select * from ranked
    where stopped_at is null
),

judged as (
    select
        *,
        case when stopped_at is not null then business_minutes <= target_minutes end as is_met
    from {{ ref('int_incident_clocks') }}
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
