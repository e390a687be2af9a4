with landed as (
    select * from {{ source('landing', 'load_tests') }}
),

run_window as (
    select as_of_at from {{ ref('stg_run_window') }}
),

known as (
    select landed.*
    from landed
    inner join run_window on landed.tested_at < run_window.as_of_at
),

newest as (
    {{ newest_receipt('known', ['service_id', 'tested_at', 'load']) }}
),

final as (
    select
        service_id,
        tested_at,
        load,
        load_unit,
        throughput_per_second,
        latency_mean_seconds,
        latency_p95_seconds,
        error_ratio
    from newest
)

select * from final
