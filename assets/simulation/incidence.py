"""What happens to the estate besides load: changes, outages and restarts."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from assets.simulation.estate import SECONDS_A_DAY, Estate, PlannedChange
from assets.simulation.seeds import generator

MINUTE = 60
HOUR = 3600
#: Kind of change: share of all, chance of (successful, failed, backed out).
_KINDS: tuple[tuple[str, float, tuple[float, float, float]], ...] = (
    ("standard", 0.62, (0.985, 0.005, 0.01)),
    ("normal", 0.32, (0.91, 0.05, 0.04)),
    ("emergency", 0.06, (0.85, 0.10, 0.05)),
)
#: Hours from request to planned start, shortest and longest.
_LEAD_HOURS: dict[str, tuple[float, float]] = {
    "standard": (20.0, 96.0),
    "normal": (96.0, 504.0),
    "emergency": (0.5, 4.0),
}
_OUTCOMES = ("successful", "failed", "backed_out")
_TITLES: dict[str, tuple[str, ...]] = {
    "standard": (
        "Apply operating system patches",
        "Renew certificates",
        "Rotate credentials",
        "Clean up logs",
    ),
    "normal": ("Deploy a release", "Upgrade the database engine", "Change firewall rules", "Move storage"),
    "emergency": ("Fix a fault in production", "Close a security hole", "Restart after a fault"),
}
#: Changes of a service in 30 days, and outages in 120.
CHANGES_A_MONTH = 2.0
OUTAGES_A_WINDOW = 1.3


@dataclass
class Change:
    """One change; times are UTC epoch seconds. `planned` links to its known effect."""

    kind: str
    title: str
    service: int
    ci_id: str | None
    planned_start: int
    planned_end: int
    started: int | None
    ended: int | None
    state: str
    outcome: str | None
    updated: int
    planned: PlannedChange | None = None
    change_id: str = ""
    requested: int = -1


@dataclass(frozen=True)
class Outage:
    """A service that nobody could use, from `start` to `end` (UTC epoch seconds)."""

    service: int
    start: int
    end: int
    change_id: str | None


@dataclass
class Happenings:
    """Changes in the order of their planned start, outages in the order of theirs, restarts by service."""

    changes: list[Change] = field(default_factory=list)
    outages: list[Outage] = field(default_factory=list)
    restarts: dict[int, list[int]] = field(default_factory=dict)


def plan_happenings(estate: Estate) -> Happenings:
    """Draw changes, outages and restarts. Deterministic in the settings."""
    draw = generator(estate.settings.seed, "happenings")
    cis: dict[int, list[str]] = {}
    for ci in estate.cis:
        if ci.kind in ("host", "database") and ci.first_day is None and ci.end_day is None:
            cis.setdefault(ci.service, []).append(ci.ci_id)
    changes = [_with_effect(estate, planned) for planned in estate.changes]
    for service in estate.services:
        own = cis.get(service.index, [])
        count = int(draw.poisson(CHANGES_A_MONTH * (estate.settings.days + 21) / 30))
        changes += [_routine(estate, service.index, own, draw) for _ in range(count)]
    changes += _colliding(estate, changes, draw)
    changes.sort(key=lambda change: (change.planned_start, change.service, change.title))
    for number, change in enumerate(changes, start=1):
        change.change_id = f"CHG{number:07d}"
    _request(estate, changes)
    outages = _outages(estate, changes, draw)
    restarts: dict[int, list[int]] = {}
    for outage in outages:
        restarts.setdefault(outage.service, []).append(outage.end)
    for change in changes:
        if change.kind != "standard" and change.outcome == "successful" and change.ended is not None:
            restarts.setdefault(change.service, []).append(change.ended)
    return Happenings(changes, outages, restarts)


def _request(estate: Estate, changes: list[Change]) -> None:
    """When each change was asked for. A draw of its own: nothing else depends on it."""
    draw = generator(estate.settings.seed, "change requests")
    for change, share in zip(changes, draw.random(len(changes)), strict=True):
        shortest, longest = _LEAD_HOURS[change.kind]
        asked = change.planned_start - int((shortest + (longest - shortest) * float(share)) * HOUR)
        change.requested = min(asked, change.updated)


def _with_effect(estate: Estate, planned: PlannedChange) -> Change:
    """A change whose effect begins at midnight UTC: done in the two hours before it."""
    effect = estate.start_at + planned.day * SECONDS_A_DAY
    ci_id = None if planned.pool is None else estate.cis[estate.pools[planned.pool].start].ci_id
    start, end = effect - 2 * HOUR, effect
    updated = min(effect + 14 * HOUR, estate.end_at - HOUR)
    return Change(
        "normal",
        planned.title,
        planned.service,
        ci_id,
        start,
        end,
        start + 5 * MINUTE,
        end - 10 * MINUTE,
        "closed",
        "successful",
        updated,
        planned,
    )


def _routine(estate: Estate, service: int, cis: list[str], draw: np.random.Generator) -> Change:
    kind, _, chances = _KINDS[int(draw.choice(len(_KINDS), p=[share for _, share, _ in _KINDS]))]
    title = _TITLES[kind][int(draw.integers(len(_TITLES[kind])))]
    day = int(draw.integers(0, estate.settings.days + 21))
    # Evenings for planned work, any hour for emergencies.
    minute = int(draw.integers(0, 24 * 60) if kind == "emergency" else draw.integers(17 * 60, 22 * 60))
    start = estate.start_at + day * SECONDS_A_DAY + minute // 15 * 15 * MINUTE
    length = int(draw.integers(2, 13)) * 15 * MINUTE
    late, stretch = int(draw.integers(0, 12)) * MINUTE, float(draw.lognormal(-0.15, 0.35))
    ci_id = cis[int(draw.integers(len(cis)))] if cis and draw.random() < 0.85 else None
    outcome = str(draw.choice(_OUTCOMES, p=chances))
    cancelled, ripe = draw.random() < 0.03, float(draw.random())
    change = Change(
        kind, title, service, ci_id, start, start + length, None, None, "cancelled", None, start - HOUR
    )
    ended = start + late + int(length * stretch)
    if ended >= estate.end_at:
        ahead = ("scheduled", "authorised", "assessed", "new")
        change.state = ahead[min(int((start - estate.end_at) / (6 * SECONDS_A_DAY)), 3)]
        if start < estate.end_at:
            change.state, change.started = "implementing", start + late
        change.updated = estate.end_at - HOUR - int(ripe * 5 * SECONDS_A_DAY)
        if change.started is not None:
            change.started = min(change.started, estate.end_at - 30 * MINUTE)
            change.updated = change.started
    elif not cancelled:
        change.started, change.ended, change.outcome = start + late, ended, outcome
        closing = ended + int((0.5 + 4 * ripe) * SECONDS_A_DAY)
        change.state = "closed" if closing < estate.end_at else "review"
        change.updated = closing if closing < estate.end_at else ended + 5 * MINUTE
        change.updated = min(change.updated, estate.end_at - 1)
    change.updated = max(change.updated, estate.start_at)
    return change


def _colliding(estate: Estate, changes: list[Change], draw: np.random.Generator) -> list[Change]:
    """Further changes that overlap an existing one on the same CI, for some services."""
    candidates = [
        c for c in changes if c.ci_id is not None and c.outcome == "successful" and c.planned is None
    ]
    wanted = max(2, len(estate.services) // 6)
    extra = []
    for position in draw.permutation(len(candidates))[:wanted]:
        first = candidates[int(position)]
        assert first.started is not None and first.ended is not None
        start = first.planned_start + 30 * MINUTE // 2
        end = first.planned_end + 30 * MINUTE
        ended = min(first.ended + 20 * MINUTE, estate.end_at - 2)
        extra.append(
            Change(
                "standard",
                "Renew monitoring agents",
                first.service,
                first.ci_id,
                start,
                end,
                first.started + 10 * MINUTE,
                ended,
                "closed",
                "successful",
                min(ended + HOUR, estate.end_at - 1),
            )
        )
    return extra


def _outages(estate: Estate, changes: list[Change], draw: np.random.Generator) -> list[Outage]:
    outages = []
    for service in estate.services:
        risk = OUTAGES_A_WINDOW * estate.settings.days / 120 * (0.5 + 0.25 * service.kind.criticality)
        for _ in range(int(draw.poisson(risk))):
            start = estate.start_at + int(draw.uniform(0.5, estate.settings.days - 1.0) * SECONDS_A_DAY)
            length = int(np.clip(draw.lognormal(np.log(45), 0.7), 16, 300) * MINUTE)
            outages.append(Outage(service.index, start, start + length, None))
    for change in changes:
        if change.outcome == "failed" and change.kind != "standard" and change.started is not None:
            start = change.started + int(draw.integers(8, 20)) * MINUTE
            end = start + int(draw.integers(25, 120)) * MINUTE
            if end < estate.end_at - 6 * HOUR:
                outages.append(Outage(change.service, start, end, change.change_id))
    outages.sort(key=lambda outage: (outage.start, outage.service))
    kept: list[Outage] = []
    until: dict[int, int] = {}
    for outage in outages:
        if outage.start > until.get(outage.service, 0) + HOUR:
            kept.append(outage)
            until[outage.service] = outage.end
    return kept
