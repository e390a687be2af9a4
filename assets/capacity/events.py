"""Events (ITIL 4 monitoring and event management): detections put together so that one cause is one event.

Detections are taken in the order in which they open. Those of one hour that belong together form a batch, and a batch
joins an event that is still going on, or opens one. Events never merge afterwards: an event keeps its identity whatever
comes later, and a run as of an earlier day gives the same events up to that day.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd

from assets.capacity.anomalies import find_anomalies
from assets.capacity.detections import BASELINE, DRIFT, EXCEPTION, INFORMATIONAL, WARNING, detections

#: Anomalies that open within this time on CIs of one service have one cause.
SAME_ONSET = timedelta(hours=3)
#: Events that opened longer ago and have closed stay as an earlier run reported them.
REPORTED_DAYS = 140
#: The highest category of its detections is that of an event.
RANK = {INFORMATIONAL: 0, WARNING: 1, EXCEPTION: 2}
SEVERITIES = {INFORMATIONAL: "info", WARNING: "minor", EXCEPTION: "major"}
#: An exception that touches a service of this criticality is critical.
CRITICAL = 1
FOR_EVER = pd.Timestamp("2200-01-01")
EVENT_COLUMNS = [
    "event_id", "category", "severity", "is_open", "source", "sources", "opened_at", "exception_at", "last_seen_at",
    "closed_at", "cause_ci_id", "cause_resource", "resource", "unit", "peak_ci_id", "peak_value", "threshold_value",
    "score", "probability_within_lead_time", "decision_date", "ci_count", "service_count", "ci_ids", "service_ids",
    "detection_count",
]  # fmt: skip


@dataclass(frozen=True)
class Place:
    """Where a detection stands: its CIs, their services, and its pools (service/group/resource)."""

    cis: frozenset[str]
    services: frozenset[str]
    pools: frozenset[str]

    @property
    def keys(self) -> frozenset[str]:
        """What anomalies of one cause share: a service, or the CI if it belongs to none."""
        return self.services or self.cis


@dataclass
class Event:
    """Positions of an event's detections: those that opened it, and all."""

    opening: list[int]
    members: list[int] = field(default_factory=list)


def find_events(frames: Mapping[str, pd.DataFrame], as_of: date, seed: int) -> dict[str, pd.DataFrame]:
    """Baselines of the week to come, events, and the detections of each event, as known at the end of `as_of`.

    The frames are those of the analysis `events` in `analyses.py`.
    """
    del seed  # nothing is drawn at random
    anomalies, baselines = find_anomalies(
        frames["hours"], frames["series"], frames["usable"], frames["holidays"], as_of
    )
    found = detections(frames["episodes"], anomalies, frames["forecasts"], frames["drifts"], as_of)
    places = locate(found, frames["members"])
    grouped = group(found, places)
    detected = detections_of(grouped, found, places)
    events = describe(detected, grouped, places, frames["services"])
    since = pd.Timestamp(as_of) - timedelta(days=REPORTED_DAYS)
    events = events[(events["opened_at"] >= since) | events["is_open"]]
    detected = detected[detected["event_id"].isin(events["event_id"])]
    return {
        "resource_baselines": baselines.assign(as_of_date=as_of),
        "capacity_events": events.assign(as_of_date=as_of),
        "capacity_event_detections": detected.assign(as_of_date=as_of),
    }


def locate(found: pd.DataFrame, members: pd.DataFrame) -> list[Place]:
    """Places of all detections, by the service map of the day on which each opened.

    `members` has service_id, ci_id, redundancy_group, valid_from and valid_to (last day, or null).
    """
    by_ci: dict[str, list[tuple[str, str, pd.Timestamp, pd.Timestamp]]] = {}
    by_group: dict[str, list[tuple[str, pd.Timestamp, pd.Timestamp]]] = {}
    starts, ends = (
        pd.to_datetime(members[name]).astype("datetime64[us]") for name in ("valid_from", "valid_to")
    )
    ids = zip(members["service_id"], members["redundancy_group"], members["ci_id"], strict=True)
    for (service, group_name, ci), start, end in zip(ids, starts, ends.fillna(FOR_EVER), strict=True):
        by_ci.setdefault(ci, []).append((service, f"{service}/{group_name}", start, end))
        by_group.setdefault(f"{service}/{group_name}", []).append((ci, start, end))
    places = []
    rows: list[Any] = list(found.itertuples())
    for row in rows:
        day = row.opened_at.normalize()
        cis = {row.ci_id} if isinstance(row.ci_id, str) else set()
        if isinstance(row.pool_id, str):
            pool = by_group.get(row.pool_id.removesuffix(f"/{row.resource}"), [])
            cis |= {ci for ci, start, end in pool if start <= day <= end}
        homes = [
            (service, group_name)
            for ci in cis
            for service, group_name, start, end in by_ci.get(ci, [])
            if start <= day <= end
        ]
        pools = {f"{group_name}/{row.resource}" for _, group_name in homes} or {
            f"{name}/{row.resource}" for name in cis
        }
        if row.source == DRIFT:  # about the forecast, not the resource: never one with what happens there
            pools = {f"{DRIFT}/{row.pool_id or row.ci_id}/{row.resource}"}
        places.append(Place(frozenset(cis), frozenset(service for service, _ in homes), frozenset(pools)))
    return places


def group(found: pd.DataFrame, places: Sequence[Place]) -> list[Event]:
    """The events that `found` (in order of opening) makes."""
    events: list[Event] = []
    rows = list(found.itertuples())
    # Of each pool all detections, of each service its anomalies: (event, position).
    by_pool: dict[str, list[tuple[int, int]]] = {}
    by_service: dict[str, list[tuple[int, int]]] = {}
    for batch in _batches(rows, places):
        known = _going_on(batch, rows, places, by_pool, by_service)
        if known is None:
            known = len(events)
            events.append(Event(batch))
        events[known].members += batch
        for position in batch:
            for pool in places[position].pools:
                by_pool.setdefault(pool, []).append((known, position))
            if rows[position].source == BASELINE:
                for key in places[position].keys:
                    by_service.setdefault(key, []).append((known, position))
    return events


def _batches(rows: Sequence[Any], places: Sequence[Place]) -> Iterator[list[int]]:
    """Detections of the same hour that belong together: of one pool, or anomalies of one service."""
    owner = list(range(len(rows)))

    def root(position: int) -> int:
        while owner[position] != position:
            position = owner[position]
        return position

    first: dict[tuple[Any, str, str], int] = {}
    for position, row in enumerate(rows):
        keys = [(row.opened_at, "pool", pool) for pool in sorted(places[position].pools)]
        if row.source == BASELINE:
            keys += [(row.opened_at, "service", key) for key in sorted(places[position].keys)]
        for key in keys:
            one, other = sorted((root(first.setdefault(key, position)), root(position)))
            owner[other] = one
    batches: dict[int, list[int]] = {}
    for position in range(len(rows)):
        batches.setdefault(root(position), []).append(position)
    yield from batches.values()


def _going_on(
    batch: Sequence[int],
    rows: Sequence[Any],
    places: Sequence[Place],
    by_pool: Mapping[str, Sequence[tuple[int, int]]],
    by_service: Mapping[str, Sequence[tuple[int, int]]],
) -> int | None:
    """The event that a batch joins: one of the same onset, else the earliest that goes on in one of its pools."""
    now = rows[batch[0]].opened_at
    same_onset = {
        known
        for position in batch
        if rows[position].source == BASELINE
        for key in places[position].keys
        for known, other in by_service.get(key, [])
        if now - rows[other].opened_at <= SAME_ONSET
    }
    same_pool = {
        known
        for position in batch
        for pool in places[position].pools
        for known, other in by_pool.get(pool, [])
        if rows[other].quiet_until_at >= now and _may_follow(rows[position], rows[other])
    }
    return min(same_onset or same_pool, default=None)


def _may_follow(new: Any, earlier: Any) -> bool:
    """Whether a detection may be the same condition as an earlier one of its pool that goes on.

    A shift of demand can lead over a threshold. But what is unusual on a resource that has been short for weeks is
    something new.
    """
    if new.source == BASELINE:
        return bool(earlier.source == BASELINE)
    return bool(earlier.source != BASELINE or earlier.direction == "up")


def detections_of(grouped: Sequence[Event], found: pd.DataFrame, places: Sequence[Place]) -> pd.DataFrame:
    """Every detection with its event, whether it is the probable cause, and what `describe` needs.

    The cause gives the event its identity. `named_ci_id` is the CI of the detection, for a pool the first of its
    members; `reach` is how many services it touches.
    """
    order = [position for item in grouped for position in item.members]
    opening = {position for item in grouped for position in item.opening}
    rows = found.iloc[order].reset_index(drop=True)
    first_of_pool = pd.Series([min(places[position].cis, default=None) for position in order], dtype=object)
    rows = rows.assign(
        detection_id=[_identity(row) for row in rows.itertuples()],
        event=[number for number, item in enumerate(grouped) for _ in item.members],
        rank=rows["category"].map(RANK),
        reach=[len(places[position].services) for position in order],
        is_opening=np.array([position in opening for position in order], dtype=np.bool_),
        named_ci_id=rows["ci_id"].where(rows["ci_id"].notna(), first_of_pool),
    )
    # The probable cause was there first; of those that were, it is the one that touches most services.
    causes = rows[rows["is_opening"]].sort_values(["event", "reach"], ascending=[True, False], kind="stable")
    causes = causes.drop_duplicates("event")
    ids = causes.set_index("event")["detection_id"]
    return rows.assign(event_id=rows["event"].map(ids), is_cause=rows.index.isin(causes.index))


def _identity(row: Any) -> str:
    """The same for the same rule, resource and opening, whichever run finds it."""
    parts = (row.source, row.direction, row.pool_id, row.ci_id, row.resource, row.opened_at.isoformat())
    return hashlib.sha256("|".join(map(str, parts)).encode()).hexdigest()[:16]


def describe(
    detected: pd.DataFrame, grouped: Sequence[Event], places: Sequence[Place], services: pd.DataFrame
) -> pd.DataFrame:
    """One row an event (`EVENT_COLUMNS`). `services` has service_id and criticality."""
    events = detected.groupby("event").agg(
        rank=("rank", "max"),
        is_open=("is_open", "max"),
        sources=("source", lambda sources: ", ".join(sorted(set(sources)))),
        opened_at=("opened_at", "min"),
        exception_at=("exception_at", "min"),
        last_seen_at=("ended_at", "max"),
        probability_within_lead_time=("probability_within_lead_time", "max"),
        decision_date=("decision_date", "min"),
        detection_count=("event", "size"),
    )
    cause = detected[detected["is_cause"]].set_index("event")
    excess = (detected["peak_value"] / detected["threshold_value"]).fillna(0.0)
    worst = detected.assign(excess=excess).sort_values(
        ["event", "rank", "excess"], ascending=[True, False, False], kind="stable"
    )
    worst = worst.drop_duplicates("event").set_index("event")
    events = events.assign(
        event_id=cause["event_id"],
        category=events["rank"].map(dict(enumerate(RANK))),
        is_open=events["is_open"].astype(bool),
        closed_at=events["last_seen_at"].where(~events["is_open"].astype(bool)),
        source=cause["source"],
        cause_ci_id=cause["named_ci_id"],
        cause_resource=cause["resource"],
        peak_ci_id=worst["named_ci_id"],
        **{name: worst[name] for name in ("resource", "unit", "peak_value", "threshold_value", "score")},
    )
    events = _with_touched(events, grouped, places, services)
    return events.reset_index(drop=True)[EVENT_COLUMNS]


def _with_touched(
    events: pd.DataFrame, grouped: Sequence[Event], places: Sequence[Place], services: pd.DataFrame
) -> pd.DataFrame:
    """With the CIs and services that an event touches, and how severe that makes it."""
    criticality = dict(zip(services["service_id"], services["criticality"], strict=True))
    cis = [sorted({ci for p in item.members for ci in places[p].cis}) for item in grouped]
    names = [sorted({name for p in item.members for name in places[p].services}) for item in grouped]
    is_critical = [any(criticality.get(name, CRITICAL + 1) <= CRITICAL for name in found) for found in names]
    severity = events["category"].map(SEVERITIES)
    return events.assign(
        severity=severity.where(
            (events["category"] != EXCEPTION) | ~pd.Series(is_critical, dtype=bool), "critical"
        ),
        ci_count=[len(found) for found in cis],
        ci_ids=[", ".join(found) for found in cis],
        service_count=[len(found) for found in names],
        service_ids=[", ".join(found) for found in names],
    )
