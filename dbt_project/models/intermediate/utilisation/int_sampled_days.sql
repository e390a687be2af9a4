{{ config(built_in_parts=true) }}

-- Samples are summed up as delivered and the sums converted: to join every sample with its rule would cost as much again.
-- The mean of a day comes from its hours (int_resource_days).
with samples as (
    select
        *,
        {{ microseconds_between("timestamp '2001-01-01 00:00:00'", 'observed_at') }}
        % cast(interval_seconds * 1000000 as bigint) as offset_microseconds
    from {{ ref('int_samples') }}
    where {{ in_part('observed_at') }}
),

rules as (
    select * from {{ ref('int_sample_rules_by_day') }}
    where level = 'resource'
),

limits as (
    select * from {{ ref('int_limits_by_day') }}
),

ci_thresholds as (
    select * from {{ ref('int_ci_thresholds_by_day') }}
),

thresholds_without_service as (
    select * from {{ ref('int_thresholds_by_day') }}
    where service_id is null
),

delivered as (
    select
        ci_id,
        metric,
        source_unit,
        kind,
        observed_date,
        count(*) as sample_count,
        max(value) as value_max,
        {{ percentile('value', 0.95) }} as value_p95,
        max(interval_seconds) as interval_seconds,
        min(interval_seconds) = max(interval_seconds)
        and min(offset_microseconds) = max(offset_microseconds)
        and min(elapsed_seconds) >= max(interval_seconds) as is_on_grid
    from samples
    group by ci_id, metric, source_unit, kind, observed_date
),

-- Samples that lie on one grid of their interval stand for equal times, so nothing needs weights.
days as (
    select
        delivered.ci_id,
        rules.resource,
        delivered.observed_date,
        rules.unit,
        min(delivered.metric) as first_metric,
        max(delivered.metric) as last_metric,
        cast(sum(delivered.sample_count) as bigint) as sample_count,
        count(*) = 1 and max(case when delivered.is_on_grid then 1 else 0 end) = 1 as is_regular,
        max(delivered.interval_seconds) as interval_seconds,
        max(rules.factor) as factor,
        max(rules.offset_value) as offset_value,
        max(delivered.value_max * rules.factor + rules.offset_value) as value_max,
        max(delivered.value_p95 * rules.factor + rules.offset_value) as value_p95
    from delivered
    inner join rules
        on delivered.metric = rules.metric
        and delivered.observed_date = rules.observed_date
        and delivered.source_unit = rules.source_unit
        and delivered.kind = rules.kind
    group by delivered.ci_id, rules.resource, delivered.observed_date, rules.unit
),

final as (
    select
        days.*,
        {{ series_key('days.ci_id', 'days.resource') }} as series_key,
        coalesce(limits.limit_value, case when days.unit = '1' then 1.0e0 end) as limit_value,
        coalesce(ci_thresholds.threshold_ratio, thresholds_without_service.threshold_ratio) as threshold_ratio,
        coalesce(limits.limit_value, case when days.unit = '1' then 1.0e0 end)
        * coalesce(ci_thresholds.threshold_ratio, thresholds_without_service.threshold_ratio) as usable_value
    from days
    left join limits
        on days.ci_id = limits.ci_id
        and days.resource = limits.resource
        and days.observed_date = limits.observed_date
    left join ci_thresholds
        on days.ci_id = ci_thresholds.ci_id
        and days.resource = ci_thresholds.resource
        and days.observed_date = ci_thresholds.observed_date
    left join thresholds_without_service
        on days.resource = thresholds_without_service.resource
        and days.observed_date = thresholds_without_service.observed_date
)

select * from final
