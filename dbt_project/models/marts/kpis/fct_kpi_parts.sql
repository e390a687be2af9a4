{{ rebuilt_by('as_of_date') }}

with parts as (
    select * from {{ ref('int_kpi_values') }}
    where scope = 'service'
),

run_window as (
    select as_of_date from {{ ref('stg_run_window') }}
),

final as (
    select
        parts.kpi_id,
        parts.period,
        parts.period_start_date,
        run_window.as_of_date,
        parts.service_id,
        parts.numerator,
        parts.denominator,
        parts.value,
        parts.is_met
    from parts
    cross join run_window
)

select * from final
