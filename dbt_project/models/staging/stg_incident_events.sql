{%- set columns = [
    'incident_id',
    'event_sequence',
    'updated_at',
    'state',
    'priority',
    'title',
    'category',
    'service_id',
    'ci_id',
    'team_id',
    'opened_at',
    'resolved_at',
    'closed_at',
    'reassignment_count',
    'reopen_count',
    'problem_id',
    'is_major',
    'source_made_sla',
    'is_derived'
] -%}
-- Millions of updates, few of which come twice: only those are sorted. The source is named each time, because DuckDB
-- would keep a CTE that is read several times in memory.
with repeated as (
    select incident_id, event_sequence
    from {{ source('landing', 'incidents') }}
    group by incident_id, event_sequence
    having count(*) > 1
),

single as (
    select landed.*
    from {{ source('landing', 'incidents') }} as landed
    left join repeated
        on landed.incident_id = repeated.incident_id
        and landed.event_sequence = repeated.event_sequence
    where
        repeated.incident_id is null
        and {{ is_not_deleted('incidents', 'incident_id') }}
),

several as (
    select landed.*
    from {{ source('landing', 'incidents') }} as landed
    inner join repeated
        on landed.incident_id = repeated.incident_id
        and landed.event_sequence = repeated.event_sequence
    where {{ is_not_deleted('incidents', 'incident_id') }}
),

newest as (
    {{ newest_receipt('several', ['incident_id', 'event_sequence']) }}
),

final as (
    select {{ columns | join(', ') }} from single
    union all
    select {{ columns | join(', ') }} from newest
)

select * from final
