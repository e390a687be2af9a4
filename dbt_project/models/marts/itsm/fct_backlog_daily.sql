{{ config(
    materialized='table' if target.type == 'spark' else 'incremental',
    incremental_strategy=none if target.type == 'spark' else 'append',
    pre_hook="{{ forget_backlog_from(ref('int_ticket_stays')) }}"
) }}
{#- From this day on the backlog has changed; the day before is counted as well, because a day begins with what it left. -#}
{%- set first_day = first_changed_backlog_day(ref('int_ticket_stays')) -%}
{%- set day_before = add_days(first_day, -1) if first_day -%}
-- The stays are named where they are read: DuckDB would keep a CTE that is read several times in memory.
with run_window as (
    select as_of_date from {{ ref('stg_run_window') }}
),

-- Flows: what came in and went out on each day, and for how much of the day it was there.
moves as (
    select
        team_id,
        ticket_kind,
        entered_date as backlog_date,
        case when entry = 'arrival' then 1 else 0 end as arrivals,
        case when entry = 'reopening' then 1 else 0 end as reopenings,
        case when entry = 'transfer' then 1 else 0 end as transfers_in,
        0 as completions,
        0 as transfers_out,
        {{ microseconds_between('entered_at', 'cast(' ~ add_days('entered_date', 1) ~ ' as timestamp)') }} as microseconds
    from {{ ref('int_ticket_stays') }}
    {% if first_day %}where entered_date >= {{ first_day }}{% endif %}
    union all
    select
        team_id,
        ticket_kind,
        left_date as backlog_date,
        0 as arrivals,
        0 as reopenings,
        0 as transfers_in,
        case when departure = 'completion' then 1 else 0 end as completions,
        case when departure = 'transfer' then 1 else 0 end as transfers_out,
        -{{ microseconds_between('left_at', 'cast(' ~ add_days('left_date', 1) ~ ' as timestamp)') }} as microseconds
    from {{ ref('int_ticket_stays') }}
    where left_at is not null {% if first_day %}and left_date >= {{ first_day }}{% endif %}
),

flows as (
    select
        team_id,
        ticket_kind,
        backlog_date,
        cast(sum(arrivals) as int) as arrivals,
        cast(sum(reopenings) as int) as reopenings,
        cast(sum(transfers_in) as int) as transfers_in,
        cast(sum(completions) as int) as completions,
        cast(sum(transfers_out) as int) as transfers_out,
        cast(sum(microseconds) as bigint) as microseconds
    from moves
    group by team_id, ticket_kind, backlog_date
),

reach as (
    select
        stays.team_id,
        stays.ticket_kind,
        {% if first_day %}greatest(min(stays.entered_date), {{ day_before }}){% else %}min(stays.entered_date){% endif %} as first_date,
        max(run_window.as_of_date) as last_date
    from {{ ref('int_ticket_stays') }} as stays
    cross join run_window
    group by stays.team_id, stays.ticket_kind
),

days as (
    select team_id, ticket_kind, {{ each_day('first_date', 'last_date') }} as backlog_date
    from reach
),

-- Stock: the tickets that were there at the end of each day, one row each.
standing as (
    select
        stays.team_id,
        stays.ticket_kind,
        stays.opened_at,
        {{ each_day(
            'greatest(stays.entered_date, ' ~ day_before ~ ')' if first_day else 'stays.entered_date',
            'coalesce(' ~ add_days('stays.left_date', -1) ~ ', run_window.as_of_date)'
        ) }} as backlog_date
    from {{ ref('int_ticket_stays') }} as stays
    cross join run_window
    where (stays.left_date is null or stays.left_date > stays.entered_date)
        {% if first_day %}and (stays.left_date is null or stays.left_date > {{ day_before }}){% endif %}
),

aged as (
    select
        team_id,
        ticket_kind,
        backlog_date,
        {{ minutes_between('opened_at', 'cast(' ~ add_days('backlog_date', 1) ~ ' as timestamp)') }} / 1440 as age_days
    from standing
),

stocks as (
    select
        team_id,
        ticket_kind,
        backlog_date,
        cast(count(*) as int) as work_in_progress,
        {{ percentile('age_days', 0.5) }} as age_days_p50,
        {{ percentile('age_days', 0.9) }} as age_days_p90,
        max(age_days) as oldest_days
    from aged
    group by team_id, ticket_kind, backlog_date
),

joined as (
    select
        days.team_id,
        days.ticket_kind,
        days.backlog_date,
        coalesce(flows.arrivals, 0) as arrivals,
        coalesce(flows.reopenings, 0) as reopenings,
        coalesce(flows.transfers_in, 0) as transfers_in,
        coalesce(flows.completions, 0) as completions,
        coalesce(flows.transfers_out, 0) as transfers_out,
        coalesce(stocks.work_in_progress, 0) as work_in_progress,
        coalesce(flows.microseconds, 0) as microseconds,
        stocks.age_days_p50,
        stocks.age_days_p90,
        stocks.oldest_days
    from days
    left join flows
        on days.team_id = flows.team_id
        and days.ticket_kind = flows.ticket_kind
        and days.backlog_date = flows.backlog_date
    left join stocks
        on days.team_id = stocks.team_id
        and days.ticket_kind = stocks.ticket_kind
        and days.backlog_date = stocks.backlog_date
),

final as (
    select
        team_id,
        ticket_kind,
        backlog_date,
        arrivals,
        reopenings,
        transfers_in,
        completions,
        transfers_out,
        work_in_progress,
        coalesce(lag(work_in_progress) over (partition by team_id, ticket_kind order by backlog_date), 0)
            + microseconds / 86400000000.0e0 as ticket_days,
        age_days_p50,
        age_days_p90,
        oldest_days
    from joined
)

select * from final
{% if first_day %}where backlog_date >= {{ first_day }}{% endif %}
