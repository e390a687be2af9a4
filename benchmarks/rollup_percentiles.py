"""30-day percentiles of every series, from sketches as the marts merge them and from the samples themselves."""

from __future__ import annotations

from pathlib import Path

import duckdb

from benchmarks.measuring import own_time
from benchmarks.rollup_samples import days_of, landed_files

# int_resource_sketch_weeks of all days.
WEEKS = """
select series_key, any_value(ci_id) as ci_id, any_value(resource) as resource, unit, bucket,
    cast(date_trunc('week', observed_date) as date) as week_start_date,
    sum(covered_microseconds)::bigint as covered_microseconds
from {days} group by series_key, unit, bucket, week_start_date order by week_start_date, series_key
"""


def percentiles_of_sketches(database: str, as_of: str) -> None:
    """30-day 95th percentile of every series from its sketches, as fct_demand_percentiles merges them."""
    with own_time(), duckdb.connect(database, read_only=True) as connection:
        connection.execute("set threads = 2")
        connection.execute(FROM_SKETCHES, {"as_of": as_of}).fetchall()


# Whole weeks are read merged, days at the ends of the window one by one.
FROM_SKETCHES = """
with parts as (
    select series_key, bucket, covered_microseconds from weeks
    where week_start_date <= $as_of::date - 6 and week_start_date > $as_of::date - 30
    union all
    select series_key, bucket, covered_microseconds from sketches
    where observed_date <= $as_of::date and observed_date > $as_of::date - 30 and (
        date_trunc('week', observed_date) > $as_of::date - 6
        or date_trunc('week', observed_date) <= $as_of::date - 30
    )
),
names as (
    select ci_id, resource, cast('0x' || substr(md5(resource || '/' || ci_id), 1, 15) as bigint) as series_key
    from (select distinct ci_id, resource from daily where observed_date > $as_of::date - 30)
),
merged as (
    select series_key, bucket, sum(covered_microseconds)::bigint as weight
    from parts group by all
),
running as (
    select *,
        sum(weight) over (
            partition by series_key order by bucket rows between unbounded preceding and current row
        ) as cumulative_weight,
        sum(weight) over (partition by series_key) as total_weight
    from merged
),
percentiles as (
    select series_key,
        0.99e0 * exp(0.02000066670666952e0 * (
            min(case when cumulative_weight >= 0.95 * total_weight then bucket end) - 40000
        )) as demand_p95
    from running group by series_key
)
select ci_id, resource, demand_p95 from percentiles join names using (series_key)
"""


def percentiles_of_samples(samples: str, count: int, times: int) -> None:
    """The same from the samples themselves, exactly."""
    listed = ", ".join(f"'{path}'" for path in landed_files(Path(samples), days_of(count)) * times)
    with own_time(), duckdb.connect() as connection:
        connection.execute("set threads = 2")
        connection.execute("set preserve_insertion_order = false")
        connection.execute(
            f"select ci_id, metric, quantile_cont(value, 0.95) from read_parquet([{listed}]) group by all"  # noqa: S608
        ).fetchall()
