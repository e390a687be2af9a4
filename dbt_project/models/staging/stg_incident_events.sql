with landed as (
    select * from {{ source('landing', 'incidents') }}
),

newest as (
    {{ newest_receipt('landed', ['incident_id', 'event_sequence']) }}
),

final as (
    select
        incident_id,
        event_sequence,
        updated_at,
        state,
        priority,
        title,
        category,
        service_id,
        ci_id,
        team_id,
        opened_at,
        resolved_at,
        closed_at,
        reassignment_count,
        reopen_count,
        problem_id,
        is_major,
        source_made_sla,
        is_derived
    from newest
)

select * from final
