"""How fast updates of tickets become the marts of the service desk: `make bench` (table of docs/service-desk.md).

Three years of an organisation's incidents (six updates each on average), written as landing writes them: one file a UTC
day. Every figure is measured in a process of its own, through dbt as a run builds, data tests included.
"""

from __future__ import annotations

import os
import shutil
from argparse import ArgumentParser
from collections.abc import Sequence
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
from benchmarks import measuring
from benchmarks.measuring import FOLDER, Measured, by_name, line, quickest, ratio, run_child, show, verdict
from orchestration.code_version import ROOT

FIRST = date(2023, 7, 1)
DAYS = 1_096
EVENTS = 10_000_000
TEAMS, SERVICES, CIS = 40, 60, 600
#: State, minutes after the one before (mean), share of incidents that pass through it.
COURSE = (
    ("new", 0.0, 1.0),
    ("assigned", 30.0, 1.0),
    ("assigned", 60.0, 0.5),
    ("in_progress", 120.0, 1.0),
    ("on_hold", 600.0, 0.3),
    ("in_progress", 1_500.0, 0.3),
    ("resolved", 900.0, 1.0),
    ("closed", 4_320.0, 0.97),
)
UPDATES = sum(share for _, _, share in COURSE)
MARTS = ("+models/marts/itsm",)
MINUTE = 60_000_000


# ------------------------------------------------------------------------------------------------ what is landed


def write_incidents(folder: Path, events: int, days: int) -> None:
    """About `events` updates of incidents opened over `days` days, as one Parquet file a day of the update."""
    draw = np.random.default_rng([events, days])
    count = round(events / UPDATES)
    epoch = np.datetime64(FIRST, "us").astype(np.int64)
    end = epoch + days * 1_440 * MINUTE
    opened = np.sort(epoch + draw.integers(0, days * 1_440, count) * MINUTE)
    first_team, second_team = (draw.integers(0, TEAMS, count, dtype=np.int32) for _ in range(2))
    parts, at = [], opened.copy()
    sequence = np.zeros(count, dtype=np.int64)
    here = np.ones(count, dtype=bool)
    for number, (_, minutes, share) in enumerate(COURSE):
        if COURSE[number - 1][0] != "on_hold":  # what was on hold comes back
            here = draw.random(count) < share
        at = at + np.where(here, (draw.exponential(minutes, count) * MINUTE).astype(np.int64), 0)
        sequence += here
        rows = np.flatnonzero(here & (at < end))
        parts.append((rows, np.full(rows.size, number, dtype=np.int32), at[rows], sequence[rows]))
    row, step, moment, place = (np.concatenate([part[i] for part in parts]) for i in range(4))
    order = np.lexsort((row, moment))
    row, step, moment, place = row[order], step[order], moment[order], place[order]
    schema = contracts()["incidents"].arrow_schema
    names = pa.array([f"INC{number:08d}" for number in range(count)])
    teams, services = (
        pa.array([f"{kind}-{n:03d}" for n in range(size)])
        for kind, size in (("team", TEAMS), ("service", SERVICES))
    )
    cis, problems = (pa.array([f"{kind}-{n:04d}" for n in range(CIS)]) for kind in ("ci", "problem"))
    states = pa.array([state for state, _, _ in COURSE])
    priority = draw.choice(4, count, p=(0.02, 0.08, 0.4, 0.5)) + 1
    day = (moment - epoch) // (1_440 * MINUTE)
    bounds = np.searchsorted(day, np.arange(days + 1))
    for number in range(days):
        part = slice(bounds[number], bounds[number + 1])
        r, s = row[part], step[part]
        team = np.where(s >= 2, second_team[r], first_team[r]).astype(np.int32)
        columns = {
            "incident_id": names.take(pa.array(r)),
            "event_sequence": pa.array(place[part]),
            "updated_at": pa.array(moment[part].astype("datetime64[us]")),
            "state": states.take(pa.array(s)),
            "priority": pa.array(priority[r]),
            "service_id": services.take(pa.array((r % SERVICES).astype(np.int32))),
            "ci_id": cis.take(pa.array((r % CIS).astype(np.int32))),
            "team_id": teams.take(pa.array(team)),
            "opened_at": pa.array(opened[r].astype("datetime64[us]")),
            "problem_id": pc.if_else(
                pa.array(r % 20 == 0), problems.take(pa.array((r % CIS).astype(np.int32))), None
            ),
            "is_major": pa.array((priority[r] == 1) & (s > 0)),
            "source_made_sla": pa.array(r % 3 > 0),
            "source_file": pa.array(["bench"]).take(pa.array(np.zeros(r.size, dtype=np.int32))),
            "source_row": pa.array(np.arange(1, r.size + 1)),
        }
        path = folder / f"date={FIRST + timedelta(days=number)}" / "incidents.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        arrays = [_column(columns, field, r.size) for field in schema]
        pq.write_table(pa.Table.from_arrays(arrays, schema=schema), path, compression="zstd")


def _column(columns: dict[str, pa.Array], field: pa.Field, size: int) -> pa.Array:
    return pc.cast(columns[field.name], field.type) if field.name in columns else pa.nulls(size, field.type)


def write_control(folder: Path, days: int) -> None:
    """Calendars, services, teams, targets, problems and requests of the same organisation."""
    always, draw = date(2020, 1, 1), np.random.default_rng(days)
    approved = {"valid_from": always, "approved_by": "bench", "approved_at": datetime(2020, 1, 1, 9)}  # noqa: DTZ001
    start = datetime.combine(FIRST, datetime.min.time())

    def at(hours: float) -> datetime:
        return start + timedelta(hours=float(hours))

    tables: dict[str, list[dict[str, Any]]] = {
        "calendars": [
            {
                "calendar_id": "office",
                "zone": "Europe/Berlin",
                "weekday": day,
                "opens": "08:00",
                "closes": "18:00",
            }
            | {"valid_from": always}
            for day in range(1, 6)
        ],
        "services": [
            {
                "service_id": f"service-{n:03d}",
                "service_name": f"Service {n}",
                "owner": "bench",
                "criticality": 2,
            }
            | {"calendar_id": "office", "team_id": f"team-{n % TEAMS:03d}", "valid_from": always}
            for n in range(SERVICES)
        ],
        "configuration_items": [
            {"ci_id": f"ci-{n:04d}", "ci_name": f"CI {n}", "ci_kind": "host", "valid_from": always}
            for n in range(CIS)
        ],
        "service_cis": [
            {"service_id": f"service-{n % SERVICES:03d}", "ci_id": f"ci-{n:04d}", "valid_from": always}
            for n in range(CIS)
        ],
        "teams": [
            {"team_id": f"team-{n:03d}", "team_name": f"Team {n}", "calendar_id": "office", "headcount": 6.0}
            | {"ticket_hours_per_week": 20.0}
            for n in range(TEAMS)
        ],
        "targets": [
            {
                **approved,
                "target_id": f"{measure}-{p}",
                "measure": f"incident_{measure}_minutes",
                "priority": p,
            }
            | {"comparator": "<=", "target_value": float(240 * p), "objective_ratio": 0.9}
            for measure in ("resolution", "response")
            for p in range(1, 5)
        ],
        "problems": [
            {
                "problem_id": f"problem-{n:04d}",
                "ci_id": f"ci-{n:04d}",
                "state": "resolved",
                "opened_at": at(20 * n),
            }
            | {
                "known_error_at": at(20 * n + 60),
                "resolved_at": at(20 * n + 400),
                "updated_at": at(20 * n + 400),
            }
            for n in range(min(CIS, days))
        ],
        "service_requests": [
            {
                "request_id": f"REQ{n:07d}",
                "request_kind": "Access",
                "service_id": f"service-{n % SERVICES:03d}",
            }
            | {
                "team_id": f"team-{n % TEAMS:03d}",
                "state": "closed",
                "opened_at": at(hour),
                "fulfilled_at": at(hour + 30),
            }
            | {"updated_at": at(hour + 30)}
            for n, hour in enumerate(np.sort(draw.uniform(0, 24 * days - 40, 100 * days)))
        ],
    }
    for table, rows in tables.items():
        schema = contracts()[table].arrow_schema
        path = folder / table / "all.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.Table.from_pylist(rows, schema=schema), path, compression="zstd")


def load(home: Home, incidents: Path, control: Path, first: date, as_of: date) -> None:
    """The `landing` schema of a run that knows the updates from `first` to `as_of`."""
    from assets.warehouse.incidents import Builds
    from assets.warehouse.landing_schema import RunWindow, load_landing, open_warehouse

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
    receipts = [receipt("incidents", incidents / f"date={day}" / "incidents.parquet", day) for day in days]
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


def built(home: str, incidents: str, control: str, first: str, as_of: str) -> None:
    """Load and build with dbt, data tests included, as a run does."""
    from assets.warehouse.dbt_build import build

    at = Home(Path(home))
    load(at, Path(incidents), Path(control), date.fromisoformat(first), date.fromisoformat(as_of))
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


def all_marts(events: int, days: int) -> None:
    """Everything at once; then one more day on three years, and on the last thirty days of them."""
    incidents, control = FOLDER / f"itsm-{events}-{days}", FOLDER / f"itsm-control-{days}"
    if not control.exists():
        write_incidents(incidents, events, days)
        write_control(control, days)
    last = FIRST + timedelta(days=days - 4)
    runs = {}
    for history in (days - 3, 30):
        home = FOLDER / f"itsm-home-{history}"
        shutil.rmtree(home, ignore_errors=True)
        where = (str(incidents), str(control), (last - timedelta(days=history - 1)).isoformat())
        at_once = measured(home, *where, last.isoformat())
        with duckdb.connect(str(home / "warehouse" / "ullage.duckdb"), read_only=True) as connection:
            row = connection.execute("select sum(event_count) from marts.fct_incidents").fetchone()
        assert row is not None
        line(f"{row[0] / 1e6:.2f} million updates to all marts of the service desk", at_once)
        if history > 30:
            verdict(
                f"{row[0] / 1e6:.2f} million updates to all marts, s",
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
