with services as (
    select * from {{ ref('stg_services') }}
),

run_window as (
    select as_of_date from {{ ref('stg_run_window') }}
),

ranked as (
    select
        services.*,
        row_number() over (partition by services.service_id order by services.valid_from desc) as version_rank
    from services
    inner join run_window on {{ holds_on('services', 'run_window.as_of_date') }}
),

final as (
    select
        service_id,
        service_name,
        description,
        owner,
        team_id,
        cast(criticality as int) as criticality,
        calendar_id,
        critical_calendar_id,
        valid_from,
        valid_to
    from ranked
    where version_rank = 1
)

select * from final
