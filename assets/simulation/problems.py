"""Problems behind incidents, the incidents that belong to them, and the timeline of major incidents."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from assets.simulation.desk import utc_text, write_monthly
from assets.simulation.estate import SECONDS_A_DAY, Estate
from assets.simulation.files import SourceFiles
from assets.simulation.incidence import MINUTE, Happenings
from assets.simulation.incidents import Incidents
from assets.simulation.seeds import generator

#: A problem of other origin is behind this share of its service's routine incidents, from so many days before it on.
_LINKED_RATIO = 0.5
_LINKED_DAYS_BEFORE = 14
#: Some fixes do not last: incidents come back for so long.
_UNFIXED_RATIO = 0.3
_RECURRING_DAYS = 30
_WORKAROUNDS = {
    "cpu": "Stop report jobs between 9 and 17 o'clock",
    "memory": "Restart the application at night",
    "connections": "End idle database sessions",
    "filesystem": "Delete old log files",
    "network": "Move backups to the weekend",
    "errors": "Ask users to sign in again",
}


@dataclass(frozen=True)
class Problem:
    """A problem and how it runs; UTC epoch seconds, `solved` is negative where nobody solves it."""

    problem_id: str
    title: str
    kind: str
    service: int
    ci: int
    opened: int
    known: int
    solved: int
    change_id: str | None


def draw_problems(estate: Estate, happenings: Happenings, incidents: Incidents) -> list[Problem]:
    """Problems behind capacity incidents that came back, and some of other origin. Deterministic in the settings."""
    draw = generator(estate.settings.seed, "problems")
    rows: list[tuple[str, int, int, int, int, int, str]] = []
    caused = incidents.heads[incidents.heads["cause"] == "capacity"]
    pairs = caused[["service", "resource"]].drop_duplicates().itertuples(index=False)
    remedies = {(int(service), str(resource)): -1 for service, resource in pairs}
    for change in estate.changes:
        if change.reason in ("add_members", "raise_limit"):
            remedies[(change.service, str(change.resource))] = estate.start_at + change.day * SECONDS_A_DAY
    for (service, resource), solved in remedies.items():
        group = caused[(caused["service"] == service) & (caused["resource"] == resource)]
        if group.empty:
            continue
        opened = int(group["opened"].iloc[min(1, len(group) - 1)]) + SECONDS_A_DAY
        title = f"{estate.services[service].name}: not enough {resource}"
        known = opened + 4 * SECONDS_A_DAY
        rows.append((title, service, int(group["ci"].iloc[0]), opened, known, solved, resource))
    for _ in range(max(2, len(estate.services) // 2)):
        service = int(draw.integers(len(estate.services)))
        opened = estate.start_at + int(draw.uniform(0, estate.settings.days) * SECONDS_A_DAY)
        known = opened + int(draw.uniform(2, 12) * SECONDS_A_DAY)
        solved = known + int(draw.uniform(3, 60) * SECONDS_A_DAY)
        title = f"{estate.services[service].name}: repeated errors"
        rows.append((title, service, -1, opened, known, solved, "errors"))
    rows = sorted(row for row in rows if row[3] < estate.end_at)
    rows.sort(key=lambda row: row[3])
    problems = []
    for number, (title, service, ci, opened, known, solved, kind) in enumerate(rows, start=1):
        fix = _fix(happenings, service, solved)
        problems.append(Problem(f"PRB{number:07d}", title, kind, service, ci, opened, known, solved, fix))
    return problems


def _fix(happenings: Happenings, service: int, solved: int) -> str | None:
    """The successful change of the service on the day of the fix, when there is one."""
    for change in happenings.changes:
        if change.service != service or change.outcome != "successful" or change.ended is None:
            continue
        if abs(solved - change.ended) <= SECONDS_A_DAY:
            return change.change_id
    return None


def link_problems(estate: Estate, incidents: Incidents, problems: list[Problem]) -> None:
    """Add `problem_id` to the updates of incidents, from the opening of their problem on; `""` before and without one.

    A problem of other origin keeps half of the service's routine incidents until it is solved; some fixes do not last.
    """
    draw = generator(estate.settings.seed, "problem links")
    heads = incidents.heads
    opened, service = heads["opened"].to_numpy(dtype=np.int64), heads["service"].to_numpy(dtype=np.int64)
    names = np.full(len(heads), "", dtype=object)
    since = np.zeros(len(heads), dtype=np.int64)
    chance = draw.random(len(heads))
    for problem in problems:
        if problem.kind == "errors":
            lasts = draw.random() < _UNFIXED_RATIO
            until = problem.solved + (_RECURRING_DAYS * SECONDS_A_DAY if lasts else 0)
            begin = problem.opened - _LINKED_DAYS_BEFORE * SECONDS_A_DAY
            here = (heads["cause"] == "routine").to_numpy() & (chance < _LINKED_RATIO)
            here &= (service == problem.service) & (opened >= begin) & (opened < until)
        else:
            here = (heads["cause"] == "capacity").to_numpy() & (service == problem.service)
            here &= (heads["resource"] == problem.kind).to_numpy()
        here &= names == ""
        names[here] = problem.problem_id
        since[here] = problem.opened
    updates = incidents.updates
    head = updates["head"].to_numpy()
    is_known = updates["at"].to_numpy(dtype=np.int64) >= since[head]
    updates["problem_id"] = np.where(is_known, names[head], "")


def write_problems(estate: Estate, problems: list[Problem], files: SourceFiles) -> None:
    """One row a problem as last updated, in files by the month of that update."""
    frame = pd.DataFrame([_row(estate, problem) for problem in problems])
    write_monthly(files, "problems", frame, "updated_at")


def _row(estate: Estate, problem: Problem) -> dict[str, str]:
    reached = [("investigating", problem.opened)]
    if problem.known < estate.end_at:
        reached.append(("known_error", problem.known))
    if problem.known < problem.solved < estate.end_at:
        reached.append(("resolved", problem.solved))
    state, updated = reached[-1]
    passed = dict(reached)

    def time(at: int) -> str:
        return str(utc_text(np.array([at]))[0])

    is_known = "known_error" in passed
    return {
        "problem_id": problem.problem_id,
        "title": problem.title,
        "service_id": estate.services[problem.service].service_id,
        "ci_id": "" if problem.ci < 0 else estate.cis[problem.ci].ci_id,
        "team_id": estate.services[problem.service].kind.team_id,
        "state": state,
        "root_cause": problem.title if is_known else "",
        "workaround": _WORKAROUNDS[problem.kind] if is_known and problem.opened % 4 else "",
        "change_id": (problem.change_id or "") if "resolved" in passed else "",
        "opened_at": time(problem.opened),
        "known_error_at": time(passed.get("known_error", -1)),
        "resolved_at": time(passed.get("resolved", -1)),
        "updated_at": time(updated),
    }


def declare_major_incidents(estate: Estate, incidents: Incidents) -> pd.DataFrame:
    """Declare incidents of priority 1 with a known cause major: adds `is_major` to their updates, gives their timeline.

    Columns: incident_id, and UTC epoch seconds declared, told, restored, reviewed (-1: not yet), updated.
    """
    draw = generator(estate.settings.seed, "major incidents")
    heads = incidents.heads
    is_major = ((heads["priority"] == 1) & (heads["cause"] != "routine")).to_numpy()
    opened, resolved = heads["opened"].to_numpy(dtype=np.int64), heads["resolved"].to_numpy(dtype=np.int64)
    span = resolved - opened
    declared = opened + np.minimum(draw.integers(3, 20, len(heads)) * MINUTE, span // 3)
    told = declared + np.minimum(draw.integers(5, 40, len(heads)) * MINUTE, span // 3)
    restored = resolved - span // 10
    reviewed = resolved + draw.integers(2, 12, len(heads)) * SECONDS_A_DAY
    end = estate.end_at
    timeline = pd.DataFrame({"incident_id": heads["incident_id"], "declared": declared})
    for name, at in (("told", told), ("restored", restored), ("reviewed", reviewed)):
        timeline[name] = np.where(at < end, at, -1)
    timeline["updated"] = timeline[["declared", "told", "restored", "reviewed"]].max(axis=1)
    updates = incidents.updates
    head = updates["head"].to_numpy()
    known = is_major[head] & (updates["at"].to_numpy(dtype=np.int64) >= declared[head])
    updates["is_major"] = np.where(known, "true", "false")
    return timeline[is_major & (declared < end)].reset_index(drop=True)


def write_major_incidents(timeline: pd.DataFrame, files: SourceFiles) -> None:
    """One row a major incident as last updated, in files by the month of that update."""
    columns = {"declared_at": "declared", "first_update_at": "told", "restored_at": "restored"}
    columns |= {"reviewed_at": "reviewed", "updated_at": "updated"}
    frame = pd.DataFrame({"incident_id": timeline["incident_id"]})
    for name, column in columns.items():
        frame[name] = utc_text(timeline[column].to_numpy(dtype=np.int64))
    write_monthly(files, "major_incidents", frame, "updated_at")
