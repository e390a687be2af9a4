with levels as (
    select * from {{ ref('fct_service_levels') }}
    where period in ('week', 'month') and measure <> 'utilisation_ratio'
),

thresholds as (
    select * from {{ ref('stg_watermelon_thresholds') }}
),

green as (
    select
        service_id,
        period,
        period_start_date,
        max(period_end_date) as period_end_date,
        cast(count(*) as int) as met_target_count
    from levels
    group by service_id, period, period_start_date
    having min(case when is_met then 1 else 0 end) = 1
),

periods as (
    select 'week' as period
    union all
    select 'month' as period
),

-- What happened to users by day, with what was counted: a part and a whole that add up over days.
critical_services as (
    select
        services.service_id,
        intervals.open_date as observed_date,
        intervals.opens_at as starts_at,
        intervals.closes_at as ends_at,
        services.valid_from,
        max(services.valid_from) over (partition by services.service_id, intervals.open_date) as newest_from
    from {{ ref('stg_services') }} as services
    inner join {{ ref('int_calendar_open_intervals') }} as intervals
        on services.critical_calendar_id = intervals.calendar_id and {{ holds_on('services', 'intervals.open_date') }}
),

critical_checks as (
    select
        checks.service_id,
        checks.observed_date,
        sum(
            case when checks.state = 'down' then 0 else {{ overlap_microseconds('checks', 'critical') }} end
        ) / 60000000.0e0 as known_minutes,
        sum(
            case when checks.state = 'down' then {{ overlap_microseconds('checks', 'critical') }} else 0 end
        ) / 60000000.0e0 as down_minutes
    from {{ ref('int_check_intervals') }} as checks
    inner join critical_services as critical
        on checks.service_id = critical.service_id
        and checks.observed_date = critical.observed_date
        and critical.valid_from = critical.newest_from
        and {{ overlaps('checks', 'critical') }}
    group by checks.service_id, checks.observed_date
),

requests as (
    select service_id, opened_at, lower(request_kind) = 'complaint' as is_complaint
    from {{ ref('stg_service_requests') }}
    where service_id is not null
),

days as (
    select
        'slow_in_critical_hours' as evidence,
        service_id,
        target_id,
        observed_date,
        total_count - bad_count as part,
        total_count as whole,
        total_count as case_count
    from {{ ref('int_service_level_hours') }}
    where is_critical and measure = 'latency_seconds'
    union all
    select
        'errors_in_critical_hours' as evidence,
        service_id,
        target_id,
        observed_date,
        bad_count as part,
        total_count as whole,
        total_count as case_count
    from {{ ref('int_service_level_hours') }}
    where is_critical and measure = 'error_ratio'
    union all
    select
        'downtime_in_critical_hours' as evidence,
        service_id,
        cast(null as string) as target_id,
        observed_date,
        known_minutes - down_minutes as part,
        known_minutes as whole,
        known_minutes as case_count
    from critical_checks
    union all
    select
        'reopenings' as evidence,
        service_id,
        cast(null as string) as target_id,
        cast(resolved_at as date) as observed_date,
        case when reopen_count > 0 then 1.0e0 else 0.0e0 end as part,
        1.0e0 as whole,
        1.0e0 as case_count
    from {{ ref('fct_incidents') }}
    where resolved_at is not null and service_id is not null
    union all
    select
        'satisfaction' as evidence,
        service_id,
        cast(null as string) as target_id,
        cast(answered_at as date) as observed_date,
        cast(score as double) as part,
        1.0e0 as whole,
        1.0e0 as case_count
    from {{ ref('stg_csat_responses') }}
    union all
    select
        'complaints' as evidence,
        service_id,
        cast(null as string) as target_id,
        cast(opened_at as date) as observed_date,
        case when is_complaint then 1.0e0 else 0.0e0 end as part,
        1.0e0 as whole,
        case when is_complaint then 1.0e0 else 0.0e0 end as case_count
    from requests
),

summed as (
    select
        days.evidence,
        days.service_id,
        days.target_id,
        periods.period,
        case periods.period
            when 'week' then {{ week_of('days.observed_date') }}
            else {{ month_of('days.observed_date') }}
        end as period_start_date,
        {{ exact_sum('days.part', digits=9) }} / nullif({{ exact_sum('days.whole', digits=9) }}, 0) as evidence_value,
        {{ exact_sum('days.case_count', digits=6) }} as case_count
    from days
    cross join periods
    group by
        days.evidence,
        days.service_id,
        days.target_id,
        periods.period,
        case periods.period
            when 'week' then {{ week_of('days.observed_date') }}
            else {{ month_of('days.observed_date') }}
        end
    union all
    select
        'tail_latency' as evidence,
        service_id,
        cast(null as string) as target_id,
        period,
        period_start_date,
        latency_p99_seconds as evidence_value,
        request_count as case_count
    from {{ ref('fct_service_latency') }}
),

-- What a target speaks of is compared with that target, everything else contradicts all of them.
compared as (
    select
        summed.service_id,
        summed.period,
        summed.period_start_date,
        summed.evidence,
        coalesce(levels.target_id, 'all targets') as contradicts,
        summed.evidence_value,
        thresholds.comparator,
        thresholds.threshold_value * case
            when levels.target_id is null then 1.0e0
            when summed.evidence = 'tail_latency' then levels.target_value
            when summed.evidence = 'errors_in_critical_hours' and levels.objective_ratio is null then levels.target_value
            when summed.evidence = 'errors_in_critical_hours' then 1 - levels.slo_ratio
            else levels.slo_ratio
        end as threshold_value,
        summed.case_count
    from summed
    inner join thresholds
        on summed.evidence = thresholds.evidence and summed.case_count >= thresholds.minimum_count
    left join levels
        on summed.service_id = levels.service_id
        and summed.period = levels.period
        and summed.period_start_date = levels.period_start_date
        and levels.measure = case summed.evidence
            when 'tail_latency' then 'latency_seconds'
            when 'slow_in_critical_hours' then 'latency_seconds'
            when 'errors_in_critical_hours' then 'error_ratio'
            when 'downtime_in_critical_hours' then 'availability_ratio'
        end
        and (summed.target_id is null or summed.target_id = levels.target_id)
        and (summed.evidence <> 'downtime_in_critical_hours' or levels.counted = 'minutes')
    where levels.target_id is not null or summed.evidence in ('reopenings', 'satisfaction', 'complaints')
),

final as (
    select
        compared.service_id,
        compared.period,
        compared.period_start_date,
        green.period_end_date,
        compared.evidence,
        compared.contradicts,
        compared.evidence_value,
        compared.comparator,
        compared.threshold_value,
        case
            when compared.evidence = 'tail_latency' then 's'
            when compared.evidence = 'satisfaction' then '{score}'
            else '1'
        end as unit,
        compared.case_count,
        green.met_target_count
    from compared
    inner join green
        on compared.service_id = green.service_id
        and compared.period = green.period
        and compared.period_start_date = green.period_start_date
    where case compared.comparator
        when '>' then compared.evidence_value > compared.threshold_value
        else compared.evidence_value < compared.threshold_value
    end
)

select * from final
