{{ config(severity='warn') }}
-- Service-level metrics of a CI that the service map gives to no service, or to several, tell nobody's quality.
select distinct measurements.ci_id, measurements.metric
from {{ ref('int_measurements') }} as measurements
left join {{ ref('int_service_endpoints_by_day') }} as endpoints
    on measurements.ci_id = endpoints.ci_id and measurements.observed_date = endpoints.observed_date
where measurements.level = 'service' and endpoints.ci_id is null
