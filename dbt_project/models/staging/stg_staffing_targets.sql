with landed as (
    select * from {{ source('landing', 'staffing_targets') }}
),

run_window as (
    select as_of_date from {{ ref('stg_run_window') }}
),

newest as (
    {{ newest_receipt('landed', ['target_id', 'valid_from']) }}
),

holding as (
    select newest.*
    from newest
    inner join run_window on {{ holds_on('newest', 'run_window.as_of_date') }}
),

-- What is recorded for all teams replaces the default of its work and kind of ticket.
general as (
    select distinct work, ticket_kind from holding where team_id is null
),

final as (
    select
        target_id,
        team_id,
        work,
        ticket_kind,
        cast(max_priority as int) as max_priority,
        respond_within_minutes,
        target_ratio,
        handling_minutes,
        backlog_age_days,
        cast(within_weeks as int) as within_weeks,
        valid_from,
        valid_to,
        approved_by,
        approved_at
    from holding
    union all
    select
        defaults.target_id,
        cast(null as string) as team_id,
        defaults.work,
        defaults.ticket_kind,
        defaults.max_priority,
        defaults.respond_within_minutes,
        defaults.target_ratio,
        cast(null as double) as handling_minutes,
        defaults.backlog_age_days,
        defaults.within_weeks,
        cast(null as date) as valid_from,
        cast(null as date) as valid_to,
        'default' as approved_by,
        cast(null as timestamp) as approved_at
    from {{ ref('default_staffing_targets') }} as defaults
    left join general on defaults.work = general.work and defaults.ticket_kind = general.ticket_kind
    where general.work is null
)

select * from final
