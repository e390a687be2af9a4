with run_window as (
    select as_of_date, as_of_at from {{ ref('stg_run_window') }}
),

service_level_days as (
    select * from {{ ref('int_service_level_days') }}
),

incident_sla as (
    select * from {{ ref('fct_incident_sla') }}
),

targets as (
    select * from {{ ref('stg_targets') }}
),

measured as (
    select
        days.service_id,
        days.target_id,
        {{ month_of('days.observed_date') }} as period_start_date,
        days.good_count,
        days.total_count,
        days.numerator,
        days.denominator
    from service_level_days as days
    inner join run_window on days.observed_date <= run_window.as_of_date
    union all
    select
        service_id,
        target_id,
        {{ month_of('stopped_at') }} as period_start_date,
        case when is_met then 1.0e0 else 0.0e0 end as good_count,
        1.0e0 as total_count,
        case when is_met then 1.0e0 else 0.0e0 end as numerator,
        1.0e0 as denominator
    from incident_sla
    where stopped_at is not null and service_id is not null
),

periods as (
    select
        service_id,
        target_id,
        period_start_date,
        {{ exact_sum('good_count', digits=6) }} as good_count,
        {{ exact_sum('total_count', digits=6) }} as total_count,
        {{ exact_sum('numerator') }} as numerator,
        {{ exact_sum('denominator') }} as denominator
    from measured
    group by service_id, target_id, period_start_date
),

-- A target may change within a month; the month is reported against the version that held last in it.
versioned as (
    select
        periods.*,
        targets.measure,
        targets.priority,
        targets.comparator,
        targets.target_value,
        targets.objective_ratio,
        targets.approved_by,
        targets.approved_at,
        row_number() over (
            partition by periods.service_id, periods.target_id, periods.period_start_date
            order by targets.valid_from desc
        ) as version_rank
    from periods
    inner join targets
        on periods.target_id = targets.target_id
        and {{ month_of('targets.valid_from') }} <= periods.period_start_date
    inner join run_window on targets.valid_from <= run_window.as_of_date
),

valued as (
    select
        *,
        measure in ('availability_ratio', 'error_ratio') and objective_ratio is null as is_by_value,
        case
            when measure in ('availability_ratio', 'error_ratio') and objective_ratio is null
                then numerator / nullif(denominator, 0)
            else good_count / nullif(total_count, 0)
        end as actual_value
    from versioned
    where version_rank = 1
),

final as (
    select
        service_id,
        target_id,
        measure,
        cast(priority as int) as priority,
        period_start_date,
        comparator,
        target_value,
        objective_ratio,
        actual_value,
        good_count,
        total_count,
        case
            when not is_by_value then actual_value >= coalesce(objective_ratio, 1)
            when comparator = '<=' then actual_value <= target_value
            else actual_value >= target_value
        end as is_met,
        approved_by,
        approved_at
    from valued
)

select * from final
