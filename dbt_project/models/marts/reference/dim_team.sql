with teams as (
    select * from {{ ref('stg_teams') }}
),

final as (
    select team_id, team_name, calendar_id, headcount, ticket_hours_per_week
    from teams
)

select * from final
