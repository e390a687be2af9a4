-- L = λ × W over the whole history, times its length: the area under the work in progress is the time that the tickets
-- spent in the backlog. One side adds up days of teams, the other tickets.
with areas as (
    select ticket_kind, {{ exact_sum('ticket_days', 9) }} as ticket_days
    from {{ ref('fct_backlog_daily') }}
    group by ticket_kind
),

tickets as (
    select 'incident' as ticket_kind, open_minutes from {{ ref('fct_incidents') }}
    union all
    select 'service_request' as ticket_kind, open_minutes from {{ ref('fct_service_requests') }}
    union all
    select 'problem' as ticket_kind, open_minutes from {{ ref('fct_problems') }}
),

times as (
    select ticket_kind, {{ exact_sum('open_minutes', 9) }} / 1440 as ticket_days
    from tickets
    group by ticket_kind
)

select
    coalesce(areas.ticket_kind, times.ticket_kind) as ticket_kind,
    areas.ticket_days as days_under_the_stock,
    times.ticket_days as days_of_the_tickets
from areas
full join times on areas.ticket_kind = times.ticket_kind
where coalesce(abs(areas.ticket_days - times.ticket_days), 1) > 0.000001 * greatest(1, times.ticket_days)
