"""Series that no change touched and that run like those that one did, and how far these move away from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from assets.capacity.change_panel import (
    MAX_WORK_DAYS,
    MIN_MEASURED_RATIO,
    POST_DAYS,
    PRE_DAYS,
    Flags,
    Floats,
    Ints,
    Panel,
)
from assets.forecasting.seasonal_naive import nan_median

MIN_CONTROLS, MAX_CONTROLS = 3, 8
#: Control series are at most this far off in their profile: in swings of the series itself, or in logarithms. What a
#: bad match costs is seen on the days without a change, in the usual size of that series.
MAX_DISTANCE_RATIO, MAX_DISTANCE = 9.0, 0.05
#: Series of one metric and kind that serve as controls and placebos; of more, so many are drawn.
_MAX_DRAWN = 200
_HOURS_A_WEEK = 168


@dataclass(frozen=True)
class Gaps:
    """Series minus their controls around one day a column of `at`.

    `values`: shape (days evaluated, rows, 14 + 1 + 7 + 14), NaN outside; `controls`: how many, shape (days, rows).
    """

    at: Ints
    rows: Ints
    values: Floats
    controls: Ints


@dataclass(frozen=True)
class Donors:
    """Possible controls: one series a pool (CIs of one service that stand in for each other), or a service.

    One pool counts once however many members it has: they all follow the same demand. `of`: donor of each series,
    −1 where it was not drawn. `days`, `hours`, `is_known` as in `Panel`; `touched` shape (donors, days); `kinds` and
    `services` as of the series.
    """

    of: Ints
    days: Floats
    hours: npt.NDArray[np.float32]
    is_known: npt.NDArray[np.float32]
    touched: Flags
    kinds: Ints
    services: npt.NDArray[np.float32]


def possible_controls(panel: Panel, members: pd.DataFrame, touched: Flags, seed: int) -> Donors:
    """The pools of the panel; of more than 200 of one metric and kind, 200 drawn."""
    belongs, pools = homes_of(panel, members)
    kinds = pd.factorize(panel.table["metric"] + "/" + panel.table["ci_kind"].fillna(""))[0]
    number, first = _first_of(pd.factorize(pd.Series(kinds).astype(str) + "/" + pools)[0])
    kept = _drawn(kinds[first], seed)
    place = np.full(len(first), -1)
    place[kept] = np.arange(len(kept))
    of = place[number]
    rows = np.flatnonzero(of >= 0)
    size = len(kept)

    def pooled(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        total = np.zeros((size, values.shape[1]), dtype=values.dtype)
        np.add.at(total, of[rows], values[rows])
        return total

    known = np.isfinite(panel.days)
    moves = np.where(known, panel.days - nan_median(panel.days)[:, None], 0.0)
    count = pooled(known.astype(np.float64))
    days = np.where(count > 0, pooled(moves) / np.maximum(count, 1), np.nan)
    known_hours = pooled(panel.is_known.astype(np.float32))
    hours = pooled(panel.hours) / np.maximum(known_hours, 1)
    services = belongs[first][kept].astype(np.float32)
    is_touched = 2 * pooled(touched.astype(np.int32)) >= np.bincount(of[rows], minlength=size)[:, None]
    return Donors(
        of, days, hours, (known_hours > 0).astype(np.float32), is_touched, kinds[first][kept], services
    )


def _first_of(labels: Ints) -> tuple[Ints, Ints]:
    """Number of each label, and where each first occurs."""
    _, first, number = np.unique(labels, return_index=True, return_inverse=True)
    return number, first


def homes_of(panel: Panel, members: pd.DataFrame) -> tuple[Flags, pd.Series]:
    """Which services each series belongs to (series, services), and the pool of each series."""
    table = panel.table
    names = sorted({*members["service_id"], *table.loc[table["subject_kind"] == "service", "subject_id"]})
    position = {name: index for index, name in enumerate(names)}
    ordered = members.sort_values(["ci_id", "service_id", "redundancy_group"])
    homes = ordered.groupby("ci_id")["service_id"].agg(set).to_dict()
    first = ordered.drop_duplicates("ci_id").set_index("ci_id")
    pool_of = (first["service_id"] + "/" + first["redundancy_group"]).to_dict()
    belongs = np.zeros((len(table), len(names)), dtype=bool)
    pools = []
    for row, (kind, subject) in enumerate(zip(table["subject_kind"], table["subject_id"], strict=True)):
        pools.append(f"service {subject}" if kind == "service" else pool_of.get(subject, f"ci {subject}"))
        for service in [subject] if kind == "service" else homes.get(subject, ()):
            belongs[row, position[service]] = True
    return belongs, pd.Series(pools)


def _drawn(kinds: Ints, seed: int) -> Ints:
    """At most 200 positions of each kind."""
    order = np.random.Generator(np.random.PCG64([seed, 0xC0])).permutation(len(kinds))
    place = pd.Series(kinds[order]).groupby(kinds[order]).cumcount().to_numpy()
    return np.sort(order[place < _MAX_DRAWN]).astype(np.int64)


def control_gaps(panel: Panel, donors: Donors, belongs: Flags, tests: pd.DataFrame) -> Gaps:
    """Every series of interest minus its controls, around every day that has a week before and after it."""
    rows = np.union1d(np.flatnonzero(donors.of >= 0), tests["series"].unique()).astype(np.int64)
    kinds = pd.factorize(panel.table["metric"] + "/" + panel.table["ci_kind"].fillna(""))[0]
    shared = belongs[rows].astype(np.float32) @ donors.services.T > 0
    comparable = (kinds[rows][:, None] == donors.kinds[None, :]) & ~shared
    counts = np.pad(donors.touched.cumsum(axis=1), ((0, 0), (1, 0)))
    at = np.arange(PRE_DAYS, panel.day_count - min(POST_DAYS))
    width = PRE_DAYS + MAX_WORK_DAYS + max(POST_DAYS)
    mine = np.pad(panel.days[rows], ((0, 0), (0, width)), constant_values=np.nan)
    theirs = np.pad(donors.days, ((0, 0), (0, width)), constant_values=np.nan)
    values = np.full((len(at), len(rows), width), np.nan)
    controls = np.zeros((len(at), len(rows)), dtype=np.int64)
    for number, day in enumerate(at.tolist()):
        near = counts[:, min(day + max(POST_DAYS) + 1, panel.day_count)] - counts[:, day - PRE_DAYS]
        distance = _distances(panel, donors, rows, day)
        distance = np.where(comparable & (near == 0)[None, :], distance, np.inf)
        window = slice(day - PRE_DAYS, day - PRE_DAYS + width)
        values[number], controls[number] = _minus_controls(mine[:, window], theirs[:, window], distance)
    return Gaps(at, rows, values, controls)


def _distances(panel: Panel, donors: Donors, rows: Ints, day: int) -> npt.NDArray[np.float32]:
    """Mean squared difference of centred hour-of-week profiles before `day`; infinite beyond what is comparable."""
    span = slice((day - PRE_DAYS) * 24, day * 24)
    mine = _profile(panel.hours[rows, span], panel.is_known[rows, span])
    theirs = _profile(donors.hours[:, span], donors.is_known[:, span])
    own, other = (mine**2).sum(axis=1), (theirs**2).sum(axis=1)
    squared = own[:, None] + other[None, :] - 2 * (mine @ theirs.T)
    allowed = np.maximum(MAX_DISTANCE_RATIO**2 * own, MAX_DISTANCE**2)
    return np.where(squared <= allowed[:, None], np.maximum(squared, 0), np.inf)


def _profile(hours: npt.NDArray[Any], is_known: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Mean of each hour of the week around the mean of all, divided by √168: squares add up to a mean."""
    shape = (len(hours), PRE_DAYS // 7, _HOURS_A_WEEK)
    known = is_known.reshape(shape).sum(axis=1, dtype=np.float32)
    profile = hours.reshape(shape).sum(axis=1) / np.maximum(known, 1)
    mean = profile.sum(axis=1, keepdims=True) / np.maximum((known > 0).sum(axis=1, keepdims=True), 1)
    return np.where(known > 0, profile - mean, 0).astype(np.float32) / np.sqrt(np.float32(_HOURS_A_WEEK))


def _minus_controls(mine: Floats, theirs: Floats, distance: npt.NDArray[Any]) -> tuple[Floats, Ints]:
    """Rows minus the median of their nearest controls, each control counted from its own level before."""
    complete = np.isfinite(theirs[:, :PRE_DAYS]).mean(axis=1) >= MIN_MEASURED_RATIO
    distance = np.where(complete[None, :], distance, np.inf)
    size = min(MAX_CONTROLS, distance.shape[1])
    nearest = np.argpartition(distance, size - 1, axis=1)[:, :size]
    usable = np.isfinite(np.take_along_axis(distance, nearest, axis=1))
    # Levels differ between controls, and would move the median when one misses a day.
    known_before = np.isfinite(theirs[:, :PRE_DAYS])
    level = np.where(known_before, theirs[:, :PRE_DAYS], 0.0).sum(axis=1) / np.maximum(
        known_before.sum(axis=1), 1
    )
    moves = (theirs - level[:, None])[nearest]
    known = np.isfinite(moves) & usable[:, :, None]
    middle = nan_median(np.where(known, moves, np.nan).transpose(0, 2, 1))
    count = usable.sum(axis=1)
    enough = (known.sum(axis=1) >= MIN_CONTROLS) & (count >= MIN_CONTROLS)[:, None]
    return np.where(enough, mine - middle, np.nan), count.astype(np.int64)
