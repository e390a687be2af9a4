"""The rollup by hand, for comparison: one statement of somebody who knows DuckDB well, and pandas."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import duckdb
import numpy as np

from benchmarks.rollup_samples import days_of, landed_files


def by_hand(database: str, samples: str, control: str, first: str, count: int) -> None:
    """The same columns from the same files in one statement, written by someone who knows DuckDB well."""
    files = landed_files(Path(samples), days_of(count, date.fromisoformat(first)))
    listed = ", ".join(f"'{path}'" for path in files)
    Path(database).unlink(missing_ok=True)
    with duckdb.connect(database) as connection:
        connection.execute("set threads = 2")
        connection.execute("set preserve_insertion_order = false")
        connection.execute(HAND_TUNED.format(files=listed, control=control))


HAND_TUNED = """
create table rollup as
with rules as (
    select metric, resource, unit, statistic from read_parquet('{control}/measurement_plan/all.parquet')
),
usable as (
    select ci_id, resource, limit_value, 0.8 as threshold_ratio, limit_value * 0.8 as usable_value
    from read_parquet('{control}/resource_limits/all.parquet')
),
samples as not materialized (
    select s.ci_id, r.resource, r.unit, s.observed_at, cast(s.observed_at as date) as observed_date,
        s.value * 1.0 + 0.0 as value, s.interval_seconds
    from read_parquet([{files}]) as s
    join rules as r on s.metric = r.metric and s.unit = r.unit
),
hours as materialized (
    select ci_id, resource, date_trunc('hour', observed_at) as hour_at, observed_date, unit,
        count(*) as sample_count, sum(interval_seconds) as covered_seconds, avg(value) as demand_avg,
        min(value) as demand_min, max(value) as demand_max, quantile_cont(value, 0.95) as demand_p95
    from samples
    group by all
),
busy as (
    select ci_id, resource, observed_date, first(statistic) as statistic, max(demand_max) as demand_max,
        sum(demand_avg * sample_count) / sum(sample_count) as demand_avg,
        arg_max(hour_at, case statistic when 'maximum' then demand_max else demand_avg end) as busy_hour_at,
        max(case statistic when 'maximum' then demand_max else demand_avg end) as demand_value
    from hours join rules using (resource)
    group by all
),
days as (
    select s.ci_id, s.resource, s.observed_date, s.unit, count(*) as sample_count,
        sum(s.interval_seconds) as covered_seconds, quantile_cont(s.value, 0.95) as demand_p95,
        sum(case when s.value >= u.usable_value then s.interval_seconds else 0 end) / 60 as saturation_minutes,
        u.limit_value, u.threshold_ratio, u.usable_value
    from samples as s left join usable as u on s.ci_id = u.ci_id and s.resource = u.resource
    group by all
),
sketches as (
    select ci_id, resource, observed_date, unit,
        case
            when value > 0 then cast(ceil(ln(value) / 0.02000066670666952) as int) + 40000
            when value < 0 then -cast(ceil(ln(-value) / 0.02000066670666952) as int) - 40000
            else 0
        end as bucket,
        cast(sum(interval_seconds) * 1000000 as bigint) as covered_microseconds
    from samples
    group by all
)
select 'hour' as part, *, least(1, covered_seconds / 3600) as coverage_ratio from hours
union all by name
select 'day' as part, *, least(1, covered_seconds / 86400) as coverage_ratio,
    demand_value / nullif(limit_value, 0) as utilisation_ratio
from days join busy using (ci_id, resource, observed_date)
union all by name
select 'sketch' as part, * from sketches
"""


def by_pandas(folder: str, samples: str, control: str, first: str, count: int) -> None:
    """The columns of the statement by hand with pandas, written as Parquet: hours, days and buckets."""
    import pandas as pd

    files = landed_files(Path(samples), days_of(count, date.fromisoformat(first)))
    columns = ["ci_id", "metric", "observed_at", "value", "unit", "interval_seconds"]
    frame = pd.concat([pd.read_parquet(path, columns=columns) for path in files], ignore_index=True)
    rules = pd.read_parquet(Path(control) / "measurement_plan" / "all.parquet")
    limits = pd.read_parquet(Path(control) / "resource_limits" / "all.parquet")
    limits["usable_value"] = limits["limit_value"] * 0.8
    for name in ("ci_id", "metric", "unit"):
        frame[name] = frame[name].astype("category")
    frame = frame.merge(rules[["metric", "unit", "resource", "statistic"]], on=["metric", "unit"])
    frame = frame.merge(
        limits[["ci_id", "resource", "limit_value", "usable_value"]], on=["ci_id", "resource"]
    )
    for name in ("ci_id", "resource", "unit", "statistic"):
        frame[name] = frame[name].astype("category")
    frame["hour_at"] = frame["observed_at"].dt.floor("h")
    frame["observed_date"] = frame["observed_at"].dt.floor("D")
    is_saturated = frame["value"] >= frame["usable_value"]
    frame["saturated_seconds"] = frame["interval_seconds"].where(is_saturated, 0.0)
    series = ["ci_id", "resource"]

    by_hour = frame.groupby([*series, "hour_at", "observed_date", "unit", "statistic"], observed=True)
    hours = by_hour.agg(
        sample_count=("value", "size"),
        covered_seconds=("interval_seconds", "sum"),
        demand_avg=("value", "mean"),
        demand_min=("value", "min"),
        demand_max=("value", "max"),
    )
    hours["demand_p95"] = by_hour["value"].quantile(0.95)
    hours["coverage_ratio"] = (hours["covered_seconds"] / 3600).clip(upper=1)
    hours = hours.reset_index()
    is_maximum = hours["statistic"] == "maximum"
    hours["demand_value"] = hours["demand_max"].where(is_maximum, hours["demand_avg"])
    busiest = hours.loc[hours.groupby([*series, "observed_date"], observed=True)["demand_value"].idxmax()]
    busiest = busiest.set_index([*series, "observed_date"])[["hour_at", "demand_value"]]

    by_day = frame.groupby([*series, "observed_date", "unit"], observed=True)
    days = by_day.agg(
        sample_count=("value", "size"),
        covered_seconds=("interval_seconds", "sum"),
        demand_avg=("value", "mean"),
        demand_max=("value", "max"),
        saturated_seconds=("saturated_seconds", "sum"),
        limit_value=("limit_value", "first"),
        usable_value=("usable_value", "first"),
    )
    days["demand_p95"] = by_day["value"].quantile(0.95)
    days = days.reset_index().join(busiest, on=[*series, "observed_date"])
    days["coverage_ratio"] = (days["covered_seconds"] / 86400).clip(upper=1)
    days["utilisation_ratio"] = days["demand_value"] / days["limit_value"]

    values = frame["value"].to_numpy()
    size = np.abs(values)
    bucket = np.ceil(np.log(np.where(size > 0, size, 1)) / 0.02000066670666952).astype(np.int64) + 40_000
    frame["bucket"] = np.where(size > 0, np.sign(values) * bucket, 0).astype(np.int64)
    keys = [*series, "observed_date", "unit", "bucket"]
    sketches = frame.groupby(keys, observed=True)["interval_seconds"].sum().reset_index()

    Path(folder).mkdir(parents=True, exist_ok=True)
    for name, table in (("hours", hours), ("days", days), ("sketches", sketches)):
        table.to_parquet(Path(folder) / f"{name}.parquet")
