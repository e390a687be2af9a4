"""Simulates an estate: plans it, writes every source file and control record, and keeps the truth."""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from assets.landing.contracts import contracts
from assets.simulation.agreements import write_approvals, write_sla_cycles
from assets.simulation.calibration import calibrate
from assets.simulation.cmdb import write_cmdb
from assets.simulation.control_records import write_control_records
from assets.simulation.desk import write_changes, write_incidents, write_requests, write_surveys
from assets.simulation.dirt import Dirt
from assets.simulation.estate import Estate, build_estate
from assets.simulation.files import SourceFiles, replace_file
from assets.simulation.incidence import Happenings, plan_happenings
from assets.simulation.incidents import Incidents, draw_incidents
from assets.simulation.information import write_information
from assets.simulation.ledger import write_business_demand, write_costs
from assets.simulation.monitoring import write_monitoring
from assets.simulation.outages import write_outages
from assets.simulation.plans import write_plans
from assets.simulation.problems import (
    declare_major_incidents,
    draw_problems,
    link_problems,
    write_major_incidents,
    write_problems,
)
from assets.simulation.settings import SimulationSettings
from assets.simulation.throughput import throughput_table, write_load_tests
from assets.simulation.truth import Truth, coefficient_table, load_truth, saturation_table, service_table

MARKER = "truth/simulated.json"


def simulate(settings: SimulationSettings, home: Path) -> Truth:
    """Write the simulated estate of `settings` under `home` and return its truth.

    Writes `sources/…`, `control/…` and `truth/…`. Deterministic: the same settings and code give the same
    bytes. When a marker says that exactly this is already there, and no file has been lost or changed its
    size, nothing is written.
    """
    stamp = _stamp(settings)
    known = _read_marker(home)
    if known is not None and known["stamp"] == stamp and _is_whole(home, known["files"]):
        return load_truth(home)
    (home / MARKER).unlink(missing_ok=True)
    truth, written = _write(settings, home)
    sizes = {path: (home / path).stat().st_size for path in sorted(written)}
    # What an earlier simulation of other settings has left must not be read as part of this one.
    for stale in set(known["files"] if known else ()) - set(sizes):
        (home / stale).unlink(missing_ok=True)
    content = json.dumps({"stamp": stamp, "files": sizes}, indent=1) + "\n"
    replace_file(home / MARKER, content.encode("utf-8"))
    return truth


def _write(settings: SimulationSettings, home: Path) -> tuple[Truth, list[str]]:
    estate = build_estate(settings)
    calibration = calibrate(estate)
    happenings = plan_happenings(estate)
    files, dirt = SourceFiles(home), Dirt()
    write_control_records(estate, files)
    write_cmdb(estate, calibration, files)
    write_information(estate, files)
    write_plans(estate, calibration, happenings, files)
    exhaustions, daily = write_monitoring(estate, calibration, happenings, files, dirt)
    incidents = draw_incidents(estate, happenings, exhaustions)
    problems = draw_problems(estate, happenings, incidents)
    link_problems(estate, incidents, problems)
    major = declare_major_incidents(estate, incidents)
    write_incidents(estate, incidents, files, dirt)
    write_outages(estate, happenings, incidents, files)
    write_major_incidents(major, files)
    write_changes(estate, happenings, files)
    write_approvals(estate, happenings, files)
    write_sla_cycles(incidents, files)
    write_requests(estate, files, dirt)
    write_problems(estate, problems, files)
    write_surveys(estate, incidents, files)
    write_costs(estate, calibration, files)
    write_business_demand(estate, daily, files)
    load_tests = write_load_tests(estate, calibration, files)
    tables = {
        "services": service_table(estate),
        "saturation": saturation_table(estate, calibration),
        "coefficients": coefficient_table(estate, calibration),
        "throughput": throughput_table(estate, calibration),
        "load_tests": load_tests,
        "changes": _change_effects(estate, happenings),
        "outages": _outages(estate, happenings),
        "capacity_incidents": _capacity_incidents(estate, incidents),
        "collisions": _collisions(happenings),
        "files": pd.DataFrame(
            [(path, files.tables[path], rows) for path, rows in sorted(files.rows.items())],
            columns=["path", "table", "rows"],
        ),
    }
    facts: dict[str, Any] = {
        "settings": json.loads(settings.model_dump_json()),
        "start_date": settings.start_date.isoformat(),
        "end_date": settings.end_date.isoformat(),
        "dirty_rows": dirt.counts,
        "rows": tables["files"].groupby("table")["rows"].sum().astype(int).to_dict(),
    }
    truth = Truth(facts, tables)
    paths = [path.relative_to(home).as_posix() for path in truth.save(home / "truth")]
    for path in files.rows:
        paths += [path] if path.startswith("control/") else [path, f"{path}.sidecar.yaml"]
    return load_truth(home), paths


def _moment(at: int) -> pd.Timestamp:
    return pd.Timestamp(at, unit="s")


def _change_effects(estate: Estate, happenings: Happenings) -> pd.DataFrame:
    """Changes with a known effect: load per member (members), limit (limits) or demand times `factor` from
    `day` on.
    """
    rows = []
    for change in happenings.changes:
        if change.planned is None:
            continue
        planned = change.planned
        service_id = estate.services[planned.service].service_id
        day = estate.day(planned.day)
        rows.append(
            (
                change.change_id,
                service_id,
                change.ci_id,
                planned.reason,
                planned.resource,
                planned.factor,
                day,
            )
        )
    columns = ["change_id", "service_id", "ci_id", "reason", "resource", "factor", "effective_date"]
    return pd.DataFrame(rows, columns=columns)


def _outages(estate: Estate, happenings: Happenings) -> pd.DataFrame:
    rows = [
        (estate.services[o.service].service_id, _moment(o.start), _moment(o.end), o.change_id)
        for o in happenings.outages
    ]
    return pd.DataFrame(rows, columns=["service_id", "started_at", "ended_at", "change_id"])


def _capacity_incidents(estate: Estate, incidents: Incidents) -> pd.DataFrame:
    heads = incidents.heads[incidents.heads["cause"] == "capacity"]
    return pd.DataFrame(
        {
            "incident_id": heads["incident_id"].to_numpy(),
            "service_id": [estate.services[s].service_id for s in heads["service"]],
            "ci_id": [estate.cis[c].ci_id for c in heads["ci"]],
            "resource": heads["resource"].to_numpy(),
            "exhausted_at": [_moment(at) for at in heads["exhausted"]],
            "opened_at": [_moment(at) for at in heads["opened"]],
        }
    )


def _collisions(happenings: Happenings) -> pd.DataFrame:
    """Pairs of changes whose planned times overlap on the same CI; cancelled ones collide with nothing."""
    by_ci: dict[str, list[tuple[int, int, str]]] = {}
    for change in happenings.changes:
        if change.ci_id is not None and change.state != "cancelled":
            by_ci.setdefault(change.ci_id, []).append(
                (change.planned_start, change.planned_end, change.change_id)
            )
    rows = []
    for ci_id, spans in sorted(by_ci.items()):
        spans.sort()
        for i, (_, end, first) in enumerate(spans):
            rows += [(ci_id, first, other) for start, _, other in spans[i + 1 :] if start < end]
    return pd.DataFrame(rows, columns=["ci_id", "first_change_id", "second_change_id"])


@lru_cache(maxsize=1)
def _code_version() -> str:
    # The contracts name keys and columns of what is written, and pyarrow decides on the bytes of a file.
    parts = [pa.__version__, *(table.digest for _, table in sorted(contracts().items()))]
    digest = hashlib.sha256(" ".join(parts).encode())
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()


def _stamp(settings: SimulationSettings) -> str:
    return hashlib.sha256(f"{settings.model_dump_json()} {_code_version()}".encode()).hexdigest()


def _read_marker(home: Path) -> dict[str, Any] | None:
    try:
        content: dict[str, Any] = json.loads((home / MARKER).read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    return content if {"stamp", "files"} <= set(content) else None


def _is_whole(home: Path, sizes: dict[str, int]) -> bool:
    paths = {path: home / path for path in sizes}
    return all(file.is_file() and file.stat().st_size == sizes[path] for path, file in paths.items())
