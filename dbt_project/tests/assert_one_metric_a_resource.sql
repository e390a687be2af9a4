-- Two metrics that measure the same resource of a CI on the same day would be mixed.
select ci_id, resource, observed_date, count(distinct metric) as metric_count
from {{ ref('int_sampled_hours') }}
group by ci_id, resource, observed_date
having count(distinct metric) > 1
