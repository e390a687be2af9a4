{{ rebuilt_by('as_of_date') }}

with computed as (
    select * from {{ ref('stg_capacity_incident_evidence') }}
),

run_window as (
    select as_of_date from {{ ref('stg_run_window') }}
),

final as (
    select
        computed.incident_id,
        computed.as_of_date,
        computed.ci_id,
        computed.resource,
        computed.is_named_ci,
        computed.saturated_minutes,
        computed.peak_usage_ratio,
        computed.started_at,
        computed.ended_at,
        computed.minutes_before_opening,
        cast(computed.evidence_rank as int) as evidence_rank
    from computed
    inner join run_window on computed.as_of_date = run_window.as_of_date
)

select * from final
