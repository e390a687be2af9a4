{{ rebuilt_by('as_of_date') }}

with impacts as (
    select * from {{ ref('stg_change_impact') }}
),

run_window as (
    select as_of_date from {{ ref('stg_run_window') }}
),

final as (
    select
        impacts.change_id,
        impacts.as_of_date,
        impacts.subject_kind,
        impacts.subject_id,
        impacts.metric,
        impacts.unit,
        impacts.relation,
        impacts.before_value,
        impacts.after_value,
        impacts.expected_value,
        impacts.effect_value,
        impacts.effect_ratio,
        impacts.effect_low,
        impacts.effect_high,
        impacts.usual_size,
        impacts.score,
        impacts.p_value,
        impacts.q_value,
        impacts.pre_trend,
        impacts.pre_trend_p_value,
        impacts.is_parallel,
        cast(impacts.control_count as int) as control_count,
        cast(impacts.days_before as int) as days_before,
        cast(impacts.days_after as int) as days_after,
        cast(impacts.placebo_count as int) as placebo_count,
        cast(impacts.nearby_change_count as int) as nearby_change_count,
        impacts.verdict,
        impacts.reason
    from impacts
    inner join run_window on impacts.as_of_date = run_window.as_of_date
)

select * from final
