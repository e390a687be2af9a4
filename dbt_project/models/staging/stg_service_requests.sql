-- What came in by the end of the as-of day counts, even when the row was updated later.
with newest as (
    {{ newest_known('service_requests', 'request_id', known_at='opened_at') }}
),

final as (
    select
        request_id,
        request_kind,
        service_id,
        team_id,
        state,
        opened_at,
        fulfilled_at,
        updated_at
    from newest
)

select * from final
