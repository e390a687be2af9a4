{{ rebuilt_by_incident() }}

-- Its agreement with the customer: others, with teams and suppliers, are no part of the verdict.
with cycles as (
    select
        incident_id,
        goal_minutes,
        elapsed_minutes,
        row_number() over (partition by incident_id order by started_at desc nulls last, cycle_id desc) as newest_rank
    from {{ ref('stg_sla_cycles') }}
    where
        measure = 'incident_resolution_minutes'
        and state <> 'cancelled'
        and coalesce(agreement_kind, 'sla') = 'sla'
        and {{ of_rebuilt_incidents('incident_id') }}
),

final as (
    select
        incident_id,
        max(case when newest_rank = 1 then goal_minutes end) as source_goal_minutes,
        {{ exact_sum('elapsed_minutes') }} as source_elapsed_minutes,
        cast(count(*) as int) as source_cycle_count
    from cycles
    group by incident_id
)

select * from final
{{ in_order_of('incident_id') }}
