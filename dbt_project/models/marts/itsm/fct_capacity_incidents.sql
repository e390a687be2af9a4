{{ rebuilt_by('as_of_date') }}

with computed as (
    select * from {{ ref('stg_capacity_incidents') }}
),

run_window as (
    select as_of_date from {{ ref('stg_run_window') }}
),

final as (
    select
        computed.incident_id,
        computed.as_of_date,
        computed.service_id,
        computed.opened_at,
        computed.verdict,
        computed.reason,
        computed.confidence_ratio,
        computed.scope,
        computed.chance_ratio,
        computed.chance_basis,
        cast(computed.chance_moments as int) as chance_moments,
        computed.service_capacity_ratio,
        computed.service_p_value,
        computed.ci_id,
        computed.resource,
        computed.saturated_minutes,
        computed.peak_usage_ratio,
        computed.started_at,
        cast(computed.evidence_count as int) as evidence_count
    from computed
    inner join run_window on computed.as_of_date = run_window.as_of_date
)

select * from final
