"""What each change did to utilisation, latency, errors and throughput, beside comparable items that no change touched.

For each change and each series of what it touched (the named CI, the members of its redundancy group, its
service; all CIs of the service when no CI is named):

* Difference in differences: the daily series minus the mean of up to 8 control series, median of the 14 (or 7)
  days after minus median of the 14 days before. Days on which the change was at work are left out, and what each
  weekday usually has beside the week around it is taken out. Utilisation,
  latency and throughput are compared by their logarithms, the error ratio as it is.
* Controls are of the same metric and kind, of other services, untouched by any change from 14 days before to 14
  days after, and run most like the series in the hour-of-week profile of the days before.
* Parallel trends: the second week before minus the first, the same estimator where nothing happened yet.
* Placebo distribution: the estimator at every series and day without a change nearby, in units of its usual size
  (how far it lies from 0 on the series, and the scatter of the days around the level of their side). It gives the
  p-value, the interval and the usual divergence of trends. Beyond its upper twentieth the tail is a generalised
  Pareto distribution (Knijnenburg et al. 2009), by probability-weighted moments (Hosking and Wallis 1987).
* False discoveries: Benjamini and Hochberg (1995) over all tests of a run.

Of changes within 14 days of each other that touched the same series, the one whose days fit the move best is believed;
changes on the same or the next day cannot be told apart, and say so.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import false_discovery_control

from assets.capacity.change_controls import MIN_CONTROLS, Gaps, control_gaps, homes_of, possible_controls
from assets.capacity.change_estimates import Estimates, Placebo, estimate
from assets.capacity.change_panel import (
    MAX_WORK_DAYS,
    MIN_MEASURED_RATIO,
    POST_DAYS,
    PRE_DAYS,
    Flags,
    Floats,
    Ints,
    Panel,
    daily_panel,
    disqualifying_days,
    is_standard,
    touched_days,
    touched_series,
)
from assets.forecasting.seasonal_naive import nan_median

FALSE_DISCOVERY_RATIO = 0.05
#: Trends are not parallel when so few placebos diverge as much.
PARALLEL_P = 0.05
INTERVAL_RATIO = 0.95
MIN_PLACEBOS = 100
#: Weight of the days' own scatter in the size of an effect that is usual.
SCATTER_WEIGHT = 0.6
_MAD_TO_SIGMA = 1.4826
TABLE = "change_impact"
COLUMNS = [
    "change_id", "subject_kind", "subject_id", "metric", "unit", "relation", "before_value",
    "after_value", "expected_value", "effect_value", "effect_ratio", "effect_low", "effect_high",
    "usual_size", "score", "p_value", "q_value", "pre_trend", "pre_trend_p_value", "is_parallel",
    "control_count", "days_before", "days_after", "placebo_count", "nearby_change_count", "verdict",
    "reason",
]  # fmt: skip


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
        panel, frames["members"], disqualifying_days(tests, frames["changes"], panel), seed
    )
    gaps = control_gaps(panel, donors, homes_of(panel, frames["members"])[0], tests)
    results = _tested(tests, panel, gaps, touched_days(tests[~is_standard(tests, frames["changes"])], panel))
    return {TABLE: _described(results, panel).assign(as_of_date=as_of)}


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
    # The level that moved on another day scatters the days of one side: a change is not credited with its whole move.
    size = np.sqrt(own**2 + SCATTER_WEIGHT * everywhere.spread**2)
    usual = np.sqrt(own[at, rows] ** 2 + SCATTER_WEIGHT * mine.spread**2)
    scores, drifts = mine.effect / usual, mine.pre_trend / own_drift[at, rows]
    columns = {name: np.full(len(tests), np.nan) for name in ("p_value", "pre_trend_p_value", "reach")}
    placebos = np.zeros(len(tests), dtype=np.int64)
    for metric in np.unique(metric_of[tests["series"]]):
        here = metric_of[tests["series"]] == metric
        cells = quiet & (metric_of[gaps.rows] == metric)[None, :]
        effects = Placebo((everywhere.effect / size)[cells])
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
    before = nan_median(days[series[:, None], first[:, None] - PRE_DAYS + np.arange(PRE_DAYS)[None, :]])
    shown = np.where(panel.day_count - 1 - last >= max(POST_DAYS), max(POST_DAYS), min(POST_DAYS))
    steps = np.arange(max(POST_DAYS))[None, :]
    later = days[series[:, None], last[:, None] + 1 + steps]
    after = nan_median(np.where(steps < shown[:, None], later, np.nan))
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
