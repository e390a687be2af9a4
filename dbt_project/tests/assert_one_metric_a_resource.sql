-- Two metrics that measure the same resource of a CI on the same day would be mixed.
select ci_id, resource, observed_date, first_metric, last_metric
from {{ ref('int_sampled_days') }}
where first_metric <> last_metric
