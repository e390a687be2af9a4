"""Simulated tickets of an organisation as landing writes them: one Parquet file a table and UTC day of the update.

All tables have the same rates a day however long the history is: for 100 incidents (six updates each on average) 50
service requests, 5 changes, half a problem, 200 clocks of the source, and an approval of each change and fifth request.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from assets.landing.contracts import contracts

FIRST = date(2023, 7, 1)
TEAMS, SERVICES = 40, 60
#: Configuration items for each incident of a day: the estate is as large on the first day as on the last.
CIS_FOR_INCIDENTS_A_DAY = 4
MINUTE = 60_000_000
#: State, minutes after the one before (mean), share of incidents that pass through it.
Course = Sequence[tuple[str, float, float]]
INCIDENTS: Course = (
    ("new", 0.0, 1.0),
    ("assigned", 30.0, 1.0),
    ("assigned", 60.0, 0.5),
    ("in_progress", 120.0, 1.0),
    ("on_hold", 600.0, 0.3),
    ("in_progress", 1_500.0, 0.3),
    ("resolved", 900.0, 1.0),
    ("closed", 4_320.0, 0.97),
)
REQUESTS: Course = (
    ("new", 0.0, 1.0),
    ("in_progress", 240.0, 1.0),
    ("fulfilled", 1_800.0, 1.0),
    ("closed", 4_320.0, 0.97),
)
PROBLEMS: Course = (
    ("new", 0.0, 1.0),
    ("known_error", 7_200.0, 0.7),
    ("resolved", 28_800.0, 0.9),
)
CHANGES: Course = (
    ("scheduled", 0.0, 1.0),
    ("implementing", 7_200.0, 1.0),
    ("closed", 240.0, 1.0),
)
APPROVALS: Course = (("requested", 0.0, 1.0), ("approved", 600.0, 1.0))
CYCLES: Course = (("running", 0.0, 1.0), ("completed", 0.0, 1.0))
#: For each incident so many requests, changes and problems.
REQUESTS_AN_INCIDENT, CHANGES_AN_INCIDENT, PROBLEMS_AN_INCIDENT = 1 / 2, 1 / 20, 1 / 200
#: Updates of tickets for each incident: its own, and those of the requests, changes and problems that come with it.
UPDATES = sum(
    tickets * sum(share for _, _, share in course)
    for tickets, course in (
        (1.0, INCIDENTS),
        (REQUESTS_AN_INCIDENT, REQUESTS),
        (CHANGES_AN_INCIDENT, CHANGES),
        (PROBLEMS_AN_INCIDENT, PROBLEMS),
    )
)


@dataclass(frozen=True)
class Updates:
    """Updates of records in order of time: record, step of its course, moment, number within the record."""

    row: np.ndarray[Any, Any]
    step: np.ndarray[Any, Any]
    moment: np.ndarray[Any, Any]
    place: np.ndarray[Any, Any]
    #: By step and record, microseconds since 1970; the record may have passed over the step.
    reached: np.ndarray[Any, Any]

    def known(self, part: slice, step: int) -> pa.Array:
        """When the record came to a step, if it has not passed over it and the update is not before it."""
        moments = self.reached[step, self.row[part]]
        passed_over = step > 0 and moments == self.reached[step - 1, self.row[part]]
        return pa.array(moments.astype("datetime64[us]"), mask=(self.step[part] < step) | passed_over)


class Days:
    """Moments from FIRST on, and the folder to which files of `days` days are written."""

    def __init__(self, folder: Path, days: int) -> None:
        self.folder, self.days = folder, days
        self.start = int(np.datetime64(FIRST, "us").astype(np.int64))
        self.end = self.start + days * 1_440 * MINUTE

    def openings(self, draw: np.random.Generator, count: int) -> np.ndarray[Any, Any]:
        """Moments of `count` records, whole minutes, in order."""
        return np.sort(self.start + draw.integers(0, self.days * 1_440, count) * MINUTE)

    def updates(
        self, draw: np.random.Generator, opened: np.ndarray[Any, Any], course: Course, reached: Any = None
    ) -> Updates:
        """What happens to records until the last day; `reached` gives the moments of the steps instead of chance."""
        count = opened.size
        parts, moments, at = [], [], opened.copy()
        sequence = np.zeros(count, dtype=np.int64)
        here = np.ones(count, dtype=bool)
        for number, (_, minutes, share) in enumerate(course):
            if course[number - 1][0] != "on_hold":  # what was on hold comes back
                here = draw.random(count) < share
            if reached is None:
                at = at + np.where(here, (draw.exponential(minutes, count) * MINUTE).astype(np.int64), 0)
            else:
                at = reached[number]
            sequence += here
            rows = np.flatnonzero(here & (at < self.end))
            parts.append((rows, np.full(rows.size, number, dtype=np.int32), at[rows], sequence[rows]))
            moments.append(at)
        row, step, moment, place = (np.concatenate([part[i] for part in parts]) for i in range(4))
        order = np.lexsort((row, moment))
        return Updates(row[order], step[order], moment[order], place[order], np.stack(moments))

    def write(self, table: str, updates: Updates, columns: Callable[[slice], Mapping[str, pa.Array]]) -> None:
        """A file for each day, columns that `columns` does not give are null."""
        schema = contracts()[table].arrow_schema
        day = (updates.moment - self.start) // (1_440 * MINUTE)
        bounds = np.searchsorted(day, np.arange(self.days + 1))
        for number in range(self.days):
            part = slice(bounds[number], bounds[number + 1])
            size = int(bounds[number + 1] - bounds[number])
            values = {
                "updated_at": pa.array(updates.moment[part].astype("datetime64[us]")),
                "source_file": pa.array(["bench"] * size, pa.string()),
                "source_row": pa.array(np.arange(1, size + 1)),
                **columns(part),
            }
            arrays = [
                pc.cast(values[field.name], field.type)
                if field.name in values
                else pa.nulls(size, field.type)
                for field in schema
            ]
            path = self.folder / table / f"date={FIRST + timedelta(days=number)}" / f"{table}.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(pa.Table.from_arrays(arrays, schema=schema), path, compression="zstd")


def _names(prefix: str, numbers: np.ndarray[Any, Any], width: int) -> pa.Array:
    texts = pc.utf8_lpad(pc.cast(pa.array(numbers), pa.string()), width=width, padding="0")
    return pc.binary_join_element_wise(prefix, texts, "")


def _states(course: Course, steps: np.ndarray[Any, Any]) -> pa.Array:
    return pa.array([state for state, _, _ in course]).take(pa.array(steps))


def write_records(folder: Path, events: int, days: int) -> None:
    """About `events` updates of tickets over `days` days: incidents, requests, changes and problems.

    The clocks that the source keeps of the incidents and the approvals of changes and requests come on top.
    """
    draw = np.random.default_rng([events, days])
    at = Days(folder, days)
    count = round(events / UPDATES)
    cis = max(100, CIS_FOR_INCIDENTS_A_DAY * count // days)
    incidents = _write_incidents(at, draw, count, cis)
    _write_cycles(at, draw, incidents)
    _write_problems(at, draw, round(count * PROBLEMS_AN_INCIDENT), cis)
    requests = _write_requests(at, draw, round(count * REQUESTS_AN_INCIDENT))
    changes = _write_changes(at, draw, round(count * CHANGES_AN_INCIDENT), cis)
    _write_approvals(at, draw, changes, requests[::5])


def _write_incidents(at: Days, draw: np.random.Generator, count: int, cis: int) -> Updates:
    opened = at.openings(draw, count)
    first_team, second_team = (draw.integers(0, TEAMS, count) for _ in range(2))
    ci = draw.integers(0, cis, count)
    problem = round(count * PROBLEMS_AN_INCIDENT)
    updates = at.updates(draw, opened, INCIDENTS)
    priority = draw.choice(4, count, p=(0.02, 0.08, 0.4, 0.5)) + 1

    def columns(part: slice) -> Mapping[str, pa.Array]:
        r, s = updates.row[part], updates.step[part]
        # A problem is found from the incidents of its time.
        problems = _names("PRB", r * problem // count, 8)
        return {
            "incident_id": _names("INC", r, 8),
            "event_sequence": pa.array(updates.place[part]),
            "state": _states(INCIDENTS, s),
            "priority": pa.array(priority[r]),
            "service_id": _names("service-", r % SERVICES, 3),
            "ci_id": _names("ci-", ci[r], 5),
            "team_id": _names("team-", np.where(s >= 2, second_team[r], first_team[r]), 3),
            "opened_at": pa.array(opened[r].astype("datetime64[us]")),
            "problem_id": pc.if_else(pa.array(r % 20 == 0), problems, None),
            "is_major": pa.array((priority[r] == 1) & (s > 0)),
            "source_made_sla": pa.array(r % 3 > 0),
        }

    at.write("incidents", updates, columns)
    return updates


def _write_cycles(at: Days, draw: np.random.Generator, incidents: Updates) -> None:
    """Two clocks of the source for each incident: to the first touch and to the resolution."""
    count = incidents.reached.shape[1]
    opened = incidents.reached[0]
    reached = np.stack([np.repeat(opened, 2), incidents.reached[[3, 6]].T.ravel()])
    updates = at.updates(draw, reached[0], CYCLES, reached)
    measures = pa.array(["incident_response_minutes", "incident_resolution_minutes"])

    def columns(part: slice) -> Mapping[str, pa.Array]:
        r, s = updates.row[part], updates.step[part]
        elapsed = (updates.moment[part] - reached[0, r]) / MINUTE
        return {
            "cycle_id": _names("CYC", r, 9),
            "incident_id": _names("INC", r // 2, 8),
            "sla_name": measures.take(pa.array(r % 2)),
            "agreement_kind": pa.array(["sla"] * r.size, pa.string()),
            "measure": measures.take(pa.array(r % 2)),
            "state": _states(CYCLES, s),
            "started_at": updates.known(part, 0),
            "stopped_at": updates.known(part, 1),
            "goal_minutes": pa.array(np.full(r.size, 480.0)),
            "elapsed_minutes": pa.array(elapsed),
            "is_breached": pa.array(elapsed > 480),
        }

    assert updates.row.size <= 4 * count
    at.write("sla_cycles", updates, columns)


def _write_requests(at: Days, draw: np.random.Generator, count: int) -> np.ndarray[Any, Any]:
    opened = at.openings(draw, count)
    updates = at.updates(draw, opened, REQUESTS)
    kinds = pa.array(["Access", "Laptop", "Software", "Mailbox"])

    def columns(part: slice) -> Mapping[str, pa.Array]:
        r = updates.row[part]
        return {
            "request_id": _names("REQ", r, 8),
            "request_kind": kinds.take(pa.array(r % 4)),
            "service_id": _names("service-", r % SERVICES, 3),
            "team_id": _names("team-", r % TEAMS, 3),
            "state": _states(REQUESTS, updates.step[part]),
            "opened_at": pa.array(opened[r].astype("datetime64[us]")),
            "fulfilled_at": updates.known(part, 2),
        }

    at.write("service_requests", updates, columns)
    return opened


def _write_problems(at: Days, draw: np.random.Generator, count: int, cis: int) -> None:
    opened = at.openings(draw, count)
    updates = at.updates(draw, opened, PROBLEMS)
    ci = draw.integers(0, cis, count)

    def columns(part: slice) -> Mapping[str, pa.Array]:
        r = updates.row[part]
        return {
            "problem_id": _names("PRB", r, 8),
            "service_id": _names("service-", r % SERVICES, 3),
            "ci_id": _names("ci-", ci[r], 5),
            "team_id": _names("team-", r % TEAMS, 3),
            "state": _states(PROBLEMS, updates.step[part]),
            "opened_at": pa.array(opened[r].astype("datetime64[us]")),
            "known_error_at": updates.known(part, 1),
            "resolved_at": updates.known(part, 2),
        }

    at.write("problems", updates, columns)


def _write_changes(at: Days, draw: np.random.Generator, count: int, cis: int) -> np.ndarray[Any, Any]:
    opened = at.openings(draw, count)
    updates = at.updates(draw, opened, CHANGES)
    ci = draw.integers(0, cis, count)
    failed = draw.random(count) < 0.05

    def columns(part: slice) -> Mapping[str, pa.Array]:
        r, s = updates.row[part], updates.step[part]
        planned = updates.reached[1, r]
        outcomes = pc.if_else(pa.array(failed[r]), "failed", "successful")
        return {
            "change_id": _names("CHG", r, 8),
            "change_kind": pc.if_else(pa.array(r % 3 > 0), "standard", "normal"),
            "state": _states(CHANGES, s),
            "service_id": _names("service-", r % SERVICES, 3),
            "ci_id": _names("ci-", ci[r], 5),
            "requested_at": pa.array(opened[r].astype("datetime64[us]")),
            "planned_start_at": pa.array(planned.astype("datetime64[us]")),
            "planned_end_at": pa.array((planned + 120 * MINUTE).astype("datetime64[us]")),
            "started_at": updates.known(part, 1),
            "ended_at": updates.known(part, 2),
            "outcome": pc.if_else(pa.array(s == 2), outcomes, None),
        }

    at.write("changes", updates, columns)
    return opened


def _write_approvals(
    at: Days, draw: np.random.Generator, changes: np.ndarray[Any, Any], requests: np.ndarray[Any, Any]
) -> None:
    """Asked for when the change or request is opened; of the requests it is each fifth."""
    number = np.concatenate([np.arange(changes.size), 5 * np.arange(requests.size)])
    is_request = np.repeat([False, True], [changes.size, requests.size])
    updates = at.updates(draw, np.concatenate([changes, requests]), APPROVALS)

    def columns(part: slice) -> Mapping[str, pa.Array]:
        r = updates.row[part]
        of_request = pa.array(is_request[r])
        records = (_names(prefix, number[r], 8) for prefix in ("REQ", "CHG"))
        return {
            "approval_id": _names("APP", r, 8),
            "record_table": pc.if_else(of_request, "service_requests", "changes"),
            "record_id": pc.if_else(of_request, *records),
            "approver": _names("person-", r % 97, 3),
            "state": _states(APPROVALS, updates.step[part]),
            "requested_at": updates.known(part, 0),
            "decided_at": updates.known(part, 1),
        }

    at.write("approvals", updates, columns)


def write_control(folder: Path, events: int, days: int) -> None:
    """Calendars, services, configuration items, teams and targets of the same organisation."""
    always = date(2020, 1, 1)
    approved = {"valid_from": always, "approved_by": "bench", "approved_at": datetime(2020, 1, 1, 9)}  # noqa: DTZ001
    cis = range(max(100, CIS_FOR_INCIDENTS_A_DAY * round(events / UPDATES) // days))
    hours = {"opens": "08:00", "closes": "18:00", "valid_from": always}
    tables: dict[str, list[dict[str, Any]]] = {
        "calendars": [
            {"calendar_id": "office", "zone": "Europe/Berlin", "weekday": day} | hours for day in range(1, 6)
        ],
        "services": [
            {"service_id": f"service-{n:03d}", "service_name": f"Service {n}", "owner": "bench"}
            | {
                "criticality": 2,
                "calendar_id": "office",
                "team_id": f"team-{n % TEAMS:03d}",
                "valid_from": always,
            }
            for n in range(SERVICES)
        ],
        "configuration_items": [
            {"ci_id": f"ci-{n:05d}", "ci_name": f"CI {n}", "ci_kind": "host", "valid_from": always}
            for n in cis
        ],
        "service_cis": [
            {"service_id": f"service-{n % SERVICES:03d}", "ci_id": f"ci-{n:05d}", "valid_from": always}
            for n in cis
        ],
        "teams": [
            {"team_id": f"team-{n:03d}", "team_name": f"Team {n}", "calendar_id": "office", "headcount": 6.0}
            | {"ticket_hours_per_week": 20.0}
            for n in range(TEAMS)
        ],
        "targets": [
            {"target_id": f"{measure}-{p}", "measure": f"incident_{measure}_minutes", "priority": p}
            | {"comparator": "<=", "target_value": float(240 * p), "objective_ratio": 0.9}
            | approved
            for measure in ("resolution", "response")
            for p in range(1, 5)
        ],
    }
    for table, rows in tables.items():
        schema = contracts()[table].arrow_schema
        path = folder / table / "all.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.Table.from_pylist(rows, schema=schema), path, compression="zstd")
