"""What the service desk's tool keeps beside its tickets: approvals of changes, and its own clocks of incidents."""

from __future__ import annotations

import numpy as np
import pandas as pd

from assets.simulation.desk import utc_text, write_monthly
from assets.simulation.estate import Estate
from assets.simulation.files import SourceFiles
from assets.simulation.incidence import HOUR, MINUTE, Change, Happenings
from assets.simulation.incidents import Incidents, source_limit_minutes
from assets.simulation.seeds import generator

#: Whom a change is put before, by its kind; standard changes are approved once and for all.
_APPROVERS = {"normal": ("Change advisory board", "{service} owner"), "emergency": ("Change manager",)}
#: Emergency changes that are approved only when they are under way.
_AFTERWARDS_RATIO = 0.4
_CLOCK_STATES = {
    "on_hold": "paused",
    "resolved": "completed",
    "closed": "completed",
    "cancelled": "cancelled",
}


def write_approvals(estate: Estate, happenings: Happenings, files: SourceFiles) -> None:
    """One row an approver of a change as last updated, in files by the month of that update."""
    draw = generator(estate.settings.seed, "approvals")
    rows = []
    for change in happenings.changes:
        for approver in _APPROVERS.get(change.kind, ()):
            share, late = draw.random(2)
            name = approver.format(service=estate.services[change.service].name)
            rows.append((change.change_id, name, *_decision(estate, change, float(share), float(late))))
    columns = ["record_id", "approver", "state", "requested", "decided", "updated"]
    frame = pd.DataFrame(rows, columns=columns).sort_values(
        ["updated", "record_id", "approver"], kind="stable"
    )
    write_monthly(
        files,
        "approvals",
        pd.DataFrame(
            {
                "approval_id": [f"APR{number:07d}" for number in range(1, len(frame) + 1)],
                "record_table": "changes",
                "record_id": frame["record_id"].to_numpy(),
                "approver": frame["approver"].to_numpy(),
                "state": frame["state"].to_numpy(),
                **{
                    f"{name}_at": utc_text(frame[name].to_numpy(dtype=np.int64))
                    for name in ("requested", "decided", "updated")
                },
            }
        ),
        "updated_at",
    )


def _decision(estate: Estate, change: Change, share: float, late: float) -> tuple[str, int, int, int]:
    """State, and UTC epoch seconds asked, decided (-1: not yet), last updated."""
    asked = min(change.requested + HOUR, change.updated)
    begin = change.planned_start if change.started is None else change.started
    decided = asked + int(share * max(begin - asked, 2 * MINUTE))
    if change.kind == "emergency" and late < _AFTERWARDS_RATIO:
        decided = begin + int((0.2 + share) * HOUR)
    if change.state == "cancelled":
        return "cancelled", asked, -1, change.updated
    if change.state in ("new", "assessed") or decided >= estate.end_at:
        return "requested", asked, -1, asked
    return "approved", asked, decided, decided


def write_sla_cycles(incidents: Incidents, files: SourceFiles) -> None:
    """The tool's clock of each incident's solution: all time counts, waiting too. In files by month."""
    updates = incidents.updates
    last = updates.groupby("head", sort=True).tail(1)
    at, opened = last["at"].to_numpy(dtype=np.int64), last["opened"].to_numpy(dtype=np.int64)
    resolved = last["resolved"].to_numpy(dtype=np.int64)
    is_cancelled = (last["state"] == "cancelled").to_numpy()
    stopped = np.where(is_cancelled, at, resolved)
    elapsed = (np.where(stopped >= 0, stopped, at) - opened) / MINUTE
    goal = source_limit_minutes(last["priority"].to_numpy(dtype=np.int64))
    frame = pd.DataFrame(
        {
            "cycle_id": last["incident_id"].to_numpy() + "-resolution",
            "incident_id": last["incident_id"].to_numpy(),
            "sla_name": [f"Resolution of priority {priority}" for priority in last["priority"]],
            "agreement_kind": "sla",
            "measure": "incident_resolution_minutes",
            "state": last["state"].map(_CLOCK_STATES).fillna("running").to_numpy(),
            "started_at": utc_text(opened),
            "stopped_at": utc_text(stopped),
            "goal_minutes": goal.astype(np.int64),
            "elapsed_minutes": np.round(elapsed, 3),
            "is_breached": np.where(elapsed > goal, "true", "false"),
            "updated_at": utc_text(at),
        }
    )
    frame = frame.sort_values(["updated_at", "cycle_id"], kind="stable")
    write_monthly(files, "sla_cycles", frame, "updated_at")


__all__ = ["write_approvals", "write_sla_cycles"]
