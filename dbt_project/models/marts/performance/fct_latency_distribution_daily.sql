{{ rebuilt_by('observed_date') }}

with latency as (
    select service_id, observed_date, latency_basis from {{ ref('int_service_latency_daily') }}
),

histograms as (
    select * from {{ ref('int_latency_histogram_daily') }}
),

measurements as (
    select * from {{ ref('int_service_measurements') }}
    where resource = 'response_time'
),

sketches as (
    select
        service_id,
        observed_date,
        {{ sketch_bucket('value') }} as bucket,
        count(*) as request_count
    from measurements
    group by service_id, observed_date, {{ sketch_bucket('value') }}
),

buckets as (
    select
        service_id,
        observed_date,
        'histogram' as latency_basis,
        upper_bound as bucket_seconds,
        bucket_count as request_count
    from histograms
    union all
    select
        service_id,
        observed_date,
        'samples' as latency_basis,
        {{ sketch_value('bucket') }} as bucket_seconds,
        cast(request_count as double) as request_count
    from sketches
),

final as (
    select
        buckets.service_id,
        buckets.observed_date,
        buckets.latency_basis,
        buckets.bucket_seconds,
        buckets.request_count
    from buckets
    inner join latency
        on buckets.service_id = latency.service_id
        and buckets.observed_date = latency.observed_date
        and buckets.latency_basis = latency.latency_basis
)

select * from final
