"""What each change did to utilisation, latency, errors and throughput, beside comparable items that no change touched.

For each change and each series of what it touched (the named CI, the members of its redundancy group, its
service; all CIs of the service when no CI is named):

* Difference in differences: the daily series minus the mean of up to 8 control series, median of the 14 (or 7)
  days after minus median of the 14 days before. Days on which the change was at work are left out. Utilisation,
  latency and throughput are compared by their logarithms, the error ratio as it is.
* Controls are of the same metric and kind, of other services, untouched by any change from 14 days before to 14
  days after, and run like the series in the hour-of-week profile of the days before.
* Parallel trends: the second week before minus the first, the same estimator where nothing happened yet.
* Placebo distribution: the estimator at every series and day without a change nearby, in units of the daily
  noise. It gives the p-value, the interval and the usual divergence of trends. Beyond its upper twentieth the tail
  is a generalised Pareto distribution (Knijnenburg et al. 2009), by probability-weighted moments (Hosking and
  Wallis 1987).
* False discoveries: Benjamini and Hochberg (1995) over all tests of a run.

Of changes within 14 days of each other that touched the same series, the one whose days fit the move best is believed;
changes on the same or the next day cannot be told apart, and say so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import false_discovery_control

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

PRE_DAYS = 14
#: Days after the change; the longer window once it has passed.
POST_DAYS = (14, 7)
#: A change that was longer at work is not tested.
MAX_WORK_DAYS = 7
MIN_CONTROLS, MAX_CONTROLS = 3, 8
#: Control series are at most this far off in their profile: as part of the series' own swing, or in logarithms.
MAX_DISTANCE_RATIO, MAX_DISTANCE = 1.0, 0.05
MIN_MEASURED_RATIO = 0.7
FALSE_DISCOVERY_RATIO = 0.05
#: Trends are not parallel when so few placebos diverge as much.
PARALLEL_P = 0.05
INTERVAL_RATIO = 0.95
MIN_PLACEBOS = 100
_TAIL_RATIO = 0.05
#: Series of one metric and kind that serve as controls and placebos; of more, so many are drawn.
_MAX_DRAWN = 200
_MAD_TO_SIGMA = 1.4826
_HOURS_A_WEEK = 168
TABLE = "change_impact"
COLUMNS = [
    "change_id", "subject_kind", "subject_id", "metric", "unit", "relation", "before_value",
    "after_value", "expected_value", "effect_value", "effect_ratio", "effect_low", "effect_high",
    "usual_size", "score", "p_value", "q_value", "pre_trend", "pre_trend_p_value", "is_parallel",
    "control_count", "days_before", "days_after", "placebo_count", "nearby_change_count", "verdict",
    "reason",
]  # fmt: skip


@dataclass(frozen=True)
class Panel:
    """Series by day.

    `table`: one row a series (subject_kind, subject_id, metric, unit, ci_kind). `is_log`: compared by logarithms.
    `days`: transformed daily values, shape (series, days), NaN where not measured; `hours`: the profile's values, shape
    (series, days × 24), 0 where not `is_known`. `first_day`: day number (since 1970-01-01) of the first column.
    """

    table: pd.DataFrame
    is_log: Flags
    days: Floats
    hours: npt.NDArray[np.float32]
    is_known: Flags
    first_day: int

    @property
    def day_count(self) -> int:
        """Number of days."""
        return int(self.days.shape[1])


@dataclass(frozen=True)
class Gaps:
    """Series minus their controls around one day a column of `at`.

    `values`: shape (days evaluated, rows, 14 + 1 + 7 + 14), NaN outside; `controls`: how many, shape (days, rows).
    """

    at: Ints
    rows: Ints
    values: Floats
    controls: Ints


def change_impact(frames: Mapping[str, pd.DataFrame], as_of: date, seed: int) -> dict[str, pd.DataFrame]:
    """Effect of each change on each series it touched.

    `frames["series"]`: series (0, 1, …), subject_kind (ci, service), subject_id, metric, unit, ci_kind, profile_series
    (the series by whose hour-of-week profile controls are chosen). `frames["hours"]`: series, hour (since
    1970-01-01), value; a series that is only known by day has one value a day. `frames["changes"]`: change_id,
    change_kind, service_id, ci_id, started_date, ended_date. `frames["members"]`: service_id, ci_id, redundancy_group,
    valid_from, valid_to (last day, or null). `frames["holidays"]`: holiday_date, of any calendar.

    Gives `change_impact`, a row a change and series.
    """
    panel = daily_panel(frames["series"], frames["hours"], frames["holidays"], as_of)
    tests = touched_series(frames["changes"], frames["members"], panel)
    if tests.empty or panel.day_count == 0:
        return {TABLE: pd.DataFrame(columns=[*COLUMNS, "as_of_date"])}
    donors = possible_controls(
        panel, frames["members"], _disqualifying(tests, frames["changes"], panel), seed
    )
    gaps = control_gaps(panel, donors, _homes(panel, frames["members"])[0], tests)
    results = _tested(
        tests, panel, gaps, _touched_days(tests[~_is_standard(tests, frames["changes"])], panel)
    )
    return {TABLE: _described(results, panel).assign(as_of_date=as_of)}


def daily_panel(series: pd.DataFrame, hours: pd.DataFrame, holidays: pd.DataFrame, as_of: date) -> Panel:
    """Hours as a dense panel; see `Panel`. Hours after `as_of` are not looked at; holidays have no daily value, since
    not every series keeps the same.
    """
    last = int((pd.Timestamp(as_of) - pd.Timestamp(0)).days)
    hours = hours[hours["hour"] < (last + 1) * 24]
    first = last + 1 if hours.empty else int(hours["hour"].min()) // 24
    is_log = series["metric"].to_numpy() != "error_ratio"
    values = np.full((len(series), (last + 1 - first) * 24), np.nan)
    rows, raw = hours["series"].to_numpy(np.int64), hours["value"].to_numpy(np.float64)
    logs = np.log(np.where(raw > 0, raw, np.nan))
    values[rows, hours["hour"].to_numpy(np.int64) - first * 24] = np.where(is_log[rows], logs, raw)
    by_day = values.reshape(len(series), last + 1 - first, 24)
    known = np.isfinite(by_day).sum(axis=2)
    enough = known >= np.maximum(known.max(axis=1, initial=1, keepdims=True) / 2, 1)
    sums = np.nansum(by_day, axis=2)
    days = np.where(enough, sums / np.maximum(known, 1), np.nan)
    closed = _day_numbers(holidays["holiday_date"]) - first
    days[:, closed[(closed >= 0) & (closed < days.shape[1])]] = np.nan
    profile = series["profile_series"].to_numpy(np.int64)
    known_hours = np.isfinite(values)[profile]
    filled = np.where(known_hours, values[profile], 0.0).astype(np.float32)
    return Panel(series, is_log, days, filled, known_hours, first)


def touched_series(changes: pd.DataFrame, members: pd.DataFrame, panel: Panel) -> pd.DataFrame:
    """Series that each change touched: change_id, series, relation, and first and last day of the work (columns of the
    panel).

    relation: `named` (the CI of the change), `same_group` (it stands in for the named CI), `service`.
    """
    days = changes.assign(
        first=_day_numbers(changes["started_date"]) - panel.first_day,
        last=_day_numbers(changes["ended_date"]) - panel.first_day,
    )
    days = days[(days["last"] >= 0) & (days["first"] < panel.day_count)][
        ["change_id", "service_id", "ci_id", "first", "last"]
    ]
    map_ = members.assign(
        since=_day_numbers(members["valid_from"]) - panel.first_day,
        until=_day_numbers(members["valid_to"].fillna(pd.Timestamp("2200-01-01"))) - panel.first_day,
    )
    map_ = map_.drop(columns=["valid_from", "valid_to"])
    named, whole = days[days["ci_id"].notna()], days[days["ci_id"].isna()]
    homes = named.merge(map_, on="ci_id", suffixes=("", "_of_ci"))
    homes = homes[(homes["since"] <= homes["last"] + 1) & (homes["until"] >= homes["first"] - 1)]
    peers = homes.drop(columns=["since", "until", "ci_id", "service_id"]).merge(
        map_.rename(columns={"service_id": "service_id_of_ci"}), on=["service_id_of_ci", "redundancy_group"]
    )
    peers = peers[(peers["since"] <= peers["last"] + 1) & (peers["until"] >= peers["first"] - 1)]
    inside = whole.drop(columns="ci_id").merge(map_, on="service_id")
    inside = inside[(inside["since"] <= inside["last"] + 1) & (inside["until"] >= inside["first"] - 1)]
    services = pd.concat(
        [
            days[["change_id", "first", "last", "service_id"]],
            homes[["change_id", "first", "last", "service_id_of_ci"]].rename(
                columns={"service_id_of_ci": "service_id"}
            ),
        ]
    ).dropna(subset="service_id")
    found = [
        named.assign(subject_kind="ci", subject_id=named["ci_id"], relation="named", rank=0),
        peers.assign(subject_kind="ci", subject_id=peers["ci_id"], relation="same_group", rank=1),
        inside.assign(subject_kind="ci", subject_id=inside["ci_id"], relation="service", rank=2),
        services.assign(
            subject_kind="service", subject_id=services["service_id"], relation="service", rank=2
        ),
    ]
    columns = ["change_id", "first", "last", "subject_kind", "subject_id", "relation", "rank"]
    subjects = pd.concat([frame[columns] for frame in found], ignore_index=True)
    subjects = subjects.sort_values(["change_id", "subject_kind", "subject_id", "rank"], kind="stable")
    subjects = subjects.drop_duplicates(["change_id", "subject_kind", "subject_id"])
    tests = subjects.merge(
        panel.table[["series", "subject_kind", "subject_id"]], on=["subject_kind", "subject_id"]
    )
    return tests.sort_values(["change_id", "series"], kind="stable", ignore_index=True)


def _day_numbers(dates: pd.Series) -> Ints:
    return np.asarray(pd.to_datetime(dates).to_numpy().astype("datetime64[D]").astype(np.int64))


def _disqualifying(tests: pd.DataFrame, changes: pd.DataFrame, panel: Panel) -> Flags:
    """Days of work that keep a series from being a control, shape (series, days).

    Nearly every pool has some change on one of its CIs within four weeks. Its other members and, of a service with
    several CIs, the service still do; so does a CI after a standard change, which is routine. A change of a whole
    service always keeps its pools from it. What is touched nevertheless, the median over controls does not follow.
    """
    is_standard = _is_standard(tests, changes)
    is_whole = tests["change_id"].isin(set(changes.loc[changes["ci_id"].isna(), "change_id"]))
    return _touched_days(tests[is_whole | ((tests["relation"] == "named") & ~is_standard)], panel)


def _is_standard(tests: pd.DataFrame, changes: pd.DataFrame) -> Flags:
    return np.asarray(
        tests["change_id"].isin(set(changes.loc[changes["change_kind"] == "standard", "change_id"]))
    )


def _touched_days(tests: pd.DataFrame, panel: Panel) -> Flags:
    """Whether a change was at work on a series on a day, shape (series, days)."""
    first = np.clip(tests["first"].to_numpy(np.int64), 0, panel.day_count - 1)
    last = np.clip(tests["last"].to_numpy(np.int64), 0, panel.day_count - 1)
    steps = np.zeros((len(panel.table), panel.day_count + 1), dtype=np.int64)
    np.add.at(steps, (tests["series"].to_numpy(), first), 1)
    np.add.at(steps, (tests["series"].to_numpy(), last + 1), -1)
    return np.asarray(steps.cumsum(axis=1)[:, :-1] > 0)


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
    belongs, pools = _homes(panel, members)
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
    moves = np.where(known, panel.days - _median(panel.days)[:, None], 0.0)
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


def _homes(panel: Panel, members: pd.DataFrame) -> tuple[Flags, pd.Series]:
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
    middle = _median(np.where(known, moves, np.nan).transpose(0, 2, 1))
    count = usable.sum(axis=1)
    enough = (known.sum(axis=1) >= MIN_CONTROLS) & (count >= MIN_CONTROLS)[:, None]
    return np.where(enough, mine - middle, np.nan), count.astype(np.int64)


@dataclass(frozen=True)
class Estimates:
    """The estimator on windows of gaps; arrays of one shape.

    `effect` and `pre_trend` in the scale of the panel (logarithms, or the value); `days_before`, `days_after`
    measured. `sharpness`: difference of the means in standard deviations around them; lower when the level moved on
    another day, which medians do not notice.
    """

    effect: Floats
    pre_trend: Floats
    days_before: Ints
    days_after: Ints
    sharpness: Floats


def estimate(before: Floats, after: Floats) -> Estimates:
    """Level after minus level before, and divergence before, over the last axis (days)."""
    known_before, known_after = np.isfinite(before), np.isfinite(after)
    low, high = _median(before), _median(after)
    week = before.shape[-1] // 2
    drift = _median(before[..., week:]) - _median(before[..., :week])
    return Estimates(
        high - low, drift, known_before.sum(axis=-1), known_after.sum(axis=-1), _sharpness(before, after)
    )


def _sharpness(before: Floats, after: Floats) -> Floats:
    means, squares, counts = [], [], []
    for side in (before, after):
        known = np.isfinite(side)
        count = np.maximum(known.sum(axis=-1), 1)
        mean = np.where(known, side, 0.0).sum(axis=-1) / count
        means.append(mean)
        squares.append(np.where(known, (side - mean[..., None]) ** 2, 0.0).sum(axis=-1))
        counts.append(count)
    spread = np.sqrt((squares[0] + squares[1]) / np.maximum(counts[0] + counts[1] - 2, 1))
    return np.asarray(np.abs(means[1] - means[0]) / np.maximum(spread, 1e-12))


def _median(values: Floats) -> Floats:
    """Median over the last axis without NaN; NaN where there is nothing else. (`nanmedian` is far slower.)"""
    ordered = np.sort(values, axis=-1)  # NaN last
    count = np.isfinite(values).sum(axis=-1)
    low = np.take_along_axis(ordered, np.maximum((count - 1) // 2, 0)[..., None], axis=-1)[..., 0]
    high = np.take_along_axis(ordered, np.minimum(count // 2, values.shape[-1] - 1)[..., None], axis=-1)[
        ..., 0
    ]
    return np.asarray(np.where(count > 0, (low + high) / 2, np.nan))


class Placebo:
    """Distribution of |score| where nothing was changed."""

    def __init__(self, scores: Floats) -> None:
        self._ordered = np.sort(np.abs(scores[np.isfinite(scores)]))
        self._tail = int(len(self._ordered) * _TAIL_RATIO)
        if self._tail:
            self._threshold = float(self._ordered[-self._tail - 1])
            self._scale, self._shape = _pareto(self._ordered[-self._tail :] - self._threshold)

    def __len__(self) -> int:
        return len(self._ordered)

    def p_value(self, scores: Floats) -> Floats:
        """Chance of a score as far from 0; by the fitted tail beyond the placebos' upper twentieth."""
        size = np.abs(scores)
        above = len(self._ordered) - np.searchsorted(self._ordered, size, side="left")
        counted = (1 + above) / (1 + len(self._ordered))
        if not self._tail or self._scale <= 0:
            return np.asarray(counted)
        excess = np.maximum(size - self._threshold, 0.0) / self._scale
        is_exponential = self._shape < 1e-6
        shape = 1.0 if is_exponential else self._shape
        tail = np.exp(-excess) if is_exponential else (1.0 + shape * excess) ** (-1.0 / shape)
        return np.where(
            np.isfinite(size), np.where(size > self._threshold, _TAIL_RATIO * tail, counted), np.nan
        )

    def quantile(self, ratio: float) -> float:
        """The |score| that this part of the placebos does not exceed."""
        return float(np.quantile(self._ordered, ratio))


def _pareto(excesses: Floats) -> tuple[float, float]:
    """Scale and shape of a generalised Pareto distribution by probability-weighted moments (Hosking and Wallis 1987).

    A tail that ends (negative shape) is taken as exponential: no effect is impossible by chance.
    """
    ordered = np.sort(excesses)
    count = len(ordered)
    mean = float(ordered.mean())
    weighted = float((ordered * (count - 1 - np.arange(count))).sum() / max(count * (count - 1), 1))
    if mean <= 0 or mean - 2 * weighted <= 0:
        return mean, 0.0
    shape = 2.0 - mean / (mean - 2.0 * weighted)
    return (2.0 * mean * weighted / (mean - 2.0 * weighted), shape) if shape > 0 else (mean, 0.0)


def _tested(tests: pd.DataFrame, panel: Panel, gaps: Gaps, touched: Flags) -> pd.DataFrame:
    """`tests` with estimates, p-values and reasons why one could not be tested."""
    parts = []
    work = tests["last"] - tests["first"]
    # Of the windows after the change the longest that has passed.
    left = panel.day_count - 1 - tests["last"]
    first = min(POST_DAYS)
    for post in sorted(POST_DAYS):
        longer = min((days for days in POST_DAYS if days > post), default=10**9)
        chosen = tests[
            (left >= post) & (left < longer) & (tests["first"] >= PRE_DAYS) & (work < MAX_WORK_DAYS)
        ]
        if len(chosen):
            parts.append(_scored(chosen, panel, gaps, touched, post))
    reasons = np.select(
        [tests["first"] < PRE_DAYS, work >= MAX_WORK_DAYS, left < first],
        [
            f"history too short: fewer than {PRE_DAYS} days before",
            f"at work for more than {MAX_WORK_DAYS} days",
            f"too early: fewer than {first} days after",
        ],
        default="",
    )
    rest = tests.assign(reason=reasons)[reasons != ""]
    return pd.concat([*parts, rest], ignore_index=True).sort_values(
        ["change_id", "series"], ignore_index=True
    )


def _usual_size(metrics: npt.NDArray[np.object_], effects: Floats) -> Floats:
    """How far each row's estimates usually lie from 0 where nothing was changed: root mean square over the days that
    lie beyond 14 days of each day, shape (days, rows).

    `effects` is NaN where something was changed. Two weeks of the metric's usual size (by the median) are added: few
    days tell little, and a series that hardly moves is not known as well as it seems.
    """
    table = pd.DataFrame({"metric": np.tile(metrics, len(effects)), "size": np.abs(effects).ravel()})
    usual = (
        pd.Series(metrics).map(table.groupby("metric")["size"].median()).to_numpy(np.float64) * _MAD_TO_SIGMA
    )
    usual = np.where(usual > 0, usual, 1e-9)
    known = np.isfinite(effects)
    squares = np.pad(np.where(known, effects, 0.0) ** 2, ((1, 0), (0, 0))).cumsum(axis=0)
    counts = np.pad(known.astype(np.int64), ((1, 0), (0, 0))).cumsum(axis=0)
    day = np.arange(len(effects))
    first, last = np.maximum(day - PRE_DAYS, 0), np.minimum(day + PRE_DAYS + 1, len(effects))
    total = squares[-1] - (squares[last] - squares[first])
    count = counts[-1] - (counts[last] - counts[first])
    return np.asarray(np.sqrt((total + PRE_DAYS * usual**2) / (count + PRE_DAYS)))


def _scored(tests: pd.DataFrame, panel: Panel, gaps: Gaps, touched: Flags, post: int) -> pd.DataFrame:
    row_of = {int(series): row for row, series in enumerate(gaps.rows)}
    rows = tests["series"].map(row_of).to_numpy(np.int64)
    at = tests["first"].to_numpy(np.int64) - PRE_DAYS
    start = PRE_DAYS + 1 + (tests["last"] - tests["first"]).to_numpy(np.int64)
    windows = gaps.values[at, rows]
    after = np.take_along_axis(windows, start[:, None] + np.arange(post)[None, :], axis=1)
    mine = estimate(windows[:, :PRE_DAYS], after)
    everywhere = estimate(gaps.values[..., :PRE_DAYS], gaps.values[..., PRE_DAYS + 1 : PRE_DAYS + 1 + post])
    quiet = _untouched(panel, gaps, touched, post) & _measured(everywhere, post)
    metric_of = panel.table["metric"].to_numpy()
    own = _usual_size(metric_of[gaps.rows], np.where(quiet, everywhere.effect, np.nan))
    own_drift = _usual_size(metric_of[gaps.rows], np.where(quiet, everywhere.pre_trend, np.nan))
    usual = own[at, rows]
    scores, drifts = mine.effect / usual, mine.pre_trend / own_drift[at, rows]
    columns = {name: np.full(len(tests), np.nan) for name in ("p_value", "pre_trend_p_value", "reach")}
    placebos = np.zeros(len(tests), dtype=np.int64)
    for metric in np.unique(metric_of[tests["series"]]):
        here = metric_of[tests["series"]] == metric
        cells = quiet & (metric_of[gaps.rows] == metric)[None, :]
        effects = Placebo((everywhere.effect / own)[cells])
        trends = Placebo((everywhere.pre_trend / own_drift)[cells])
        placebos[here] = len(effects)
        if len(effects) >= MIN_PLACEBOS:
            columns["p_value"][here] = effects.p_value(scores[here])
            columns["pre_trend_p_value"][here] = trends.p_value(drifts[here])
            columns["reach"][here] = effects.quantile(INTERVAL_RATIO)
    found = tests.assign(
        effect=mine.effect,
        usual_size=usual,
        score=scores,
        pre_trend=mine.pre_trend,
        sharpness=mine.sharpness,
        control_count=gaps.controls[at, rows],
        days_before=mine.days_before,
        days_after=mine.days_after,
        placebo_count=placebos,
        **columns,
    )
    is_measured = _measured(mine, post)
    reasons = np.select(
        [
            found["control_count"] < MIN_CONTROLS,
            ~is_measured,
            found["placebo_count"] < MIN_PLACEBOS,
            found["pre_trend_p_value"] < PARALLEL_P,
        ],
        [
            f"too few controls: fewer than {MIN_CONTROLS} comparable and untouched",
            "too few days measured on it and its controls",
            f"too few placebos: fewer than {MIN_PLACEBOS}",
            "trends not parallel before the change",
        ],
        default="",
    )
    return found.assign(reason=reasons)


def _measured(made: Estimates, post: int) -> Flags:
    enough = (made.days_before >= MIN_MEASURED_RATIO * PRE_DAYS) & (
        made.days_after >= MIN_MEASURED_RATIO * post
    )
    return np.asarray(enough & np.isfinite(made.pre_trend))


def _untouched(panel: Panel, gaps: Gaps, touched: Flags, post: int) -> Flags:
    """Whether no change was at work on a row from 14 days before to `post` days after, shape (days evaluated, rows)."""
    counts = np.pad(touched[gaps.rows].cumsum(axis=1), ((0, 0), (1, 0)))
    ends = np.minimum(gaps.at + post + 1, panel.day_count)
    return np.asarray((counts[:, ends] == counts[:, gaps.at - PRE_DAYS]).T)


def _described(found: pd.DataFrame, panel: Panel) -> pd.DataFrame:
    """Verdicts, and effects in the unit of the metric."""
    for name in (*COLUMNS, "effect", "reach", "sharpness"):
        if name not in found:
            found[name] = np.nan
    found = found.drop(columns=["subject_kind", "subject_id", "metric", "unit"]).merge(
        panel.table[["series", "subject_kind", "subject_id", "metric", "unit"]], on="series"
    )
    is_testable = (found["reason"] == "").to_numpy()
    found["q_value"] = np.nan
    if is_testable.any():
        found.loc[is_testable, "q_value"] = false_discovery_control(found.loc[is_testable, "p_value"])
    found["nearby_change_count"], better, same = _nearby(found)
    moved = is_testable & (found["q_value"] <= FALSE_DISCOVERY_RATIO).to_numpy()
    believed = moved & (better == "")
    reasons = np.where(moved & ~believed, "the move fits " + better + " better", found["reason"])
    found["verdict"] = np.select(
        [believed & (found["effect"] > 0), believed, moved, ~is_testable],
        ["raised", "lowered", "no_effect_shown", "not_testable"],
        default="no_effect_shown",
    )
    found["reason"] = np.where(believed & (same != ""), "cannot be told apart from " + same, reasons)
    is_parallel = (found["pre_trend_p_value"] >= PARALLEL_P).astype(object)
    found["is_parallel"] = is_parallel.where(found["pre_trend_p_value"].notna(), None)
    found["reason"] = found["reason"].where(found["reason"] != "", None)
    _in_units(found, panel)
    for name in ("control_count", "days_before", "days_after", "placebo_count", "nearby_change_count"):
        found[name] = found[name].fillna(0).astype(np.int64)
    order = ["change_id", "subject_kind", "subject_id", "metric"]
    return found.sort_values(order, kind="stable", ignore_index=True)[COLUMNS]


def _nearby(found: pd.DataFrame) -> tuple[Ints, npt.NDArray[np.object_], npt.NDArray[np.object_]]:
    """Other changes within 14 days on the same series: how many, the one that the move fits better (empty: none), and
    those that cannot be told apart (work on the same or the next day).
    """
    counts = np.zeros(len(found), dtype=np.int64)
    better, same = np.full(len(found), "", dtype=object), np.full(len(found), "", dtype=object)
    is_strong = (found["p_value"] <= FALSE_DISCOVERY_RATIO).to_numpy()
    first, last = found["first"].to_numpy(np.int64), found["last"].to_numpy(np.int64)
    size, names = found["sharpness"].fillna(0).to_numpy(np.float64), found["change_id"].to_numpy()
    for rows in found.groupby("series", sort=False).indices.values():
        apart = np.maximum(
            first[rows][None, :] - last[rows][:, None], first[rows][:, None] - last[rows][None, :]
        )
        near = (apart <= PRE_DAYS) & ~np.eye(len(rows), dtype=bool)
        counts[rows] = near.sum(axis=1)
        beats = near & (apart > 1) & is_strong[rows][None, :] & (size[rows][None, :] > size[rows][:, None])
        best = np.where(beats, size[rows][None, :], -1.0).argmax(axis=1)
        better[rows] = np.where(beats.any(axis=1), names[rows][best], "")
        for row, others in zip(rows, near & (apart <= 1), strict=True):
            same[row] = ", ".join(names[rows][others])
    return counts, better, same


def _in_units(found: pd.DataFrame, panel: Panel) -> None:
    """Levels before and after, what was to be expected, and the effect with its interval, in the metric's unit.

    Of logarithms the effect is a ratio, and its interval too; `effect_value` is what it makes at the level expected.
    """
    days = np.pad(panel.days, ((0, 0), (0, max(POST_DAYS))), constant_values=np.nan)
    series, first, last = (found[name].to_numpy(np.int64) for name in ("series", "first", "last"))
    has = found["effect"].notna().to_numpy()
    first, last = np.where(has, first, PRE_DAYS), np.where(has, last, PRE_DAYS)
    before = _median(days[series[:, None], first[:, None] - PRE_DAYS + np.arange(PRE_DAYS)[None, :]])
    shown = np.where(panel.day_count - 1 - last >= max(POST_DAYS), max(POST_DAYS), min(POST_DAYS))
    steps = np.arange(max(POST_DAYS))[None, :]
    later = days[series[:, None], last[:, None] + 1 + steps]
    after = _median(np.where(steps < shown[:, None], later, np.nan))
    effect = found["effect"].to_numpy(np.float64)
    reach = found["reach"].to_numpy(np.float64) * found["usual_size"].to_numpy(np.float64)
    is_log = panel.is_log[series]

    def ends(value: Floats) -> Floats:
        return np.where(is_log, np.expm1(value), value)

    raw = np.where(is_log, np.exp(after), after)
    expected = np.where(is_log, np.exp(after - effect), after - effect)
    found["before_value"] = np.where(has, np.where(is_log, np.exp(before), before), np.nan)
    found["after_value"] = np.where(has, raw, np.nan)
    found["expected_value"], found["effect_value"] = expected, raw - expected
    found["effect_ratio"] = np.where(is_log, np.expm1(effect), np.nan)
    found["effect_low"], found["effect_high"] = ends(effect - reach), ends(effect + reach)
