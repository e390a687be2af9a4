{{ rebuilt_by('as_of_date') }}

with fits as (
    select * from {{ ref('stg_business_capacity_fits') }}
),

run_window as (
    select as_of_date from {{ ref('stg_run_window') }}
),

final as (
    select
        fits.driver_id,
        fits.driver_name,
        fits.driver_unit,
        fits.service_id,
        fits.pool_id,
        fits.resource,
        fits.as_of_date,
        fits.headroom_kind,
        fits.headroom_units,
        fits.headroom_units_low,
        fits.headroom_units_high,
        not fits.is_refused and row_number() over (
            partition by fits.driver_id, fits.headroom_kind, fits.is_refused
            order by fits.headroom_units, fits.pool_id
        ) = 1 as is_tightest,
        fits.busy_day_units,
        fits.lag_days,
        fits.requests_per_unit,
        fits.requests_per_unit_low,
        fits.requests_per_unit_high,
        fits.requests_error_ratio,
        fits.resource_per_unit,
        fits.resource_per_unit_low,
        fits.resource_per_unit_high,
        fits.resource_error_ratio,
        fits.elasticity_ratio,
        fits.interval_half_width,
        fits.usable_value,
        fits.demand_value,
        fits.day_count,
        fits.is_refused,
        fits.reason
    from fits
    inner join run_window on fits.as_of_date = run_window.as_of_date
)

select * from final
