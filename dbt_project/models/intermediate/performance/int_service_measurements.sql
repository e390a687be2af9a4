with measurements as (
    select * from {{ ref('int_measurements') }}
    where level = 'service'
),

endpoints as (
    select * from {{ ref('int_service_endpoints_by_day') }}
),

final as (
    select
        endpoints.service_id,
        measurements.ci_id,
        measurements.metric,
        measurements.resource,
        measurements.observed_at,
        measurements.hour_at,
        measurements.observed_date,
        measurements.value,
        measurements.interval_seconds,
        measurements.elapsed_seconds
    from measurements
    inner join endpoints
        on measurements.ci_id = endpoints.ci_id and measurements.observed_date = endpoints.observed_date
)

select * from final
