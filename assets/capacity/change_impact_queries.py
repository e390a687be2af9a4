"""What the analysis of changes reads from the warehouse: series of the last 120 days, and the changes of these days."""

from __future__ import annotations

_SERIES = """
with w as (select as_of_date from landing.run_window),

recent as (
    select hours.ci_id, hours.resource, hours.hour_at, hours.observed_date, hours.demand_avg
    from marts.fct_resource_utilisation_hourly as hours
    cross join w
    where hours.observed_date > w.as_of_date - 120 and hours.observed_date <= w.as_of_date
),

kinds as (select ci_id, min(ci_kind) as ci_kind from marts.dim_ci group by ci_id),

metrics(metric, unit) as (values ('throughput', '/s'), ('latency_p95', 's'), ('error_ratio', '1')),

measured as (
    select distinct performance.service_id
    from marts.fct_service_performance_daily as performance
    cross join w
    where performance.observed_date > w.as_of_date - 120 and performance.observed_date <= w.as_of_date
),

named as (
    select
        'ci' as subject_kind, ci_id as subject_id, resource || '_utilisation' as metric, '1' as unit, ci_kind,
        ci_id || '/' || resource as profile
    from (select distinct ci_id, resource from recent)
    left join kinds using (ci_id)
    union all
    select 'service', service_id, metric, unit, null, service_id || '/throughput'
    from measured cross join metrics
),

numbered as (
    select *, cast(row_number() over (order by subject_kind, subject_id, metric) - 1 as bigint) as series from named
)
"""

#: Daily latency and error ratio have no hours of their own: controls are chosen by the profile of the throughput.
SERIES = f"""
{_SERIES}
select
    series, subject_kind, subject_id, metric, unit, ci_kind,
    case
        when subject_kind = 'service'
            then max(case when metric = 'throughput' then series end) over (partition by subject_kind, subject_id)
        else series
    end as profile_series
from numbered
order by series
"""  # noqa: S608  the text above, nothing from outside

HOURS = f"""
{_SERIES},

days as (select ci_id, resource, observed_date, limit_value from marts.fct_resource_utilisation_daily)

select
    numbered.series,
    cast(epoch(recent.hour_at) // 3600 as bigint) as hour,
    recent.demand_avg / coalesce(nullif(days.limit_value, 0), 1) as value
from recent
inner join numbered
    on numbered.subject_kind = 'ci'
    and numbered.subject_id = recent.ci_id
    and numbered.metric = recent.resource || '_utilisation'
left join days using (ci_id, resource, observed_date)
union all
select numbered.series, cast(epoch(hours.hour_at) // 3600 as bigint), hours.throughput_per_second
from marts.fct_service_performance_hourly as hours
inner join numbered on numbered.metric = 'throughput' and numbered.subject_id = hours.service_id
cross join w
where hours.observed_date > w.as_of_date - 120 and hours.observed_date <= w.as_of_date
    and hours.throughput_per_second is not null
union all
select
    numbered.series,
    cast(epoch(days.observed_date) // 3600 as bigint),
    case when numbered.metric = 'error_ratio' then days.error_ratio else days.latency_p95_seconds end
from marts.fct_service_performance_daily as days
inner join numbered
    on numbered.subject_id = days.service_id and numbered.metric in ('error_ratio', 'latency_p95')
cross join w
where days.observed_date > w.as_of_date - 120 and days.observed_date <= w.as_of_date
    and case when numbered.metric = 'error_ratio' then days.error_ratio else days.latency_p95_seconds end is not null
"""  # noqa: S608

CHANGES = """
select
    change_id, change_kind, service_id, ci_id,
    cast(started_at as date) as started_date, cast(ended_at as date) as ended_date
from marts.fct_changes
cross join landing.run_window as w
where ended_at is not null and started_at is not null and cast(ended_at as date) > w.as_of_date - 120
order by change_id
"""

QUERIES = {
    "series": SERIES,
    "hours": HOURS,
    "changes": CHANGES,
    "members": """
    select service_id, ci_id, redundancy_group, valid_from, valid_to from marts.bridge_service_ci order by all
    """,
    "holidays": "select distinct holiday_date from staging.stg_holidays order by holiday_date",
}
READS = (
    "fct_resource_utilisation_hourly",
    "fct_resource_utilisation_daily",
    "fct_service_performance_hourly",
    "fct_service_performance_daily",
    "fct_changes",
    "bridge_service_ci",
    "dim_ci",
    "stg_holidays",
)
