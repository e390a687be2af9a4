with newest as (
    {{ newest_known('sla_cycles', 'cycle_id', known_at='updated_at') }}
),

final as (
    select
        cycle_id,
        incident_id,
        sla_name,
        agreement_kind,
        measure,
        state,
        started_at,
        stopped_at,
        goal_minutes,
        elapsed_minutes,
        is_breached,
        updated_at
    from newest
)

select * from final
