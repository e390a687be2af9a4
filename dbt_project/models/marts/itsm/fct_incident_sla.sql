with clocks as (
    select * from {{ ref('int_incident_clocks') }}
),

breaches as (
    select * from {{ ref('int_clock_breaches') }}
),

judged as (
    select
        *,
        case when stopped_at is not null then business_minutes <= target_minutes end as is_met
    from clocks
),

-- How often those that lasted at least as long as this one has by now went on to miss the same target.
outlook as (
    select
        *,
        cast(count(is_met) over (
            partition by clock, target_id order by business_minutes desc
        ) as int) as comparable_count,
        cast(count(case when not is_met then 1 end) over (
            partition by clock, target_id order by business_minutes desc
        ) as int) as missed_count
    from judged
),

final as (
    select
        outlook.incident_id,
        outlook.clock,
        outlook.cycle,
        outlook.service_id,
        outlook.priority,
        outlook.target_id,
        outlook.calendar_id,
        outlook.started_at,
        outlook.stopped_at,
        outlook.target_minutes,
        outlook.business_minutes,
        case
            when outlook.is_met then 'met'
            when not outlook.is_met then 'missed'
            when outlook.business_minutes > outlook.target_minutes then 'running_late'
            when outlook.is_paused then 'paused'
            else 'running'
        end as state,
        outlook.is_met,
        case when outlook.stopped_at is null then outlook.target_minutes - outlook.business_minutes end as minutes_left,
        breaches.breach_at,
        case
            when outlook.stopped_at is not null then null
            when outlook.business_minutes > outlook.target_minutes then 1.0e0
            when outlook.comparable_count >= 10 then outlook.missed_count / cast(outlook.comparable_count as double)
        end as breach_probability,
        case when outlook.stopped_at is null then outlook.comparable_count end as comparable_count
    from outlook
    left join breaches
        on outlook.incident_id = breaches.incident_id
        and outlook.clock = breaches.clock
        and outlook.cycle = breaches.cycle
)

select * from final
