"""How fast samples become hours, days and sketches: `make bench`. Prints the table of docs/capacity.md.

Every figure is measured in a process of its own (wall clock, CPU time of both cores, peak memory), one after the
other, on landed files that this benchmark writes: 2,000 CIs × 5 metrics, a sample a minute, one file a metric and day.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import time
from argparse import ArgumentParser
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from assets.home import Home
from assets.landing.contracts import contracts
from assets.landing.receipts import LandedFile, Receipt
from orchestration.code_version import ROOT

FOLDER = Path(os.environ.get("ULLAGE_BENCH_FOLDER", ROOT / ".ullage" / "bench"))
FIRST = date(2026, 6, 21)
DAYS = 10
CIS = 2_000
MINUTES = 1_440
# metric, resource, unit, statistic, scale, whole numbers
METRICS = (
    ("system.cpu.utilization", "cpu", "1", "busy_hour", 1.0, False),
    ("system.memory.usage", "memory", "By", "maximum", 64e9, True),
    ("system.filesystem.usage", "filesystem", "By", "maximum", 2e12, True),
    ("db.client.connections", "connections", "{connection}", "maximum", 500.0, True),
    ("system.network.io", "network", "By/s", "busy_hour", 1e9, False),
)
ROLLUP = ("+fct_resource_utilisation_daily", "+int_resource_sketch_weeks")
OWN_TIME = "own time: "
Measured = dict[str, Any]


# ------------------------------------------------------------------------------------------------ what is landed


def write_day(folder: Path, day: date, cis: int) -> None:
    """Samples of one day as landing writes them from Prometheus: one file a metric (a query), series by series."""
    schema = contracts()["metric_samples"].arrow_schema
    times = np.datetime64(day, "us") + np.arange(MINUTES) * np.timedelta64(60, "s")
    minute = np.arange(MINUTES)
    for number, (metric, _, unit, _, scale, whole) in enumerate(METRICS):
        path = folder / f"date={day}" / f"{metric}.parquet"
        if path.exists():
            continue
        own = np.random.default_rng([number, cis])
        base, swing = own.uniform(0.1, 0.5, (cis, 1)), own.uniform(0.02, 0.15, (cis, 1))
        phase = own.uniform(0, 2 * np.pi, (cis, 1))
        noise = np.random.default_rng([number, cis, day.toordinal()]).normal(0, 0.02, (cis, MINUTES))
        values = np.abs(base + swing * (1 + np.sin(2 * np.pi * minute / MINUTES + phase)) + noise) * scale
        columns = {
            "ci_id": _repeated([f"host-{ci:05d}" for ci in range(cis)], MINUTES),
            "metric": _repeated([metric], cis * MINUTES),
            "observed_at": pa.array(np.tile(times, cis)),
            "value": pa.array((np.round(values) if whole else values).ravel()),
            "unit": _repeated([unit], cis * MINUTES),
            "kind": _repeated(["gauge"], cis * MINUTES),
            "interval_seconds": pa.array(np.full(cis * MINUTES, 60.0)),
            "source_file": _repeated([f"prometheus/{metric}"], cis * MINUTES),
            "source_row": pa.array(np.arange(1, cis * MINUTES + 1)),
            "extra": pa.nulls(cis * MINUTES, pa.string()),
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        table = pa.table([pc.cast(columns[field.name], field.type) for field in schema], schema=schema)
        pq.write_table(table, path.with_suffix(".tmp"), compression="zstd")
        path.with_suffix(".tmp").rename(path)


def _repeated(texts: Sequence[str], times: int) -> pa.Array:
    return pa.array(texts).take(pa.array(np.repeat(np.arange(len(texts), dtype=np.int32), times)))


def write_control(folder: Path, cis: int) -> None:
    """Measurement plan and limits; a limit that some days reach."""
    always = date(2020, 1, 1)
    plan = [
        {"metric": metric, "level": "resource", "resource": resource, "unit": unit, "statistic": statistic}
        | {"pooling": "own", "valid_from": always}
        for metric, resource, unit, statistic, _, _ in METRICS
    ]
    limits = [
        {"ci_id": f"host-{ci:05d}", "resource": resource, "limit_value": scale, "unit": unit}
        | {"valid_from": always}
        for ci in range(cis)
        for _, resource, unit, _, scale, _ in METRICS
    ]
    for table, rows in (("measurement_plan", plan), ("resource_limits", limits)):
        schema = contracts()[table].arrow_schema
        path = folder / table / "all.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.Table.from_pylist(rows, schema=schema), path, compression="zstd")


def days_of(count: int, first: date = FIRST) -> list[date]:
    """`count` days from `first` on."""
    return [first + timedelta(days=number) for number in range(count)]


def landed_files(folder: Path, days: Sequence[date]) -> list[Path]:
    """The sample files of `days`."""
    return [folder / f"date={day}" / f"{metric[0]}.parquet" for day in days for metric in METRICS]


def load(home: Home, samples: Path, control: Path, days: Sequence[date], as_of: date) -> None:
    """The `landing` schema of a run that rebuilds `days`."""
    from assets.warehouse.incidents import Builds
    from assets.warehouse.landing_schema import RunWindow, load_landing, open_warehouse

    def receipt(table: str, path: Path, day: date | None) -> Receipt:
        name = f"{table}/{day}/{path.stem}"
        rows = pq.read_metadata(path).num_rows
        file = LandedFile(path=os.path.relpath(path, home.root), date=day, rows=rows, bytes=0, sha256="")
        facts = {"receipt_id": name, "batch_id": name, "source": "bench", "table": table, "version": 1}
        counts = dict.fromkeys(("rows_received", "rows_landed", "rows_quarantined"), 0)
        at = datetime(2026, 7, 1, tzinfo=UTC)
        more = {"window": None, "extracted_at": at, "landed": (file,)}
        return Receipt.model_construct(
            **facts, **counts, **more, input=type("Input", (), {"path": name, "sha256": ""})()
        )

    receipts = [receipt("metric_samples", path, day) for day in days for path in landed_files(samples, [day])]
    receipts += [receipt(path.parent.name, path, None) for path in sorted(control.rglob("*.parquet"))]
    window = RunWindow(
        as_of=as_of,
        demand_window_days=28,
        horizon_days=90,
        history_start=as_of - timedelta(days=730),
        default_threshold_ratio=0.8,
        default_lead_time_days=30,
        warning_ratio=0.9,
        forecast_seed=1,
    )
    with open_warehouse(home.warehouse) as connection:
        load_landing(connection, home, receipts, [], window, days, Builds(None, "rollup"))


# ------------------------------------------------------------------------------------------------ what is measured


def rolled_up(home: str, samples: str, control: str, first: str, count: int, select: list[str]) -> None:
    """Load and build with dbt, data tests included, as a run does."""
    from assets.warehouse.dbt_build import build

    at = Home(Path(home))
    days = days_of(count, date.fromisoformat(first))
    load(at, Path(samples), Path(control), days, days[-1] if days else FIRST)
    arguments = ["--select", *select, "--exclude-resource-type", "unit_test"]
    results = build(
        ROOT / "dbt_project", at.warehouse, at.root / "dbt", [*arguments, "--indirect-selection", "cautious"]
    )
    bad = [result.node["name"] for result in results if result.status in ("error", "fail", "skipped")]
    if bad:
        raise SystemExit(f"dbt failed: {bad}")


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


def demo(config: str) -> None:
    """`ullage demo`, from the command line's entry on."""
    from orchestration.cli import app

    app(["demo", "--config", config], standalone_mode=False)


CHILDREN: dict[str, Callable[..., None]] = {
    child.__name__: child
    for child in (
        rolled_up,
        by_hand,
        by_pandas,
        percentiles_of_sketches,
        percentiles_of_samples,
        demo,
    )
}


@contextmanager
def own_time() -> Iterator[None]:
    """Let `measured` count only what is inside: starting Python costs more than a short query does."""
    started, used = time.perf_counter(), _cpu(resource.RUSAGE_SELF)
    yield
    own = {"seconds": time.perf_counter() - started, "cpu": _cpu(resource.RUSAGE_SELF) - used}
    print(OWN_TIME + json.dumps(own))


def _cpu(who: int) -> float:
    usage = resource.getrusage(who)
    return usage.ru_utime + usage.ru_stime


def measured(child: Callable[..., None], *arguments: Any, module: str = "benchmarks.rollup") -> Measured:
    """Run `child` in a process of its own: `seconds`, `cpu` seconds and `gib` of peak memory."""
    command = [sys.executable, "-m", module, child.__name__, json.dumps(arguments)]
    log = FOLDER / "last-child.log"
    with log.open("w") as lines:
        started = time.perf_counter()
        process = subprocess.Popen(command, cwd=ROOT, stdout=lines, stderr=lines)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{child.__name__} failed:\n{log.read_text()[-3000:]}")
    whole = {"seconds": seconds, "cpu": usage.ru_utime + usage.ru_stime, "gib": usage.ru_maxrss / 2**20}
    own = [text for text in log.read_text("utf-8").splitlines() if text.startswith(OWN_TIME)]
    return whole | (json.loads(own[0].removeprefix(OWN_TIME)) if own else {})


def quickest(runs: Iterable[Measured]) -> Measured:
    """The quickest of several runs of the same short work: the machine is never wholly quiet."""
    return min(runs, key=lambda run: run["seconds"])


# ------------------------------------------------------------------------------------------------ the figures


def rollups(cis: int, count: int) -> None:
    """One day and many through dbt, beside one statement by hand and beside pandas; then percentiles of 30 days."""
    samples, control = written(cis, count)

    def home(name: str) -> str:
        shutil.rmtree(FOLDER / name, ignore_errors=True)
        return str(FOLDER / name)

    where = (str(samples), str(control), FIRST.isoformat())
    measured(rolled_up, home("rollup-0"), *where, 0, ROLLUP)  # dbt reads its project once
    nothing = quickest(measured(rolled_up, home("rollup-0"), *where, 0, ROLLUP) for _ in range(3))
    one = quickest(measured(rolled_up, home("rollup-1"), *where, 1, ROLLUP) for _ in range(3))
    hand_one = quickest(measured(by_hand, str(FOLDER / "hand.duckdb"), *where, 1) for _ in range(3))
    # In turns, so that a slow minute of the machine does not fall on one of the two.
    large = [
        (
            measured(rolled_up, home("rollup-many"), *where, count, ROLLUP),
            measured(by_hand, str(FOLDER / "hand.duckdb"), *where, count),
        )
        for _ in range(3)
    ]
    ten, hand_ten = (quickest(runs) for runs in zip(*large, strict=True))
    pandas = quickest(measured(by_pandas, home("pandas"), *where, 1) for _ in range(3))
    millions = cis * MINUTES * len(METRICS) / 1e6
    line("rollup through dbt, no samples", nothing)
    line(f"rollup through dbt, {millions:.1f} million samples", one)
    line(f"rollup through dbt, {millions * count:.0f} million", ten)
    line(f"one statement by hand, {millions:.1f} million", hand_one)
    line(f"one statement by hand, {millions * count:.0f} million", hand_ten)
    line(f"pandas, {millions:.1f} million", pandas)
    ratio("cost of the added samples ÷ by hand", ten, one, hand_ten, hand_one, "≤ 1.3")
    verdict("peak memory at both sizes, GiB", max(one["gib"], ten["gib"]), "≤ 3")
    ratio("pandas ÷ ours beyond the fixed cost", pandas, None, one, nothing, "≥ 5")
    verdict("our memory ÷ that of pandas", one["gib"] / pandas["gib"], "≤ 0.33")
    long_percentiles(samples, cis, count)


def one_more_day(cis: int, _count: int) -> None:
    """A new day on 30 days and on two years of history (a tenth of the CIs; history is copied from one day)."""
    cis = max(1, cis // 10)
    samples, control = written(cis, 4)
    where = (str(samples), str(control))
    select = [*ROLLUP, "+fct_demand_percentiles", "+fct_resource_capacity"]
    runs = {}
    for history in (30, 730):
        home = FOLDER / f"history-{history}"
        shutil.rmtree(home, ignore_errors=True)
        measured(rolled_up, str(home), *where, FIRST.isoformat(), 1, select)
        with duckdb.connect(str(home / "warehouse" / "ullage.duckdb")) as connection:
            for table in ("hourly", "daily", "sketches"):  # weeks follow from the days
                shifted = "observed_date - n as observed_date"
                shifted += {"hourly": ", hour_at - to_days(n) as hour_at", "daily": "", "sketches": ""}[table]
                connection.execute(
                    f"insert into marts.fct_resource_utilisation_{table} "  # noqa: S608
                    f"select facts.* replace ({shifted}) from marts.fct_resource_utilisation_{table} as facts, "
                    f"(select cast(range as int) as n from range(1, {history})) order by n desc"
                )
            connection.execute(
                f"create temp table weeks as {WEEKS}".format(days="marts.fct_resource_utilisation_sketches")
            )
            connection.execute(
                "insert into intermediate.int_resource_sketch_weeks by name select * from weeks "
                "where week_start_date < "
                "(select min(week_start_date) from intermediate.int_resource_sketch_weeks)"
            )
        runs[history] = quickest(
            measured(rolled_up, str(home), *where, day.isoformat(), 1, select) for day in days_of(4)[1:]
        )
        line(
            f"one more day of {cis * MINUTES * 5 / 1e6:.2f} million samples on {history} days", runs[history]
        )
    ratio("one more day on two years ÷ on 30 days", runs[730], None, runs[30], None, "≤ 1.1")


def long_percentiles(samples: Path, cis: int, count: int) -> None:
    """30-day percentiles from sketches and from samples; the days measured stand for 30, read several times over.

    They end with a Wednesday: three whole weeks, and nine days at the ends. Timed from opening the database on.
    """
    times = max(1, 30 // count)
    last = days_of(count)[-1]
    moved = (2 - last.weekday()) % 7
    as_of = last + timedelta(days=moved)
    database = FOLDER / "sketches.duckdb"
    database.unlink(missing_ok=True)
    with duckdb.connect(str(database)) as connection:
        built = FOLDER / "rollup-many" / "warehouse" / "ullage.duckdb"
        connection.execute(f"attach '{built}' as built (read_only)")
        connection.execute(
            "create table sketches as "  # noqa: S608
            f"select facts.* replace (observed_date + {moved} - n * {count} as observed_date) "
            "from built.marts.fct_resource_utilisation_sketches as facts, "
            f"(select cast(range as int) as n from range({times})) "
            "order by observed_date, ci_id, resource"
        )
        connection.execute(f"create table weeks as {WEEKS}".format(days="sketches"))
        connection.execute(
            f"create table daily as select ci_id, resource, observed_date + {moved} - n * {count} as observed_date "  # noqa: S608
            "from built.marts.fct_resource_utilisation_daily, "
            f"(select cast(range as int) as n from range({times}))"
        )
    merged = quickest(measured(percentiles_of_sketches, str(database), str(as_of)) for _ in range(3))
    exact = measured(percentiles_of_samples, str(samples), count, times)
    series, millions = cis * len(METRICS), cis * len(METRICS) * MINUTES * count * times / 1e6
    line(f"30-day p95 of {series:,} series from sketches", merged)
    line(f"the same from {millions:.0f} million samples", exact)
    ratio("30-day p95 from sketches ÷ from samples", merged, None, exact, None, "≤ 0.05")


def nothing_new() -> None:
    """The demo, a second time: same inputs, 120 days, nothing to do."""
    config = FOLDER / "demo.yaml"
    text = (ROOT / "examples" / "demo" / "ullage.yaml").read_text("utf-8")
    config.write_text(text.replace("../../.ullage/demo", str(FOLDER / "demo")))
    measured(demo, str(config))
    again = quickest(measured(demo, str(config)) for _ in range(3))
    line("`ullage demo` with nothing new", again)
    verdict("fixed cost of a run with nothing to do, s", again["seconds"], "≤ 10", again["cpu"])


# What was measured, and how it compares: rows of the two tables that the benchmark ends with.
MEASURED: list[str] = []
VERDICTS: list[str] = []


def line(what: str, run: Measured) -> None:
    """One measured process."""
    row = f"| {what} | {run['seconds']:.1f} s | {run['cpu']:.1f} s | {run['gib']:.2f} GiB |"
    MEASURED.append(row)
    print(row, file=sys.stderr, flush=True)


def ratio(
    what: str,
    above: Measured,
    above_base: Measured | None,
    below: Measured,
    below_base: Measured | None,
    target: str,
) -> None:
    """(above − its base) ÷ (below − its base), by the clock and by CPU time."""
    clock, cpu = (
        (above[unit] - (above_base[unit] if above_base else 0))
        / (below[unit] - (below_base[unit] if below_base else 0))
        for unit in ("seconds", "cpu")
    )
    verdict(what, clock, target, cpu)


def verdict(what: str, value: float, target: str, by_cpu: float | None = None) -> None:
    """A figure beside its target."""
    bound = float(target.split()[1])
    met = value <= bound if target.startswith("≤") else value >= bound
    digits = 3 if bound < 0.1 else 2
    cpu = "" if by_cpu is None else f"{by_cpu:.{digits}f}"
    VERDICTS.append(f"| {what} | {value:.{digits}f} | {cpu} | {target} | {'yes' if met else 'NO'} |")
    print(VERDICTS[-1], file=sys.stderr, flush=True)


def show() -> None:
    """The tables, ready for the documents."""
    print("\n| work | clock | CPU | peak memory |\n|---|---|---|---|", *MEASURED, sep="\n")
    print(
        "\n| figure | by the clock | by CPU time | target | met |\n|---|---|---|---|---|", *VERDICTS, sep="\n"
    )


def main() -> None:
    """Write the files that are missing and measure what was asked for: all, or the parts named as arguments."""
    parser = ArgumentParser(description="Rollup of samples beside one statement by hand and beside pandas.")
    parser.add_argument("parts", nargs="*", choices=[[], *PARTS], help="default: all")
    parser.add_argument(
        "--days", type=int, default=DAYS, help="days of the large rollup (default: %(default)s)"
    )
    parser.add_argument("--cis", type=int, default=CIS, help="CIs of the large rollup (default: %(default)s)")
    arguments = parser.parse_args()
    FOLDER.mkdir(parents=True, exist_ok=True)
    for part in arguments.parts or PARTS:
        PARTS[part](arguments.cis, arguments.days)
    show()


def written(cis: int, count: int) -> tuple[Path, Path]:
    """Folders of `count` days of samples of `cis` CIs, and of their control records."""
    samples, control = FOLDER / f"samples-{cis}", FOLDER / f"control-{cis}"
    for day in days_of(count):
        write_day(samples, day, cis)
    write_control(control, cis)
    return samples, control


PARTS: dict[str, Callable[[int, int], None]] = {
    "rollups": rollups,
    "one_more_day": one_more_day,
    "nothing_new": lambda _cis, _days: nothing_new(),
}


if __name__ == "__main__":
    if len(sys.argv) > 2 and sys.argv[1] in CHILDREN:
        CHILDREN[sys.argv[1]](*json.loads(sys.argv[2]))
    else:
        main()
