"""How fast updates of tickets become the marts of the service desk: `make bench` (table of docs/service-desk.md).

Three years of an organisation's tickets (`benchmarks/itsm_landed.py`) beside the last 30 days of them. Every figure is
measured in a process of its own, through dbt as a run builds, data tests included.
"""

from __future__ import annotations

import os
import shutil
from argparse import ArgumentParser
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb

from assets.home import Home
from assets.landing.receipts import LandedFile, Receipt
from benchmarks import measuring
from benchmarks.itsm_landed import FIRST, write_control, write_records
from benchmarks.measuring import FOLDER, Measured, by_name, line, quickest, ratio, run_child, show, verdict
from orchestration.code_version import ROOT

DAYS = 1_096
EVENTS = 10_000_000
TICKETS = ("incidents", "service_requests", "changes", "problems")
MARTS = ("+models/marts/itsm",)


def load(home: Home, records: Path, control: Path, first: date, as_of: date) -> None:
    """The `landing` schema of a run that knows the updates from `first` to `as_of`."""
    from assets.warehouse.landing_schema import RunWindow, load_landing, open_warehouse
    from assets.warehouse.records import Builds

    def receipt(table: str, path: Path, day: date | None) -> Receipt:
        name = f"{table}/{day}"
        file = LandedFile(path=os.path.relpath(path, home.root), date=day, rows=0, bytes=0, sha256="")
        facts = {"receipt_id": name, "batch_id": name, "source": "bench", "table": table, "version": 1}
        counts = dict.fromkeys(("rows_received", "rows_landed", "rows_quarantined"), 0)
        more = {"window": None, "extracted_at": datetime(2026, 7, 1, tzinfo=UTC), "landed": (file,)}
        return Receipt.model_construct(
            **facts, **counts, **more, input=type("Input", (), {"path": name, "sha256": ""})()
        )

    days = [first + timedelta(days=n) for n in range((as_of - first).days + 1)]
    tables = sorted(path.name for path in records.iterdir())
    receipts = [receipt(t, records / t / f"date={day}" / f"{t}.parquet", day) for t in tables for day in days]
    receipts += [receipt(path.parent.name, path, None) for path in sorted(control.rglob("*.parquet"))]
    window = RunWindow(
        as_of=as_of,
        demand_window_days=28,
        horizon_days=90,
        history_start=first,
        default_threshold_ratio=0.8,
        default_lead_time_days=30,
        warning_ratio=0.9,
        forecast_seed=1,
    )
    # The day before was built by the call before; the first one finds no warehouse.
    builds = Builds((as_of - timedelta(days=1)).isoformat(), as_of.isoformat())
    with open_warehouse(home.warehouse) as connection:
        load_landing(connection, home, receipts, [], window, [as_of], builds)


# ------------------------------------------------------------------------------------------------ what is measured


def built(home: str, records: str, control: str, first: str, as_of: str) -> None:
    """Load and build with dbt, data tests included, as a run does."""
    from assets.warehouse.dbt_build import build

    at = Home(Path(home))
    load(at, Path(records), Path(control), date.fromisoformat(first), date.fromisoformat(as_of))
    arguments = [
        "--select",
        *MARTS,
        "--exclude",
        "tag:after_forecast",
        "--exclude-resource-type",
        "unit_test",
    ]
    results = build(
        ROOT / "dbt_project", at.warehouse, at.root / "dbt", [*arguments, "--indirect-selection", "cautious"]
    )
    bad = [result.node["name"] for result in results if result.status in ("error", "fail", "skipped")]
    if bad:
        raise SystemExit(f"dbt failed: {bad}")


CHILDREN = by_name(built)


def measured(home: Path, *arguments: str) -> Measured:
    """One build in a process of its own."""
    return measuring.measured(built, str(home), *arguments, module="benchmarks.itsm")


def landed_rows(home: Path, tables: Sequence[str]) -> float:
    """Rows that the warehouse was loaded with, in millions."""
    with duckdb.connect(str(home / "warehouse" / "ullage.duckdb"), read_only=True) as connection:
        counts = [connection.table(f"landing.{table}_rows").shape[0] for table in tables]
    return sum(counts) / 1e6


def all_marts(events: int, days: int) -> None:
    """Everything at once; then one more day on three years, and on the last thirty days of them."""
    records, control = FOLDER / f"itsm-{events}-{days}", FOLDER / f"itsm-control-{events}-{days}"
    if not control.exists():
        write_records(records, events, days)
        write_control(control, events, days)
    last = FIRST + timedelta(days=days - 4)
    runs = {}
    for history in (days - 3, 30):
        home = FOLDER / f"itsm-home-{history}"
        shutil.rmtree(home, ignore_errors=True)
        where = (str(records), str(control), (last - timedelta(days=history - 1)).isoformat())
        at_once = measured(home, *where, last.isoformat())
        tickets = landed_rows(home, TICKETS)
        others = landed_rows(home, ("sla_cycles", "approvals"))
        line(
            f"{tickets:.2f} million updates of tickets, {others:.2f} million other rows, to all marts",
            at_once,
        )
        if history > 30:
            verdict(
                f"{tickets:.2f} million updates of tickets to all marts, s",
                at_once["seconds"],
                "≤ 120",
                at_once["cpu"],
            )
            verdict("peak memory, GiB", at_once["gib"], "≤ 4")
        runs[history] = quickest(
            measured(home, *where, (last + timedelta(days=ahead)).isoformat()) for ahead in (1, 2, 3)
        )
        line(f"one more day on {history} days", runs[history])
    ratio("one more day on three years ÷ on 30 days", runs[days - 3], None, runs[30], None, "≤ 1.2")


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line: the sizes."""
    parser = ArgumentParser(description="Updates of tickets to all marts of the service desk.")
    parser.add_argument("--events", type=int, default=EVENTS)
    parser.add_argument("--days", type=int, default=DAYS)
    options = parser.parse_args(arguments)
    FOLDER.mkdir(parents=True, exist_ok=True)
    all_marts(options.events, options.days)
    show()


if __name__ == "__main__" and not run_child(CHILDREN):
    main()
