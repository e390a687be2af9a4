"""How fast samples become hours, days and sketches: `make bench`. Prints the tables of docs/models.md.

Every figure is measured in a process of its own (wall clock, CPU time of both cores, peak memory), one after the
other, on landed files that this benchmark writes: 2,000 CIs × 5 metrics, a sample a minute, one file a metric and day.
"""

from __future__ import annotations

import shutil
from argparse import ArgumentParser
from collections.abc import Callable
from datetime import date, timedelta
from functools import partial
from pathlib import Path

import duckdb

from assets.home import Home
from benchmarks import measuring
from benchmarks.measuring import FOLDER, by_name, line, quickest, ratio, run_child, show, verdict
from benchmarks.rollup_peers import by_hand, by_pandas
from benchmarks.rollup_percentiles import WEEKS, percentiles_of_samples, percentiles_of_sketches
from benchmarks.rollup_samples import FIRST, METRICS, MINUTES, days_of, load, written
from orchestration.code_version import ROOT

DAYS = 10
CIS = 2_000
measured = partial(measuring.measured, module="benchmarks.rollup")
ROLLUP = ("+fct_resource_utilisation_daily", "+int_resource_sketch_weeks")


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


def demo(config: str) -> None:
    """`ullage demo`, from the command line's entry on."""
    from orchestration.cli import app

    app(["demo", "--config", config], standalone_mode=False)


CHILDREN = by_name(rolled_up, by_hand, by_pandas, percentiles_of_sketches, percentiles_of_samples, demo)


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


PARTS: dict[str, Callable[[int, int], None]] = {
    "rollups": rollups,
    "one_more_day": one_more_day,
    "nothing_new": lambda _cis, _days: nothing_new(),
}


if __name__ == "__main__" and not run_child(CHILDREN):
    main()
