with newest as (
    {{ newest_known('problems', 'problem_id', known_at='opened_at') }}
),

final as (
    select
        problem_id,
        title,
        service_id,
        ci_id,
        team_id,
        state,
        root_cause,
        workaround,
        change_id,
        opened_at,
        known_error_at,
        resolved_at,
        updated_at
    from newest
)

select * from final
