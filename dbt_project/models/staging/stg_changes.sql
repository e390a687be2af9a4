-- A table, because several models read it and finding the newest row of each change costs more than reading it.
{{ config(materialized='table') }}

with newest as (
    {{ newest_known('changes', 'change_id', known_at='updated_at') }}
),

final as (
    select
        change_id,
        change_kind,
        state,
        title,
        service_id,
        ci_id,
        requested_at,
        planned_start_at,
        planned_end_at,
        started_at,
        ended_at,
        outcome,
        updated_at
    from newest
)

select * from final
