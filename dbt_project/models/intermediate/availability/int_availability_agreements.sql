with services as (
    select * from {{ ref('stg_services') }}
),

targets as (
    select * from {{ ref('stg_targets') }}
    where measure = 'availability_ratio'
),

calendars as (
    select distinct calendar_id from {{ ref('stg_calendars') }}
),

days as (
    select {{ each_day('history_start_date', 'as_of_date') }} as observed_date
    from {{ ref('stg_run_window') }}
),

service_versions as (
    select
        days.observed_date,
        services.service_id,
        services.calendar_id,
        row_number() over (
            partition by days.observed_date, services.service_id order by services.valid_from desc
        ) as version_rank
    from days
    inner join services on {{ holds_on('services', 'days.observed_date') }}
),

target_versions as (
    select
        days.observed_date,
        targets.*,
        row_number() over (
            partition by days.observed_date, targets.target_id order by targets.valid_from desc
        ) as version_rank
    from days
    inner join targets on {{ holds_on('targets', 'days.observed_date') }}
),

candidates as (
    select
        service_versions.observed_date,
        service_versions.service_id,
        service_versions.calendar_id as service_calendar_id,
        target_versions.target_id,
        target_versions.comparator,
        target_versions.target_value,
        target_versions.objective_ratio,
        target_versions.calendar_id as target_calendar_id,
        target_versions.excludes_maintenance,
        target_versions.valid_from,
        target_versions.service_id is not null as is_own,
        max(case when target_versions.service_id is not null then 1 else 0 end) over (
            partition by service_versions.observed_date, service_versions.service_id
        ) as has_own
    from service_versions
    left join target_versions
        on service_versions.observed_date = target_versions.observed_date
        and target_versions.version_rank = 1
        and (target_versions.service_id is null or target_versions.service_id = service_versions.service_id)
    where service_versions.version_rank = 1
),

ranked as (
    select
        *,
        row_number() over (
            partition by observed_date, service_id order by valid_from desc nulls last, target_id
        ) as target_rank
    from candidates
    where is_own or has_own = 0
),

final as (
    select
        ranked.service_id,
        ranked.observed_date,
        ranked.target_id,
        cast(ranked.target_rank as int) as target_rank,
        ranked.comparator,
        ranked.target_value,
        ranked.objective_ratio,
        coalesce(of_target.calendar_id, of_service.calendar_id) as calendar_id,
        coalesce(ranked.excludes_maintenance, false) as excludes_maintenance
    from ranked
    left join calendars as of_target on ranked.target_calendar_id = of_target.calendar_id
    left join calendars as of_service on ranked.service_calendar_id = of_service.calendar_id
)

select * from final
