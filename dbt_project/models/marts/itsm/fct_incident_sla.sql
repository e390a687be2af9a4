with clocks as (
    select * from {{ ref('int_incident_clocks') }}
),

business_time as (
    select * from {{ ref('int_incident_business_time') }}
),

-- Without a calendar agreed time is all time.
measured as (
    select
        clocks.*,
        cast(
            case
                when clocks.calendar_id is null
                    then {{ minutes_between('clocks.started_at', 'clocks.measured_until_at') }}
                else coalesce(business_time.business_minutes, 0)
            end as double
        ) as business_minutes
    from clocks
    left join business_time on clocks.incident_id = business_time.incident_id
),

final as (
    select
        incident_id,
        'resolution' as clock,
        service_id,
        priority,
        target_id,
        calendar_id,
        started_at,
        stopped_at,
        target_minutes,
        business_minutes,
        case
            when stopped_at is not null and business_minutes <= target_minutes then 'met'
            when stopped_at is not null then 'missed'
            when business_minutes <= target_minutes then 'running'
            else 'running_late'
        end as state,
        case when stopped_at is not null then business_minutes <= target_minutes end as is_met
    from measured
)

select * from final
