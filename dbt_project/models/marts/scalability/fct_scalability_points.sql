{{ rebuilt_by('as_of_date') }}

with points as (
    select * from {{ ref('stg_scalability_points') }}
),

run_window as (
    select as_of_date from {{ ref('stg_run_window') }}
),

final as (
    select
        points.service_id,
        points.as_of_date,
        points.method,
        points.series,
        points.point_number,
        points.load,
        points.throughput_per_second,
        points.latency_seconds
    from points
    inner join run_window on points.as_of_date = run_window.as_of_date
)

select * from final
