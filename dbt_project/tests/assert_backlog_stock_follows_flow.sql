-- Two paths: tickets counted one by one at the end of each day, and what came and went since the day before.
with days as (
    select
        *,
        coalesce(lag(work_in_progress) over (partition by team_id, ticket_kind order by backlog_date), 0)
            + arrivals + reopenings + transfers_in - completions - transfers_out as expected_work_in_progress
    from {{ ref('fct_backlog_daily') }}
),

-- What leaves one team for another arrives there on the same day.
transfers as (
    select ticket_kind, backlog_date, sum(transfers_in) as transfers_in, sum(transfers_out) as transfers_out
    from {{ ref('fct_backlog_daily') }}
    group by ticket_kind, backlog_date
)

select team_id, ticket_kind, backlog_date, work_in_progress, expected_work_in_progress
from days
where work_in_progress <> expected_work_in_progress
union all
select 'all teams' as team_id, ticket_kind, backlog_date, transfers_in, transfers_out
from transfers
where transfers_in <> transfers_out
