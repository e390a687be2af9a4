with run_days as (
    select observed_date from {{ ref('stg_run_days') }}
),

run_window as (
    select as_of_date from {{ ref('stg_run_window') }}
),

final as (
    select observed_date from run_days
    union
    select as_of_date from run_window
)

select * from final
