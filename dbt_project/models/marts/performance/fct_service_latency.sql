with run_window as (
    select as_of_date from {{ ref('stg_run_window') }}
),

days as (
    select distribution.*, run_window.as_of_date
    from {{ ref('fct_latency_distribution_daily') }} as distribution
    inner join run_window on distribution.observed_date <= run_window.as_of_date
),

performance as (
    select service_id, observed_date, coverage_ratio from {{ ref('fct_service_performance_daily') }}
),

service_days as (
    select distinct service_id, observed_date, as_of_date, latency_basis from days
),

periods as (
    select
        service_id,
        observed_date,
        latency_basis,
        'week' as period,
        {{ week_of('observed_date') }} as period_start_date,
        least({{ add_days(week_of('observed_date'), 6) }}, as_of_date) as period_end_date
    from service_days
    union all
    select
        service_id,
        observed_date,
        latency_basis,
        'month' as period,
        {{ month_of('observed_date') }} as period_start_date,
        least({{ end_of_month('observed_date') }}, as_of_date) as period_end_date
    from service_days
    union all
    select
        service_id,
        observed_date,
        latency_basis,
        'last_30_days' as period,
        {{ add_days('as_of_date', -29) }} as period_start_date,
        as_of_date as period_end_date
    from service_days
    where observed_date >= {{ add_days('as_of_date', -29) }}
),

-- Histograms and sketches do not merge: a period counts the days of its better source, which is the first by name.
preferred as (
    select
        *,
        min(latency_basis) over (partition by service_id, period, period_start_date) as preferred_basis
    from periods
),

counted_days as (
    select * from preferred
    where latency_basis = preferred_basis
),

merged as (
    select
        counted_days.service_id,
        counted_days.period,
        counted_days.period_start_date,
        counted_days.latency_basis,
        days.bucket_seconds as upper_bound,
        {{ exact_sum('days.request_count', digits=6) }} as bucket_count
    from counted_days
    inner join days
        on counted_days.service_id = days.service_id
        and counted_days.observed_date = days.observed_date
        and counted_days.latency_basis = days.latency_basis
    group by
        counted_days.service_id,
        counted_days.period,
        counted_days.period_start_date,
        counted_days.latency_basis,
        days.bucket_seconds
),

running as (
    select
        *,
        lag(upper_bound) over (partition by service_id, period, period_start_date order by upper_bound) as lower_bound,
        sum(bucket_count) over (
            partition by service_id, period, period_start_date
            order by upper_bound
            rows between unbounded preceding and current row
        ) as cumulative_count,
        sum(bucket_count) over (
            partition by service_id, period, period_start_date
            order by upper_bound
            rows between unbounded preceding and unbounded following
        ) as total_count
    from merged
),

percentiles as (
    select
        service_id,
        period,
        period_start_date,
        latency_basis,
        max(total_count) as request_count,
        {%- for fraction, name in [(0.5, 'p50'), (0.95, 'p95'), (0.99, 'p99')] %}
        case
            when latency_basis = 'histogram' then {{ histogram_percentile(fraction) }}
            else min(case when cumulative_count >= {{ fraction }} * total_count then upper_bound end)
        end as latency_{{ name }}_seconds{{ ',' if not loop.last }}
        {%- endfor %}
    from running
    group by service_id, period, period_start_date, latency_basis
),

coverage as (
    select
        counted_days.service_id,
        counted_days.period,
        counted_days.period_start_date,
        max(counted_days.period_end_date) as period_end_date,
        cast(count(*) as int) as day_count,
        {{ exact_sum('performance.coverage_ratio') }} as covered_days
    from counted_days
    inner join performance
        on counted_days.service_id = performance.service_id
        and counted_days.observed_date = performance.observed_date
    group by counted_days.service_id, counted_days.period, counted_days.period_start_date
),

covered as (
    select
        percentiles.*,
        coverage.period_end_date,
        coverage.day_count,
        least(
            1.0e0,
            coalesce(coverage.covered_days, 0.0e0)
            / (1 + {{ days_between('percentiles.period_start_date', 'coverage.period_end_date') }})
        ) as coverage_ratio
    from percentiles
    inner join coverage
        on percentiles.service_id = coverage.service_id
        and percentiles.period = coverage.period
        and percentiles.period_start_date = coverage.period_start_date
),

final as (
    select
        service_id,
        period,
        period_start_date,
        period_end_date,
        latency_basis,
        request_count,
        latency_p50_seconds,
        latency_p95_seconds,
        latency_p99_seconds,
        day_count,
        coverage_ratio,
        coverage_ratio < {{ var('low_coverage_ratio') }} as is_low_coverage
    from covered
)

select * from final
