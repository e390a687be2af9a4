{{ config(severity='warn') }}
-- Service-level metrics of a CI that the service map gives to no service, or to several, tell nobody's quality.
with measured as (
    select distinct ci_id, metric, observed_date
    from {{ ref('int_measurements') }}
    where level = 'service'
)

select distinct measured.ci_id, measured.metric
from measured
left join {{ ref('int_service_endpoints_by_day') }} as endpoints
    on measured.ci_id = endpoints.ci_id and measured.observed_date = endpoints.observed_date
where endpoints.ci_id is null
