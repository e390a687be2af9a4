"""Which incidents capacity caused: saturation on the service path before them, beside how often that happens by chance.

* Evidence: time at or over usable capacity in the two hours before an incident opened, of the CIs of its service as the
  service map was on that day. Of two kinds: the CI that the incident names was saturated (`named_ci`), else any CI
  of the path (`service_path`).
* Chance of it: at the same hour of the week in other weeks (five moments within an hour of it), without the two hours
  around incidents of the service. Of the named CI: that a CI of the path, taken at random, was saturated; of the path:
  that any was. A named CI that is saturated at over 80 % of these moments counts by its own share. With less than four
  weeks of samples the same hour of other days is taken, with less than four days any moment.
* Confidence: P(capacity | saturated) = π / (π + (1 − π) · chance), by Bayes' rule: an incident that capacity caused has
  saturation before it, another one by chance. π is the part of the service's incidents that capacity caused, by
  expectation and maximisation (Dempster, Laird and Rubin 1977), drawn towards that of all services; for both kinds
  of evidence apart.
* Association of a whole service: incidents moved to other weeks at random (seeded), the hour of the week kept;
  how often do as many of them find saturation?
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

#: Minutes before the opening in which saturation counts.
WINDOW_MINUTES = 120
#: Moments within an hour of the same hour of the week, in minutes.
JITTER_MINUTES = (-60, -30, 0, 30, 60)
MIN_WEEKS, MIN_DAYS = 3, 3
#: Likely and possible causes.
LIKELY, POSSIBLE = 0.8, 0.3
#: Incidents of all services that weigh as much as one of the service in its π.
PRIOR_INCIDENTS = 2.0
PERMUTATIONS = 999
#: A named CI that is saturated at more of these moments is always saturated: that an incident names it says nothing.
ALWAYS_RATIO = 0.8
_WEEK, _DAY = 7 * 24 * 60, 24 * 60
_ANY_MOMENTS = 200
_STEPS = 100
_CHANCE_FLOOR = 0.5
INCIDENTS, EVIDENCE = "capacity_incidents", "capacity_incident_evidence"
INCIDENT_COLUMNS = [
    "incident_id", "service_id", "opened_at", "verdict", "reason", "confidence_ratio", "scope",
    "chance_ratio", "chance_basis", "chance_moments", "service_capacity_ratio", "service_p_value",
    "ci_id", "resource", "saturated_minutes", "peak_usage_ratio", "started_at", "evidence_count",
]  # fmt: skip
EVIDENCE_COLUMNS = [
    "incident_id", "ci_id", "resource", "is_named_ci", "saturated_minutes", "peak_usage_ratio",
    "started_at", "ended_at", "minutes_before_opening", "evidence_rank",
]  # fmt: skip


@dataclass(frozen=True)
class Series:
    """Spells of saturation of one CI and resource, in order, in minutes since 1970-01-01."""

    ci_id: str
    resource: str
    starts: Floats
    ends: Floats
    peaks: Floats

    def minutes_before(self, moments: Floats, window: float) -> Floats:
        """Saturated minutes in the `window` minutes before each moment."""
        edges = np.stack([self.starts, self.ends], axis=1).ravel()
        lengths = self.ends - self.starts
        total = np.concatenate([[0.0], lengths.cumsum()])
        sums = np.stack([total[:-1], total[1:]], axis=1).ravel()
        return np.asarray(np.interp(moments, edges, sums) - np.interp(moments - window, edges, sums))


def capacity_incidents(
    frames: Mapping[str, pd.DataFrame], as_of: date, seed: int, window_minutes: float = WINDOW_MINUTES
) -> dict[str, pd.DataFrame]:
    """Incidents with their confidence and strongest evidence, and all evidence.

    `frames["incidents"]`: incident_id, service_id, ci_id, opened_at. `frames["spells"]`: ci_id, resource, started_at,
    ended_at, peak_usage_ratio, spells of one CI and resource that do not overlap. `frames["members"]`: service_id,
    ci_id, valid_from, valid_to (last day, or null). `frames["measured"]`: ci_id, first_date, last_date, of CIs with
    a usable capacity.

    Saturation counts in the `window_minutes` before an incident.

    Gives `capacity_incidents` (a row an incident) and `capacity_incident_evidence` (a row an incident, CI, resource).
    """
    incidents = frames["incidents"].sort_values(["opened_at", "incident_id"], ignore_index=True)
    opened = _minutes(incidents["opened_at"])
    series = _series(frames["spells"])
    paths = _paths(incidents, frames["members"], frames["measured"])
    moments, is_valid, basis = _chance_moments(incidents, opened, paths, window_minutes)
    evidence = _evidence(incidents, opened, paths, series, window_minutes)
    channels = _channels(incidents, opened, paths, series, moments, is_valid, window_minutes)
    scored = _scored(incidents, paths, channels, is_valid, basis, seed)
    told = _with_strongest(scored, evidence)
    return {
        INCIDENTS: told[INCIDENT_COLUMNS].assign(as_of_date=as_of),
        EVIDENCE: evidence[EVIDENCE_COLUMNS].assign(as_of_date=as_of),
    }


def _minutes(moments: pd.Series) -> Floats:
    return np.asarray(pd.to_datetime(moments).to_numpy().astype("datetime64[us]").astype(np.int64) / 6e7)


def _series(spells: pd.DataFrame) -> list[Series]:
    ordered = spells.assign(start=_minutes(spells["started_at"]), end=_minutes(spells["ended_at"]))
    ordered = ordered.sort_values(["ci_id", "resource", "start"], kind="stable")
    return [
        Series(
            str(ci),
            str(resource),
            *(rows[name].to_numpy(np.float64) for name in ("start", "end", "peak_usage_ratio")),
        )
        for (ci, resource), rows in ordered.groupby(["ci_id", "resource"], sort=True)
    ]


def _paths(incidents: pd.DataFrame, members: pd.DataFrame, measured: pd.DataFrame) -> pd.DataFrame:
    """CIs on the path of each incident: position, ci_id, is_named, first_date, last_date (measured)."""
    day = pd.to_datetime(incidents["opened_at"]).dt.normalize()
    heads = pd.DataFrame(
        {"position": np.arange(len(incidents)), "service_id": incidents["service_id"], "day": day}
    )
    map_ = members.assign(
        since=pd.to_datetime(members["valid_from"]),
        until=pd.to_datetime(members["valid_to"]).fillna(pd.Timestamp("2200-01-01")),
    )
    joined = heads.merge(map_[["service_id", "ci_id", "since", "until"]], on="service_id")
    joined = joined[(joined["since"] <= joined["day"]) & (joined["day"] <= joined["until"])]
    named = pd.DataFrame({"position": np.arange(len(incidents)), "ci_id": incidents["ci_id"]}).dropna()
    both = pd.concat([joined[["position", "ci_id"]], named]).drop_duplicates()
    both = both.merge(measured, on="ci_id")
    names = incidents["ci_id"].to_numpy(dtype=object)
    return both.assign(is_named=names[both["position"]] == both["ci_id"].to_numpy(dtype=object))


def _chance_moments(
    incidents: pd.DataFrame, opened: Floats, paths: pd.DataFrame, window: float
) -> tuple[Floats, Flags, list[str]]:
    """Moments to compare with, shape (incidents, moments), which of them count, and what they have in common."""
    first = np.full(len(incidents), np.inf)
    last = np.full(len(incidents), -np.inf)
    at = paths["position"].to_numpy(np.int64)
    np.minimum.at(first, at, _minutes(paths["first_date"]) + window)
    np.maximum.at(last, at, _minutes(paths["last_date"]) + _DAY)
    span = np.where(np.isfinite(first), last - first, 0.0)
    weeks = int(max(span.max(initial=0.0) // _WEEK, 1)) + 1
    jitter = np.array(JITTER_MINUTES, dtype=np.float64)
    steps = np.concatenate([np.arange(-weeks, 0), np.arange(1, weeks + 1)])
    by_week = opened[:, None] + (steps[:, None] * _WEEK + jitter[None, :]).ravel()[None, :]
    days = steps[np.abs(steps) <= 7 * MIN_WEEKS]
    by_day = opened[:, None] + (days[:, None] * _DAY + jitter[None, :]).ravel()[None, :]
    shares = np.linspace(0, 1, _ANY_MOMENTS)
    ends = np.where(np.isfinite(first), first, 0.0), np.where(np.isfinite(last), last, 0.0)
    anywhere = ends[0][:, None] + (ends[1] - ends[0])[:, None] * shares[None, :]
    width = max(by_week.shape[1], by_day.shape[1], _ANY_MOMENTS)
    is_weekly, is_daily = span >= (MIN_WEEKS + 1) * _WEEK, span >= (MIN_DAYS + 1) * _DAY
    moments = np.full((len(incidents), width), np.nan)
    for rows, values in (
        (is_weekly, by_week),
        (~is_weekly & is_daily, by_day),
        (~is_weekly & ~is_daily, anywhere),
    ):
        moments[rows, : values.shape[1]] = values[rows]
    inside = (moments >= first[:, None]) & (moments <= last[:, None])
    basis = np.select([is_weekly, is_daily], ["hour_of_week", "hour_of_day"], default="any_moment")
    return moments, inside & ~_near_incidents(incidents, opened, moments, window), basis.tolist()


def _near_incidents(incidents: pd.DataFrame, opened: Floats, moments: Floats, window: float) -> Flags:
    """Moments within the window of an incident of the same service, its own included."""
    near = np.zeros(moments.shape, dtype=bool)
    for rows in incidents.groupby("service_id", sort=False).indices.values():
        times = np.sort(opened[rows])
        after = np.searchsorted(times, moments[rows])
        for side in (np.maximum(after - 1, 0), np.minimum(after, len(times) - 1)):
            near[rows] |= np.abs(moments[rows] - times[side]) < window
    return near


def _evidence(
    incidents: pd.DataFrame, opened: Floats, paths: pd.DataFrame, series: list[Series], window: float
) -> pd.DataFrame:
    """Saturation in the window before each incident: a row an incident, CI and resource."""
    rows_of = {str(ci): rows for ci, rows in paths.groupby("ci_id", sort=False)}
    parts = []
    for item in series:
        path = rows_of.get(item.ci_id)
        if path is None:
            continue
        at = path["position"].to_numpy(np.int64)
        minutes = item.minutes_before(opened[at], window)
        hit = minutes > 0
        first = np.searchsorted(item.ends, opened[at][hit] - window, side="right")
        last = np.searchsorted(item.starts, opened[at][hit], side="left") - 1
        parts.append(
            pd.DataFrame(
                {
                    "position": at[hit],
                    "ci_id": item.ci_id,
                    "resource": item.resource,
                    "is_named_ci": path["is_named"].to_numpy()[hit],
                    "saturated_minutes": minutes[hit],
                    "peak_usage_ratio": [
                        float(item.peaks[a : b + 1].max()) for a, b in zip(first, last, strict=True)
                    ],
                    "started_at": _moments(item.starts[first]),
                    "ended_at": _moments(item.ends[last]),
                    "minutes_before_opening": opened[at][hit] - item.starts[first],
                }
            )
        )
    found = (
        pd.concat(parts, ignore_index=True)
        if parts
        else pd.DataFrame(columns=["position", *EVIDENCE_COLUMNS])
    )
    found["incident_id"] = incidents["incident_id"].to_numpy()[found["position"].to_numpy(np.int64)]
    found = found.sort_values(
        ["position", "is_named_ci", "saturated_minutes", "peak_usage_ratio", "ci_id", "resource"],
        ascending=[True, False, False, False, True, True],
        kind="stable",
        ignore_index=True,
    )
    found["evidence_rank"] = (found.groupby("position").cumcount() + 1).astype(np.int64)
    return found


def _moments(minutes: Floats) -> npt.NDArray[np.datetime64]:
    return np.round(minutes * 6e7).astype(np.int64).astype("datetime64[us]")


@dataclass(frozen=True)
class Channel:
    """One kind of evidence: which incidents it can say something of, whether they found saturation, how likely it was
    at each of the moments to compare with too, shape (incidents, moments).
    """

    applies: Flags
    found: Flags
    by_chance: Floats


def _channels(
    incidents: pd.DataFrame,
    opened: Floats,
    paths: pd.DataFrame,
    series: list[Series],
    moments: Floats,
    is_valid: Flags,
    window: float,
) -> dict[str, Channel]:
    """`named_ci` and `service_path`: the path has those that find nothing on the CI they name, or name none."""
    size = len(incidents)
    position, is_named = paths["position"].to_numpy(np.int64), paths["is_named"].to_numpy(dtype=bool)
    applies_named, applies_path = np.zeros(size, dtype=bool), np.zeros(size, dtype=bool)
    applies_named[position[is_named]] = True
    applies_path[position] = True
    found_named, found_path = np.zeros(size, dtype=bool), np.zeros(size, dtype=bool)
    part, anywhere = np.zeros(moments.shape), np.zeros(moments.shape, dtype=bool)
    own = np.zeros(moments.shape, dtype=bool)
    rows_of = {str(ci): rows for ci, rows in paths.groupby("ci_id", sort=False).indices.items()}
    by_ci: dict[str, list[Series]] = {}
    for item in series:
        by_ci.setdefault(item.ci_id, []).append(item)
    for ci_id, items in by_ci.items():
        rows = rows_of.get(ci_id)
        if rows is None:
            continue
        at, named = position[rows], is_named[rows]
        now = np.any([item.minutes_before(opened[at], window) > 0 for item in items], axis=0)
        then = np.any([item.minutes_before(moments[at], window) > 0 for item in items], axis=0)
        found_named[at[named]] |= now[named]
        found_path[at] |= now
        own[at[named]] |= then[named]
        part[at] += then
        anywhere[at] |= then
    part /= np.maximum(np.bincount(position, minlength=size), 1)[:, None]
    is_always = (own & is_valid).sum(axis=1) > ALWAYS_RATIO * np.maximum(is_valid.sum(axis=1), 1)
    part = np.where(is_always[:, None], own, part)
    applies_path &= ~found_named
    return {
        "named_ci": Channel(applies_named, found_named, part),
        "service_path": Channel(applies_path, found_path & applies_path, anywhere.astype(np.float64)),
    }


def _scored(
    incidents: pd.DataFrame,
    paths: pd.DataFrame,
    channels: Mapping[str, Channel],
    is_valid: Flags,
    basis: list[str],
    seed: int,
) -> pd.DataFrame:
    """Confidence of each incident by its channel, and the association of each service."""
    size = len(incidents)
    services = pd.factorize(incidents["service_id"])[0]
    counts = is_valid.sum(axis=1)
    columns = {
        name: np.full(size, np.nan)
        for name in ("confidence_ratio", "chance_ratio", "service_capacity_ratio", "p")
    }
    scope = np.full(size, "", dtype=object)
    for number, (name, channel) in enumerate(channels.items()):
        # One moment more than there are, in which it was so in part: no chance is nil.
        chance = (_CHANCE_FLOOR + (channel.by_chance * is_valid).sum(axis=1)) / (1 + counts)
        confidence, part = posterior(channel.found, chance, services, channel.applies)
        draws = np.random.Generator(np.random.PCG64([seed, 0xCA, number]))
        p_values = association(channel, is_valid, services, draws)
        mine = channel.found | (channel.applies & (scope == ""))
        columns["confidence_ratio"][mine] = confidence[mine]
        columns["chance_ratio"][mine] = chance[mine]
        columns["service_capacity_ratio"][mine] = part[mine]
        columns["p"][mine] = p_values[mine]
        scope[mine] = name
    is_measured = np.zeros(size, dtype=bool)
    is_measured[paths["position"].to_numpy(np.int64)] = True
    testable = is_measured & (counts > 0)
    found = channels["named_ci"].found | channels["service_path"].found
    confidence = np.where(testable, columns["confidence_ratio"], np.nan)
    verdict = np.select(
        [~testable, confidence >= LIKELY, confidence >= POSSIBLE],
        ["not_testable", "capacity", "possibly_capacity"],
        default="not_capacity",
    )
    reason = np.select(
        [~is_measured, counts == 0, ~found],
        [
            "no CI of its path has a usable capacity and samples",
            "history too short: no other moment to compare with",
            "nothing on its path was saturated before it",
        ],
        default="",
    )
    return incidents.assign(
        verdict=verdict,
        reason=pd.Series(reason, dtype=object).where(reason != "", None),
        confidence_ratio=confidence,
        scope=pd.Series(scope, dtype=object).where(found, None),
        chance_ratio=np.where(testable, columns["chance_ratio"], np.nan),
        chance_basis=basis,
        chance_moments=counts.astype(np.int64),
        service_capacity_ratio=np.where(testable, columns["service_capacity_ratio"], np.nan),
        service_p_value=np.where(testable, columns["p"], np.nan),
    )


def posterior(found: Flags, chance: Floats, services: Ints, applies: Flags) -> tuple[Floats, Floats]:
    """P(capacity) of each incident, and π of its service; 0 where nothing was found. Arrays by incident."""
    count = int(services.max(initial=-1)) + 1
    number = np.bincount(services[applies], minlength=count)
    part = np.full(len(found), 0.5)
    confidence = np.zeros(len(found))
    for _ in range(_STEPS):
        confidence = np.where(found, part / (part + (1 - part) * chance), 0.0)
        overall = confidence[applies].mean() if applies.any() else 0.0
        sums = np.bincount(services[applies], weights=confidence[applies], minlength=count)
        by_service = (PRIOR_INCIDENTS * overall + sums) / (PRIOR_INCIDENTS + number)
        part = np.clip(by_service[services], 1e-9, 1 - 1e-9)
    return confidence, part


def association(channel: Channel, is_valid: Flags, services: Ints, draws: np.random.Generator) -> Floats:
    """P-value of each incident's service: chance that as many of its incidents find saturation at random moments."""
    usable = channel.applies & is_valid.any(axis=1)
    p_values = np.full(len(services), np.nan)
    chance = (channel.by_chance * is_valid).sum(axis=1) / np.maximum(is_valid.sum(axis=1), 1)
    for service in np.unique(services[usable]):
        rows = usable & (services == service)
        drawn = (draws.random((PERMUTATIONS, int(rows.sum()))) < chance[rows][None, :]).sum(axis=1)
        p_values[rows] = (1 + (drawn >= channel.found[rows].sum()).sum()) / (1 + PERMUTATIONS)
    return p_values


def _with_strongest(scored: pd.DataFrame, evidence: pd.DataFrame) -> pd.DataFrame:
    """`scored` with its first row of evidence, and how many there are."""
    strongest = evidence[evidence["evidence_rank"] == 1].set_index("incident_id")
    names = ["ci_id", "resource", "saturated_minutes", "peak_usage_ratio", "started_at"]
    told = scored.drop(columns="ci_id").join(strongest[names], on="incident_id")
    counts = evidence.groupby("incident_id").size()
    return told.assign(evidence_count=told["incident_id"].map(counts).fillna(0).astype(np.int64))
