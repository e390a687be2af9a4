"""Incidents and their updates: routine ones, those of outages, and those that exhausted resources caused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from assets.simulation.estate import SECONDS_A_DAY, Estate
from assets.simulation.incidence import HOUR, MINUTE, Happenings
from assets.simulation.monitoring import Exhaustion
from assets.simulation.season import Floats, Ints, local_times
from assets.simulation.seeds import generator

#: Routine incidents of a service on an ordinary working day.
ROUTINE_A_DAY = 0.27
#: The same resource of the same pool opens no second incident within this time.
COOL_DOWN = 3 * SECONDS_A_DAY
_PRIORITIES: Floats = np.array([0.02, 0.12, 0.50, 0.36])
#: Median hours to resolve by priority 1 to 4, and their spread.
_MEDIAN_HOURS: Floats = np.array([1.6, 3.6, 22.0, 55.0])
_SPREAD = 0.7
#: Minutes within which the source's own tool says that the agreement was kept.
_SOURCE_SLA_MINUTES: Floats = np.array([240.0, 480.0, 2880.0, 7200.0])
_SLOWER_TEAMS = {"integration": 1.35, "data-platform": 1.2, "workplace": 0.9, "network": 0.85}
_CATEGORIES = (
    ("Access", "Cannot sign in to {service}", 0.26),
    ("Software", "{service} shows an error message", 0.30),
    ("Data", "Wrong data in {service}", 0.16),
    ("Network", "Connection to {service} drops", 0.12),
    ("Performance", "{service} feels slow", 0.10),
    ("Hardware", "Device cannot reach {service}", 0.06),
)
_EXHAUSTED_TITLES = {
    "cpu": "{service} responds slowly at peak time",
    "memory": "{service} runs out of memory",
    "connections": "{service} refuses database connections",
    "filesystem": "Disk of {service} is nearly full",
    "network": "Network of {service} is saturated",
}


@dataclass
class Incidents:
    """Incidents in the order of their opening, and their updates before the end of the window.

    `heads` has one row an incident, `updates` one a state; times are UTC epoch seconds.
    """

    heads: pd.DataFrame
    updates: pd.DataFrame


def draw_incidents(estate: Estate, happenings: Happenings, exhaustions: list[Exhaustion]) -> Incidents:
    """Draw all incidents. Deterministic in the settings."""
    draw = generator(estate.settings.seed, "incidents")
    heads = pd.concat(
        [
            _routine(estate, draw),
            _from_outages(estate, happenings, draw),
            _from_exhaustions(estate, exhaustions, draw),
        ],
        ignore_index=True,
    )
    heads = heads[heads["opened"] < estate.end_at]
    heads = heads.sort_values(["opened", "service", "title"], kind="stable").reset_index(drop=True)
    heads["incident_id"] = [f"INC{number:07d}" for number in range(1, len(heads) + 1)]
    _draw_course(estate, heads, draw)
    return Incidents(heads, _updates(estate, heads))


def _routine(estate: Estate, draw: np.random.Generator) -> pd.DataFrame:
    days, count = estate.settings.days, len(estate.services)
    noon = estate.start_at + np.arange(days, dtype=np.int64) * SECONDS_A_DAY + 12 * HOUR
    times = local_times(noon, "Europe/Berlin")
    rate = np.where(times.is_off, 0.3, np.where(times.weekday == 0, 1.3, 1.0)) * ROUTINE_A_DAY
    numbers = draw.poisson(rate[None, :] * np.ones((count, 1)))
    service = np.repeat(np.arange(count), numbers.sum(axis=1))
    day = np.concatenate([np.repeat(np.arange(days), row) for row in numbers])
    size = service.size
    hour = np.clip(draw.normal(10.5, 3.2, size), 0.0, 23.95)
    opened = estate.start_at + day * SECONDS_A_DAY + (hour * HOUR).astype(np.int64)
    kind = draw.choice(len(_CATEGORIES), size, p=[share for _, _, share in _CATEGORIES])
    cis: dict[int, list[int]] = {}
    for index, ci in enumerate(estate.cis):
        if ci.first_day is None and ci.end_day is None:
            cis.setdefault(ci.service, []).append(index)
    pick, with_ci = draw.random(size), draw.random(size) < 0.4
    owners = [int(s) for s in service]
    chosen = [
        cis[s][int(p * len(cis[s]))] if w else -1 for s, p, w in zip(owners, pick, with_ci, strict=True)
    ]
    names = [estate.services[s].name for s in owners]
    return pd.DataFrame(
        {
            "cause": "routine",
            "service": service,
            "ci": np.asarray(chosen, dtype=np.int64),
            "resource": None,
            "exhausted": -1,
            "opened": opened,
            "priority": 1 + draw.choice(4, size, p=_PRIORITIES),
            "category": [_CATEGORIES[k][0] for k in kind],
            "title": [_CATEGORIES[k][1].format(service=n) for k, n in zip(kind, names, strict=True)],
            "resolve_at": -1,
        }
    )


def _from_outages(estate: Estate, happenings: Happenings, draw: np.random.Generator) -> pd.DataFrame:
    rows = []
    for outage in happenings.outages:
        service = estate.services[outage.service]
        opened = outage.start + int(draw.integers(3, 13)) * MINUTE
        resolve_at = outage.end + int(draw.integers(5, 31)) * MINUTE
        priority = 1 if service.kind.criticality <= 2 else 2
        title = f"{service.name} is down"
        rows.append(
            ("outage", outage.service, -1, None, -1, opened, priority, "Availability", title, resolve_at)
        )
    return pd.DataFrame(rows, columns=_HEAD_COLUMNS)


_HEAD_COLUMNS = [
    "cause",
    "service",
    "ci",
    "resource",
    "exhausted",
    "opened",
    "priority",
    "category",
    "title",
    "resolve_at",
]


def _from_exhaustions(
    estate: Estate, exhaustions: list[Exhaustion], draw: np.random.Generator
) -> pd.DataFrame:
    rows = []
    last: dict[tuple[int, str], int] = {}
    for item in sorted(exhaustions, key=lambda e: (e.at, e.pool, e.resource)):
        if item.at - last.get((item.pool, item.resource), -COOL_DOWN) < COOL_DOWN:
            continue
        last[(item.pool, item.resource)] = item.at
        service = estate.services[estate.pools[item.pool].service]
        opened = item.at + int(draw.integers(8, 50)) * MINUTE
        urgent = service.kind.criticality == 1 and draw.random() < 0.3
        title = _EXHAUSTED_TITLES[item.resource].format(service=service.name)
        category = "Performance" if item.resource in ("cpu", "network") else "Capacity"
        priority = 1 if urgent else 2
        cause = ("capacity", service.index, item.ci, item.resource, item.at)
        rows.append((*cause, opened, priority, category, title, -1))
    return pd.DataFrame(rows, columns=_HEAD_COLUMNS)


def _draw_course(estate: Estate, heads: pd.DataFrame, draw: np.random.Generator) -> None:
    """Add to `heads` what becomes of each incident: passed on, held, resolved, reopened, closed."""
    size = len(heads)
    priority = heads["priority"].to_numpy(dtype=np.int64)
    team = np.array([estate.services[s].kind.team_id for s in heads["service"]], dtype=object)
    slower = np.array([_SLOWER_TEAMS.get(name, 1.0) for name in team])
    hours = _MEDIAN_HOURS[priority - 1] * slower * np.exp(_SPREAD * draw.standard_normal(size))
    opened = heads["opened"].to_numpy(dtype=np.int64)
    resolved = opened + np.maximum((hours * HOUR).astype(np.int64), 20 * MINUTE)
    resolved = np.where(priority >= 3, _into_working_hours(resolved, draw), resolved)
    known = heads["resolve_at"].to_numpy(dtype=np.int64)
    resolved = np.where(known > 0, np.maximum(known, opened + 15 * MINUTE), resolved)
    is_routine = (heads["cause"] == "routine").to_numpy()
    heads["team"] = team
    heads["resolved"] = resolved
    heads["is_passed_on"] = draw.random(size) < np.where(priority <= 2, 0.9, 0.6)
    heads["is_passed_again"] = heads["is_passed_on"] & (draw.random(size) < 0.15)
    heads["second_team"] = np.where(draw.random(size) < 0.5, "databases", "infrastructure")
    heads["is_held"] = is_routine & (priority >= 3) & (draw.random(size) < 0.3)
    heads["is_cancelled"] = is_routine & (draw.random(size) < 0.02)
    heads["is_reopened"] = ~heads["is_cancelled"] & (draw.random(size) < 0.06)
    back = resolved + ((0.2 + 1.5 * draw.random(size)) * SECONDS_A_DAY).astype(np.int64)
    heads["reopened"] = back
    heads["resolved_again"] = back + np.maximum((resolved - opened) // 3, 30 * MINUTE)
    last = np.where(heads["is_reopened"], heads["resolved_again"], resolved)
    heads["closed"] = last + 3 * SECONDS_A_DAY + draw.integers(0, 12 * HOUR, size)


def _into_working_hours(at: Ints, draw: np.random.Generator) -> Ints:
    """Move times outside 8 to 18 o'clock in Berlin, and on off days, to the next working morning."""
    moved = at.copy()
    for _ in range(6):
        times = local_times(moved, "Europe/Berlin")
        early = ~times.is_off & (times.hour < 8.0)
        late = times.is_off | (times.hour >= 18.0)
        wait = np.where(early, 8.0 - times.hour, np.where(late, 32.0 - times.hour, 0.0))
        moved = moved + (wait * HOUR).astype(np.int64)
    spread = draw.integers(0, 150 * MINUTE, at.size)
    return np.asarray(np.where(moved != at, moved + spread, moved))


def source_limit_minutes(priority: Ints) -> Floats:
    """Minutes within which the source's own tool wants incidents of these priorities resolved."""
    return np.asarray(_SOURCE_SLA_MINUTES[priority - 1])


_Flags = npt.NDArray[np.bool_]
_FLAGS = ("is_cancelled", "is_passed_on", "is_passed_again", "is_held", "is_reopened")


def _updates(estate: Estate, heads: pd.DataFrame) -> pd.DataFrame:
    """One row an update, in order, up to the end of the window."""
    opened = heads["opened"].to_numpy(dtype=np.int64)
    resolved = heads["resolved"].to_numpy(dtype=np.int64)
    span = resolved - opened

    def share(ratio: float) -> Ints:
        return np.asarray(opened + (span * ratio).astype(np.int64))

    flags = {name: heads[name].to_numpy(dtype=bool) for name in _FLAGS}
    all_rows: _Flags = np.ones(len(heads), dtype=bool)
    goes_on = ~flags["is_cancelled"]
    back = goes_on & flags["is_reopened"]
    steps: list[tuple[str, str, Ints, _Flags]] = [
        ("new", "desk", opened, all_rows),
        ("assigned", "desk", share(0.03), all_rows),
        ("cancelled", "desk", share(0.1), flags["is_cancelled"]),
        ("assigned", "team", share(0.1), goes_on & flags["is_passed_on"]),
        ("assigned", "second", share(0.16), goes_on & flags["is_passed_again"]),
        ("in_progress", "same", share(0.22), goes_on),
        ("on_hold", "same", share(0.4), goes_on & flags["is_held"]),
        ("in_progress", "same", share(0.7), goes_on & flags["is_held"]),
        ("resolved", "same", resolved, goes_on),
        ("in_progress", "back", heads["reopened"].to_numpy(dtype=np.int64), back),
        ("resolved", "back", heads["resolved_again"].to_numpy(dtype=np.int64), back),
        ("closed", "back", heads["closed"].to_numpy(dtype=np.int64), goes_on),
    ]
    frames = []
    for order, (state, who, at, here) in enumerate(steps):
        rows = np.flatnonzero(here & (at < estate.end_at))
        frames.append(
            pd.DataFrame({"head": rows, "order": order, "state": state, "who": who, "at": at[rows]})
        )
    updates = pd.concat(frames, ignore_index=True)
    updates = updates.sort_values(["head", "order"], kind="stable").reset_index(drop=True)
    updates["sequence"] = updates.groupby("head").cumcount() + 1
    return _describe(heads, updates)


def _describe(heads: pd.DataFrame, updates: pd.DataFrame) -> pd.DataFrame:
    """Fill in what each update shows: team, counts so far, times so far, the tool's own verdict."""
    head = heads.iloc[updates["head"].to_numpy()].reset_index(drop=True)
    order = updates["order"].to_numpy()
    passed = (order >= 3) & head["is_passed_on"].to_numpy(dtype=bool)
    again = (order >= 4) & head["is_passed_again"].to_numpy(dtype=bool)
    reopened = (order >= 9) & head["is_reopened"].to_numpy(dtype=bool)
    first, second = head["resolved"].to_numpy(dtype=np.int64), head["resolved_again"].to_numpy(dtype=np.int64)
    is_done = np.isin(updates["state"], ["resolved", "closed"])
    resolved = np.where(reopened, second, first)
    limit = source_limit_minutes(head["priority"].to_numpy(dtype=np.int64)) * MINUTE
    opened = head["opened"].to_numpy(dtype=np.int64)
    team = np.where(again, head["second_team"], np.where(passed, head["team"], "service-desk"))
    columns: dict[str, Any] = {
        "incident_id": head["incident_id"],
        "service": head["service"],
        "ci": head["ci"],
        "priority": head["priority"],
        "category": head["category"],
        "title": head["title"],
        "opened": opened,
        "team": team,
        "reassignments": passed.astype(np.int64) + again,
        "reopenings": reopened.astype(np.int64),
        "resolved": np.where(is_done, resolved, -1),
        "closed": np.where(updates["state"] == "closed", updates["at"], -1),
        "made_sla": np.where(is_done, np.where(resolved - opened <= limit, "true", "false"), ""),
    }
    return updates.assign(**columns)
