{{ rebuilt_by('as_of_date') }}

with fits as (
    select * from {{ ref('stg_scalability_fits') }}
),

run_window as (
    select as_of_date, demand_window_start_date from {{ ref('stg_run_window') }}
),

performance as (
    select * from {{ ref('fct_service_performance_daily') }}
),

busy_hours as (
    select
        performance.service_id,
        {{ percentile('performance.throughput_peak_per_second', 0.95) }} as busy_hour_per_second
    from performance
    inner join run_window
        on performance.observed_date between run_window.demand_window_start_date and run_window.as_of_date
    group by performance.service_id
),

-- What production shows goes before a test of another day and place; a law of throughput alone knows no latency.
ranked as (
    select
        fits.*,
        row_number() over (
            partition by fits.service_id
            order by
                fits.is_refused,
                case fits.method when 'queueing' then 1 when 'load_test' then 2 else 3 end
        ) as method_rank
    from fits
    inner join run_window on fits.as_of_date = run_window.as_of_date
),

final as (
    select
        ranked.service_id,
        ranked.as_of_date,
        ranked.method,
        ranked.method_rank = 1 and not ranked.is_refused as is_preferred,
        ranked.sustainable_per_second,
        ranked.sustainable_per_second_low,
        ranked.sustainable_per_second_high,
        busy_hours.busy_hour_per_second,
        1 - busy_hours.busy_hour_per_second / nullif(ranked.sustainable_per_second, 0) as headroom_ratio,
        ranked.latency_target_seconds,
        ranked.peak_load,
        ranked.peak_load_low,
        ranked.peak_load_high,
        ranked.peak_per_second,
        ranked.peak_per_second_low,
        ranked.peak_per_second_high,
        ranked.limited_by,
        ranked.lambda_per_second,
        ranked.lambda_standard_error,
        ranked.sigma,
        ranked.sigma_standard_error,
        ranked.kappa,
        ranked.kappa_standard_error,
        ranked.rest_latency_seconds,
        ranked.limit_per_second,
        ranked.knee_exponent,
        ranked.r_squared,
        ranked.held_out_ratio,
        ranked.tested_at,
        ranked.first_date,
        ranked.last_date,
        ranked.load_unit,
        ranked.point_count,
        ranked.is_refused,
        ranked.reason,
        ranked.notes
    from ranked
    left join busy_hours on ranked.service_id = busy_hours.service_id
)

select * from final
