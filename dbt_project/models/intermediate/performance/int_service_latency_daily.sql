with histograms as (
    select * from {{ ref('int_latency_histogram_daily') }}
),

buckets as (
    select * from {{ ref('int_latency_buckets') }}
),

measurements as (
    select * from {{ ref('int_service_measurements') }}
),

histogram_coverage as (
    select service_id, observed_date, ci_id, metric, observed_at, max(interval_seconds) as interval_seconds
    from buckets
    group by service_id, observed_date, ci_id, metric, observed_at
),

histogram_days as (
    select
        service_id,
        observed_date,
        {{ exact_sum('interval_seconds') }} / (86400 * count(distinct ci_id)) as coverage_ratio
    from histogram_coverage
    group by service_id, observed_date
),

from_histograms as (
    select
        histograms.service_id,
        histograms.observed_date,
        1 as basis_rank,
        'histogram' as latency_basis,
        {{ histogram_percentile(0.5) }} as latency_p50_seconds,
        {{ histogram_percentile(0.95) }} as latency_p95_seconds,
        {{ histogram_percentile(0.99) }} as latency_p99_seconds,
        max(histogram_days.coverage_ratio) as coverage_ratio
    from histograms
    inner join histogram_days
        on histograms.service_id = histogram_days.service_id
        and histograms.observed_date = histogram_days.observed_date
    group by histograms.service_id, histograms.observed_date
),

from_samples as (
    select
        service_id,
        observed_date,
        2 as basis_rank,
        'samples' as latency_basis,
        {{ percentile('value', 0.5) }} as latency_p50_seconds,
        {{ percentile('value', 0.95) }} as latency_p95_seconds,
        {{ percentile('value', 0.99) }} as latency_p99_seconds,
        {{ exact_sum('interval_seconds') }} / (86400 * count(distinct ci_id)) as coverage_ratio
    from measurements
    where resource = 'response_time'
    group by service_id, observed_date
),

-- Percentiles that a source computed cannot be put together again, so only a day of one value has a percentile.
from_percentile_series as (
    select
        service_id,
        observed_date,
        3 as basis_rank,
        'percentile series' as latency_basis,
        cast(null as double) as latency_p50_seconds,
        case when count(*) = 1 then max(value) end as latency_p95_seconds,
        cast(null as double) as latency_p99_seconds,
        {{ exact_sum('interval_seconds') }} / (86400 * count(distinct ci_id)) as coverage_ratio
    from measurements
    where resource = 'latency_p95'
    group by service_id, observed_date
),

all_bases as (
    select * from from_histograms
    union all
    select * from from_samples
    union all
    select * from from_percentile_series
),

ranked as (
    select
        *,
        row_number() over (partition by service_id, observed_date order by basis_rank) as preference
    from all_bases
),

final as (
    select
        service_id,
        observed_date,
        latency_basis,
        latency_p50_seconds,
        latency_p95_seconds,
        latency_p99_seconds,
        least(1.0e0, coverage_ratio) as coverage_ratio
    from ranked
    where preference = 1
)

select * from final
