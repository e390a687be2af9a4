"""The service desk tool's exports: incidents in its own words and time, changes, requests, surveys."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from assets.simulation.dirt import Dirt
from assets.simulation.estate import SECONDS_A_DAY, Estate
from assets.simulation.files import SourceFiles
from assets.simulation.incidence import HOUR, Happenings
from assets.simulation.incidents import Incidents
from assets.simulation.season import Ints
from assets.simulation.seeds import generator

Objects = npt.NDArray[np.object_]

FOLDER = "sources/itsm"
ZONE = "Europe/Berlin"
LOCAL_FORMAT = "%d.%m.%Y %H:%M:%S"
REQUESTS_A_DAY = 0.4
ANSWER_RATIO, ANNOYED_ANSWER_RATIO = 0.35, 0.8
#: How the incident module names its states.
STATES = {
    "new": "New",
    "assigned": "Assigned",
    "in_progress": "Work in progress",
    "on_hold": "Pending",
    "resolved": "Resolved",
    "closed": "Closed",
    "cancelled": "Cancelled",
}
INCIDENT_COLUMNS = {
    "incident_id": "Number",
    "event_sequence": "Revision",
    "updated_at": "Updated",
    "state": "State",
    "priority": "Priority",
    "title": "Short description",
    "category": "Category",
    "service_id": "Service",
    "ci_id": "Configuration item",
    "team_id": "Assignment group",
    "opened_at": "Opened",
    "resolved_at": "Resolved",
    "closed_at": "Closed",
    "reassignment_count": "Reassignments",
    "reopen_count": "Reopenings",
    "problem_id": "Problem",
    "is_major": "Major incident",
    "source_made_sla": "Made SLA",
}
_REQUEST_KINDS = (
    ("Access", 0.3),
    ("Software", 0.25),
    ("Information", 0.2),
    ("Hardware", 0.15),
    ("Environment", 0.1),
)


def write_incidents(estate: Estate, incidents: Incidents, files: SourceFiles, dirt: Dirt) -> None:
    """One file a month of updates, in Berlin time and the tool's own state names; two rows are spoilt."""
    updates = incidents.updates
    local = _local(updates["at"].to_numpy(dtype=np.int64))
    ids = np.array([service.service_id for service in estate.services], dtype=object)
    names = np.array([*(ci.ci_id for ci in estate.cis), ""], dtype=object)
    frame = pd.DataFrame(
        {
            "Number": updates["incident_id"],
            "Revision": updates["sequence"],
            "Updated": local.strftime(LOCAL_FORMAT),
            "State": updates["state"].map(STATES),
            "Priority": updates["priority"],
            "Short description": updates["title"],
            "Category": updates["category"],
            "Service": ids[updates["service"].to_numpy(dtype=np.int64)],
            "Configuration item": names[updates["ci"].to_numpy(dtype=np.int64)],
            "Assignment group": updates["team"],
            "Opened": _local_text(updates["opened"]),
            "Resolved": _local_text(updates["resolved"]),
            "Closed": _local_text(updates["closed"]),
            "Reassignments": updates["reassignments"],
            "Reopenings": updates["reopenings"],
            "Problem": updates["problem_id"],
            "Major incident": updates["is_major"],
            "Made SLA": updates["made_sla"],
        }
    )
    order = np.lexsort((updates["sequence"], updates["head"], updates["at"]))
    frame, month = frame.iloc[order], np.asarray(local.strftime("%Y-%m"))[order]
    # Only middle updates are spoilt: each incident still has its opening and its end.
    middle = [int(row) for row in np.flatnonzero((frame["Revision"] == 2).to_numpy())]
    third = len(middle) // 3
    frame = dirt.spoil_incidents(frame, middle[third : third + 1], middle[2 * third + 1 : 2 * third + 2])
    for name in sorted(set(month)):
        files.write_csv(
            f"{FOLDER}/incidents_{name}.csv",
            "incidents",
            frame[month == name],
            zone=ZONE,
            timestamp_format=LOCAL_FORMAT,
            columns=INCIDENT_COLUMNS,
            replace={"state": {text: state for state, text in STATES.items()}},
        )


def _local(at: Ints) -> pd.DatetimeIndex:
    """Naive Berlin times. Moments in the hour that autumn repeats become its end, which is unambiguous."""
    stamps = pd.DatetimeIndex(at.astype("datetime64[s]")).tz_localize("UTC").tz_convert(ZONE)
    naive = stamps.tz_localize(None)
    # In the repeated hour the offset falls within the next two hours, or fell within the last one.
    ahead = (stamps + pd.Timedelta(hours=1)).tz_localize(None) == naive
    behind = (stamps - pd.Timedelta(hours=1)).tz_localize(None) == naive
    repeated = np.asarray(ahead | behind)
    return pd.DatetimeIndex(np.where(repeated, naive.floor("h") + pd.Timedelta(hours=1), naive))


def _local_text(at: pd.Series) -> Any:
    values = at.to_numpy(dtype=np.int64)
    return np.where(values >= 0, _local(np.maximum(values, 0)).strftime(LOCAL_FORMAT), "")


def utc_text(at: Ints) -> Any:
    """ISO 8601 texts of UTC epoch seconds; empty for negative ones."""
    stamps = pd.DatetimeIndex(np.maximum(at, 0).astype("datetime64[s]"))
    return np.where(at >= 0, stamps.strftime("%Y-%m-%dT%H:%M:%SZ"), "")


def write_monthly(files: SourceFiles, table: str, frame: pd.DataFrame, column: str) -> None:
    """One CSV a month of `column` (ISO 8601 texts)."""
    months = frame[column].str.slice(0, 7)
    for name in sorted(set(months)):
        files.write_csv(f"{FOLDER}/{table}_{name}.csv", table, frame[months == name])


def write_changes(estate: Estate, happenings: Happenings, files: SourceFiles) -> None:
    """One row a change as last updated, in files by the month of that update."""
    changes = happenings.changes

    def times(values: list[int | None]) -> Any:
        return utc_text(np.array([-1 if value is None else value for value in values], dtype=np.int64))

    frame = pd.DataFrame(
        {
            "change_id": [c.change_id for c in changes],
            "change_kind": [c.kind for c in changes],
            "state": [c.state for c in changes],
            "title": [c.title for c in changes],
            "service_id": [estate.services[c.service].service_id for c in changes],
            "ci_id": [c.ci_id for c in changes],
            "requested_at": times([c.requested for c in changes]),
            "planned_start_at": times([c.planned_start for c in changes]),
            "planned_end_at": times([c.planned_end for c in changes]),
            "started_at": times([c.started for c in changes]),
            "ended_at": times([c.ended for c in changes]),
            "outcome": [c.outcome for c in changes],
            "updated_at": times([c.updated for c in changes]),
        }
    )
    write_monthly(files, "changes", frame, "updated_at")


def write_requests(estate: Estate, files: SourceFiles, dirt: Dirt) -> None:
    """Service requests; one comes twice."""
    draw = generator(estate.settings.seed, "requests")
    days, count = estate.settings.days, len(estate.services)
    numbers = draw.poisson(REQUESTS_A_DAY, (count, days))
    size = int(numbers.sum())
    service = np.repeat(np.arange(count), numbers.sum(axis=1))
    day = np.concatenate([np.repeat(np.arange(days), row) for row in numbers])
    hour = np.clip(draw.normal(10.0, 2.5, size), 0.0, 23.9)
    opened = estate.start_at + day * SECONDS_A_DAY + (hour * HOUR).astype(np.int64)
    order = np.lexsort((service, opened))
    service, opened = service[order], opened[order]
    kind = draw.choice(len(_REQUEST_KINDS), size, p=[share for _, share in _REQUEST_KINDS])
    kinds = _with_complaints(
        estate, np.array([name for name, _ in _REQUEST_KINDS], dtype=object)[kind], service
    )
    fulfilled = opened + (22 * HOUR * np.exp(0.9 * draw.standard_normal(size))).astype(np.int64) + HOUR
    started = opened + (fulfilled - opened) // 5
    closed = fulfilled + 2 * SECONDS_A_DAY
    cancelled, held = draw.random(size) < 0.03, draw.random(size) < 0.2
    end = estate.end_at
    waiting = np.where(held, "on_hold", "in_progress")
    state = np.where(started >= end, "new", np.where(fulfilled >= end, waiting, "fulfilled"))
    state = np.where(closed < end, "closed", state)
    updated = np.where(started >= end, opened, np.where(fulfilled >= end, started, fulfilled))
    updated = np.where(closed < end, closed, updated)
    drops = cancelled & (started < end)
    state, updated = np.where(drops, "cancelled", state), np.where(drops, started, updated)
    frame = pd.DataFrame(
        {
            "request_id": [f"REQ{number:07d}" for number in range(1, size + 1)],
            "request_kind": kinds,
            "service_id": [estate.services[s].service_id for s in service],
            "team_id": [estate.services[s].kind.team_id for s in service],
            "state": state,
            "opened_at": utc_text(opened),
            "fulfilled_at": utc_text(np.where(np.isin(state, ["fulfilled", "closed"]), fulfilled, -1)),
            "updated_at": utc_text(updated),
        }
    )
    write_monthly(files, "service_requests", dirt.repeat_requests(frame), "updated_at")


def _with_complaints(estate: Estate, kinds: Objects, service: Ints) -> Objects:
    """Some of the requests are complaints: many of those about the service that annoys its users."""
    draw = generator(estate.settings.seed, "complaints")
    ratio = np.where(np.isin(service, sorted(_annoying(estate))), 0.4, 0.02)
    return np.asarray(np.where(draw.random(service.size) < ratio, "Complaint", kinds))


def _annoying(estate: Estate) -> set[int]:
    return {s.index for s in estate.services if "watermelon" in s.kind.traits}


def write_surveys(estate: Estate, incidents: Incidents, files: SourceFiles) -> None:
    """Answers to the survey after an incident. One service keeps its targets and still annoys its users."""
    draw = generator(estate.settings.seed, "surveys")
    heads = incidents.heads
    size = len(heads)
    resolved = heads["resolved"].to_numpy(dtype=np.int64)
    hours = (resolved - heads["opened"].to_numpy(dtype=np.int64)) / HOUR
    annoyed = np.isin(heads["service"], sorted(_annoying(estate)))
    mood = 4.5 - 0.9 * (hours > 72) - 0.8 * heads["is_reopened"] - 1.2 * (heads["cause"] != "routine")
    mood = np.where(annoyed, 2.1, mood) + 0.8 * draw.standard_normal(size)
    answered = resolved + (draw.random(size) * 3 * SECONDS_A_DAY).astype(np.int64)
    ratio = np.where(annoyed, ANNOYED_ANSWER_RATIO, ANSWER_RATIO)
    here = (draw.random(size) < ratio) & ~heads["is_cancelled"].to_numpy() & (answered < estate.end_at)
    rows = np.flatnonzero(here)
    rows = rows[np.argsort(answered[rows], kind="stable")]
    frame = pd.DataFrame(
        {
            "response_id": [f"SVY{number:07d}" for number in range(1, rows.size + 1)],
            "service_id": [estate.services[s].service_id for s in heads["service"].iloc[rows]],
            "incident_id": heads["incident_id"].iloc[rows].to_numpy(),
            "answered_at": utc_text(answered[rows]),
            "score": np.clip(np.rint(mood[rows]), 1, 5).astype(np.int64),
        }
    )
    write_monthly(files, "csat_responses", frame, "answered_at")
