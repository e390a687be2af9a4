with targets as (
    select * from {{ ref('int_targets_by_day') }}
    where measure in ('availability_ratio', 'latency_seconds', 'apdex_threshold_seconds', 'error_ratio', 'throughput_per_second')
),

services as (
    select distinct service_id from {{ ref('stg_services') }}
),

candidates as (
    select
        targets.observed_date,
        services.service_id,
        targets.measure,
        targets.target_id,
        targets.comparator,
        targets.target_value,
        targets.objective_ratio,
        targets.calendar_id,
        targets.valid_from,
        targets.service_id is not null as is_own,
        max(case when targets.service_id is not null then 1 else 0 end) over (
            partition by targets.observed_date, services.service_id, targets.measure
        ) as has_own
    from targets
    inner join services on targets.service_id is null or targets.service_id = services.service_id
),

-- A target without service holds for every service that has none of its own.
final as (
    select
        observed_date,
        service_id,
        measure,
        target_id,
        comparator,
        target_value,
        objective_ratio,
        calendar_id,
        row_number() over (
            partition by observed_date, service_id, measure order by valid_from desc, target_id
        ) as target_rank
    from candidates
    where is_own or has_own = 0
)

select * from final
