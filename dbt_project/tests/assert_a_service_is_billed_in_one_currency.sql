{{ config(severity='warn') }}
-- Costs in several currencies stand in rows of their own and are never added: no total of such a service is whole.
select service_id, month_start_date, count(*) as currency_count
from {{ ref('fct_service_cost') }}
group by service_id, month_start_date
having count(*) > 1
