{{ rebuilt_by('as_of_date') }}

with baselines as (
    select * from {{ ref('stg_resource_baselines') }}
),

run_window as (
    select as_of_date from {{ ref('stg_run_window') }}
),

final as (
    select
        baselines.ci_id,
        baselines.resource,
        baselines.as_of_date,
        baselines.weekday,
        baselines.hour,
        baselines.zone,
        baselines.basis,
        baselines.expected_value,
        baselines.mad_value,
        baselines.scale_value
    from baselines
    inner join run_window on baselines.as_of_date = run_window.as_of_date
)

select * from final
