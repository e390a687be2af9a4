"""Which size fits each CI, back-tested: had we taken it at each past decision date, would demand have crossed it later?

Everything is counted in the least limit that a day would have needed within the agreed threshold and with
the losses that a redundancy group must survive (`int_sizing_demand_daily`), so a size holds a day when its
limit is at least that.

* Need at a date: of the 28 days before, the 95th percentile for elastic resources, the maximum for
  exhaustible ones.
* A size is crossed in a week when one of its days needs more. Weeks count back from the as-of day. Days of
  one week and hours of one day are not independent, so the breach rate counts weeks; its interval is Clopper
  and Pearson's (1934), exact.
* Growth: median, over past decision dates, of (highest need of the 4 weeks after) ÷ (of the 4 weeks before),
  at least 1, compounded. The present size must hold it over the lead time, a proposed one over a quarter:
  sizes are not changed monthly.

* Scatter: how far a week's highest need usually lies from that of the week before (standard deviation from
  the median absolute deviation of the differences). The next record is rarely further above the last one.

A smaller size is proposed when it holds the need, was crossed in no week at all, will hold the growth, and
leaves the scatter above both.
A larger one when the present size does not hold need or growth, or is crossed in more weeks than 1 of 20
beyond doubt.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import beta

from assets.capacity.rightsizing_verdicts import MIN_TESTED_WEEKS, Flags, Judged, proposals, rejections

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

WINDOW_WEEKS = 4
MIN_DAYS_A_WEEK = 4
#: A proposed size must hold growth as long.
HOLD_WEEKS = 13
#: The present size is too small when it is crossed in more than this share of weeks, beyond doubt.
TOLERATED_BREACH_RATIO = 0.05
CONFIDENCE = 0.95
MAX_ORIGINS = 13
MAX_REJECTED = 8
DAYS_A_MONTH = 365.25 / 12
SIZES, BACKTEST = "rightsizing", "rightsizing_backtest"
_CHUNK_CIS = 2000


@dataclass(frozen=True)
class History:
    """Needs of series (one a CI and resource, in the order of `series`), by week up to the as-of day.

    `weeks`: highest need a week, shape (series, weeks), NaN where fewer than 4 days were measured. `needs`: need as
    known at the end of week w, shape (series, weeks + 1). `growth`: ratio in 4 weeks. `cut_days`: days of the last
    28 on which demand reached the limit. `scatter`: of the weekly highs.
    """

    series: pd.MultiIndex
    weeks: Floats
    needs: Floats
    growth: Floats
    scatter: Floats
    cut_days: Ints

    @property
    def week_count(self) -> int:
        """Number of weeks."""
        return int(self.weeks.shape[1])

    @property
    def recent_peak(self) -> Floats:
        """Highest need of the last 4 weeks."""
        return _highest(self.weeks[:, -WINDOW_WEEKS:])


def rightsize(frames: Mapping[str, pd.DataFrame], as_of: date, seed: int) -> dict[str, pd.DataFrame]:
    """Proposals and back-tests of every CI that has a ladder.

    `frames["demand"]`: ci_id, resource, observed_date, statistic, required_value, is_cut_off, one row a CI,
    resource and day. `frames["candidates"]`: ci_id, ladder_id, size_name, resource, limit_value (unit of
    required_value), monthly_cost, currency, lead_time_days, is_present, agrees_with_limits, one row a CI,
    size and resource.

    Gives `rightsizing` (a row a CI) and `rightsizing_backtest` (a row a CI, tried size and decision date).
    """
    del seed  # nothing is drawn
    demand, candidates = frames["demand"], frames["candidates"]
    cis = np.sort(candidates["ci_id"].unique())
    sizes, tests = [], []
    for start in range(0, max(len(cis), 1), _CHUNK_CIS):
        chunk = cis[start : start + _CHUNK_CIS]
        history = weekly_history(demand[demand["ci_id"].isin(chunk)], as_of)
        pairs = _judge(candidates[candidates["ci_id"].isin(chunk)], history)
        sizes.append(proposals(pairs, as_of))
        tests.append(_origins(pairs, as_of, history))
    return {SIZES: pd.concat(sizes, ignore_index=True), BACKTEST: pd.concat(tests, ignore_index=True)}


def weekly_history(demand: pd.DataFrame, as_of: date) -> History:
    """Needs by week; see `History`. Days after `as_of` are not looked at."""
    days = (pd.Timestamp(as_of) - pd.to_datetime(demand["observed_date"])).dt.days.to_numpy()
    rows = demand[days >= 0]
    days = days[days >= 0]
    codes = pd.MultiIndex.from_arrays([rows["ci_id"].to_numpy(), rows["resource"].to_numpy()])
    labels, series = codes.factorize(sort=True)
    week_count = 0 if not len(rows) else (int(days.max()) + 1) // 7
    is_whole = days < 7 * week_count
    rows, days, labels = rows[is_whole], days[is_whole], labels[is_whole]
    values = np.full((len(series), 7 * week_count), np.nan)
    cut = np.zeros(values.shape, dtype=bool)
    values[labels, 7 * week_count - 1 - days] = rows["required_value"].to_numpy(dtype=np.float64)
    cut[labels, 7 * week_count - 1 - days] = rows["is_cut_off"].to_numpy(dtype=bool)
    is_maximum = np.zeros(len(series), dtype=bool)
    is_maximum[labels] = rows["statistic"].to_numpy() == "maximum"
    by_week = values.reshape(len(series), week_count, 7)
    enough = (~np.isnan(by_week)).sum(axis=2) >= MIN_DAYS_A_WEEK
    weeks = np.where(enough, _highest(by_week), np.nan)
    return History(
        pd.MultiIndex.from_tuples(list(series), names=["ci_id", "resource"]),
        weeks,
        _needs(values, is_maximum, week_count),
        _growth(weeks),
        _scatter(weeks),
        cut[:, -7 * WINDOW_WEEKS :].sum(axis=1),
    )


def breach_interval(breached: Ints, tested: Ints) -> tuple[Floats, Floats]:
    """Clopper-Pearson interval of a breach rate; from 0 to 1 where nothing was tested."""
    tail = (1 - CONFIDENCE) / 2
    held = tested - breached
    low = np.where(breached > 0, beta.ppf(tail, np.maximum(breached, 1), held + 1), 0.0)
    high = np.where(held > 0, beta.ppf(1 - tail, breached + 1, np.maximum(held, 1)), 1.0)
    return low, high


def _highest(values: Floats) -> Floats:
    """Maximum over the last axis without NaN; NaN where there is nothing else."""
    if values.shape[-1] == 0:
        return np.full(values.shape[:-1], np.nan)
    filled = np.where(np.isnan(values), -np.inf, values).max(axis=-1)
    return np.where(np.isinf(filled), np.nan, filled)


def _needs(values: Floats, is_maximum: Flags, week_count: int) -> Floats:
    """Need as known after w weeks in column w; NaN where fewer than half of its 28 days were measured."""
    needs = np.full((values.shape[0], week_count + 1), np.nan)
    length = 7 * WINDOW_WEEKS
    for week in range(WINDOW_WEEKS, week_count + 1):
        window = np.sort(values[:, 7 * week - length : 7 * week], axis=1)  # NaN last
        count = (~np.isnan(window)).sum(axis=1)
        known = count >= length // 2
        position = np.where(is_maximum, 1.0, 0.95) * (np.maximum(count, 1) - 1)
        low = np.floor(position).astype(np.int64)
        high = np.minimum(low + 1, np.maximum(count, 1) - 1)
        row = np.arange(values.shape[0])
        needed = window[row, low] + (position - low) * (window[row, high] - window[row, low])
        needs[:, week] = np.where(known, needed, np.nan)
    return needs


def _growth(weeks: Floats) -> Floats:
    """Median ratio of the highest need of 4 weeks to that of the 4 before, at least 1; of 3 ratios or more."""
    ratios = [
        _highest(weeks[:, w : w + WINDOW_WEEKS]) / _highest(weeks[:, w - WINDOW_WEEKS : w])
        for w in range(WINDOW_WEEKS, weeks.shape[1] - WINDOW_WEEKS + 1)
    ]
    if len(ratios) < 3:
        return np.ones(weeks.shape[0])
    table = np.stack(ratios, axis=1)
    table = np.where(np.isfinite(table), table, np.nan)
    return np.where((~np.isnan(table)).sum(axis=1) >= 3, np.fmax(_median(table), 1.0), 1.0)


def _scatter(weeks: Floats) -> Floats:
    """Standard deviation of a weekly high around its level, robust: trend and single spikes do not count."""
    steps = np.diff(weeks, axis=1)
    if steps.shape[1] == 0:
        return np.zeros(weeks.shape[0])
    deviation = np.abs(steps - _median(steps)[:, None])
    return np.nan_to_num(1.4826 * _median(deviation) / np.sqrt(2.0))


def _median(values: Floats) -> Floats:
    """Median over the last axis without NaN; NaN where there is nothing else."""
    ordered = np.sort(values, axis=1)
    count = (~np.isnan(ordered)).sum(axis=1)
    row = np.arange(len(ordered))
    middle = (
        ordered[row, np.maximum(count - 1, 0) // 2]
        + ordered[row, np.minimum(count // 2, ordered.shape[1] - 1)]
    )
    return np.where(count > 0, middle / 2, np.nan)


def _judge(candidates: pd.DataFrame, history: History) -> Judged:
    rows = candidates.sort_values(["ci_id", "monthly_cost", "size_name", "resource"], ignore_index=True)
    rows["pair"] = rows.groupby(["ci_id", "monthly_cost", "size_name"], sort=False).ngroup()
    rows["series"] = history.series.get_indexer(pd.MultiIndex.from_frame(rows[["ci_id", "resource"]]))
    present = rows[rows["is_present"]].set_index(["ci_id", "resource"])["limit_value"]
    rows["present_limit"] = present.reindex(pd.MultiIndex.from_frame(rows[["ci_id", "resource"]])).to_numpy()
    is_measured = (rows["series"] >= 0).to_numpy()
    at = rows["series"].to_numpy()
    limit = rows["limit_value"].to_numpy(dtype=np.float64)[:, None]
    weeks = _taken(history.weeks, at, is_measured)
    crossed, tested = weeks > limit, ~np.isnan(weeks)
    lead = np.maximum(rows["lead_time_days"].fillna(0).to_numpy(dtype=np.float64) / 7, WINDOW_WEEKS)
    horizon = np.where(rows["is_present"], lead, np.maximum(lead, HOLD_WEEKS))
    rows["growth_ratio"] = _taken(history.growth[:, None], at, is_measured)[:, 0] ** (horizon / WINDOW_WEEKS)
    rows["need"] = _taken(history.needs[:, -1:], at, is_measured)[:, 0]
    recent, ever, scatter = (
        _taken(values[:, None], at, is_measured)[:, 0]
        for values in (history.recent_peak, _highest(history.weeks), history.scatter)
    )
    rows["expected"] = recent * rows["growth_ratio"].to_numpy()
    reserve = np.fmax(rows["expected"].to_numpy(), ever) + scatter
    rows["grown"] = np.where(rows["is_present"], rows["expected"], reserve)
    cut = _taken(history.cut_days[:, None].astype(np.float64), at, is_measured)[:, 0]
    rows["cut_days"] = np.nan_to_num(cut).astype(np.int64)
    # What is not measured may not shrink: nobody knows what it needs.
    unknown = is_measured & rows["need"].isna().to_numpy() | np.isnan(limit[:, 0])
    shrinks = ~is_measured & (rows["limit_value"] < rows["present_limit"]).to_numpy()
    rows["is_blind"] = unknown | shrinks
    rows["holds_need"] = ~(rows["need"].to_numpy() > limit[:, 0])
    rows["holds_growth"] = ~(rows["grown"].to_numpy() > limit[:, 0])
    return Judged(_pairs(rows, crossed, tested), rows, crossed, tested)


def _taken(values: Floats, at: Ints, is_measured: Flags) -> Floats:
    """Rows `at` of `values`; NaN for rows that were not measured."""
    if not len(values):
        return np.full((len(at), values.shape[1]), np.nan)
    return np.where(is_measured[:, None], values[np.maximum(at, 0)], np.nan)


def _pairs(rows: pd.DataFrame, crossed: Flags, tested: Flags) -> pd.DataFrame:
    """One row a CI and size: whether it holds, and in how many weeks after a decision it was crossed."""
    grouped = rows.groupby("pair", sort=False)
    names = [
        "ci_id",
        "ladder_id",
        "size_name",
        "monthly_cost",
        "currency",
        "is_present",
        "agrees_with_limits",
    ]
    pairs = grouped[names].first()
    pairs[["holds_need", "holds_growth"]] = grouped[["holds_need", "holds_growth"]].all()
    pairs["is_blind"] = grouped["is_blind"].any()
    pairs["cut_days"] = grouped["cut_days"].max()
    # The resource that is nearest to its limit; the first by name of those not measured.
    tight = rows.loc[(rows["grown"] / rows["limit_value"]).fillna(-1.0).groupby(rows["pair"]).idxmax()]
    for name in ("resource", "grown", "limit_value", "growth_ratio"):
        pairs[name] = tight[name].to_numpy()
    starts = np.flatnonzero(rows["pair"].diff().fillna(1).to_numpy() != 0)
    any_crossed, any_tested = _any(crossed, starts), _any(tested, starts)
    pairs["was_crossed"] = any_crossed.sum(axis=1) > 0
    pairs["breached_weeks"] = any_crossed[:, WINDOW_WEEKS:].sum(axis=1)
    pairs["tested_weeks"] = any_tested[:, WINDOW_WEEKS:].sum(axis=1)
    pairs["breach_low"], pairs["breach_high"] = breach_interval(
        pairs["breached_weeks"].to_numpy(), pairs["tested_weeks"].to_numpy()
    )
    return _chosen(pairs)


def _any(flags: Flags, starts: Ints) -> Flags:
    """Flags of pairs from those of their rows; `starts` are the first rows of the pairs."""
    return np.asarray(np.logical_or.reduceat(flags, starts, axis=0)) if len(flags) else flags


def _chosen(pairs: pd.DataFrame) -> pd.DataFrame:
    """Adds whether a size was tried, accepted, and is the proposal; what the CI's present size lacks."""
    present = pairs[pairs["is_present"]].drop_duplicates("ci_id").set_index("ci_id")
    of_ci = present.reindex(pairs["ci_id"])
    cost = of_ci["monthly_cost"].to_numpy(dtype=np.float64)
    lacks = ~(of_ci["holds_need"].eq(True) & of_ci["holds_growth"].eq(True))
    proven = of_ci["breach_low"].to_numpy(dtype=np.float64) > TOLERATED_BREACH_RATIO
    pairs["is_assessed"] = (of_ci["agrees_with_limits"].eq(True) & of_ci["is_blind"].eq(False)).to_numpy() & (
        of_ci["tested_weeks"].fillna(0).to_numpy() >= MIN_TESTED_WEEKS
    )
    pairs["is_short"] = pairs["is_assessed"] & (lacks.to_numpy() | proven)
    dearer = pairs["monthly_cost"].to_numpy() > cost
    cheaper = pairs["monthly_cost"].to_numpy() < cost
    same = pairs["currency"].to_numpy() == of_ci["currency"].to_numpy()
    wanted = np.where(pairs["is_short"], dearer, cheaper) & same & pairs["is_assessed"].to_numpy()
    # Sizes that do not even hold the need of the last days are not tried.
    tried = wanted & pairs["holds_need"].to_numpy() & ~pairs["is_blind"].to_numpy()
    accepted = tried & pairs["holds_growth"].to_numpy() & ~pairs["was_crossed"].to_numpy()
    order = pd.Series(np.arange(len(pairs)), index=pairs.index)
    first = order.where(accepted).groupby(pairs["ci_id"]).transform("min")
    pairs["is_proposed"] = order == first
    pairs["is_tried"] = tried & ~(order > first)
    rank = pairs["is_tried"].groupby(pairs["ci_id"]).cumsum()
    count = pairs["is_tried"].groupby(pairs["ci_id"]).transform("sum")
    pairs["is_tried"] &= rank > count - MAX_REJECTED
    return pairs


def _origins(judged: Judged, as_of: date, history: History) -> pd.DataFrame:
    """A row a tried (or present) size and decision date: would it have been taken, and what came of it."""
    pairs = judged.pairs[judged.pairs["is_tried"] | judged.pairs["is_present"]]
    week_count = history.week_count
    first = WINDOW_WEEKS
    step = max(1, -(-(week_count - first) // MAX_ORIGINS))
    origins = np.arange(week_count - 1, first - 1, -step)[::-1]
    frames = [
        _one_origin(judged, history, pairs, int(week), as_of - timedelta(days=7 * (week_count - int(week))))
        for week in origins
    ]
    if not frames:
        return pd.DataFrame(columns=_TEST_COLUMNS)
    result = pd.concat(frames, ignore_index=True).assign(as_of_date=as_of)
    reasons = rejections(judged, as_of)
    result["reason"] = [reasons.get(pair) for pair in result["pair"]]
    return result[_TEST_COLUMNS]


_TEST_COLUMNS = [
    "ci_id", "as_of_date", "size_name", "decision_date", "is_present", "is_proposed", "held_then", "tested_weeks",
    "breached_weeks", "saved_cost", "currency", "reason",
]  # fmt: skip


def _one_origin(
    judged: Judged, history: History, pairs: pd.DataFrame, week: int, decided: date
) -> pd.DataFrame:
    chosen = judged.rows["pair"].isin(pairs.index).to_numpy()
    rows = judged.rows[chosen]
    starts = np.flatnonzero(rows["pair"].diff().fillna(1).to_numpy() != 0)
    measured = (rows["series"] >= 0).to_numpy()
    need = _taken(history.needs[:, week : week + 1], rows["series"].to_numpy(), measured)[:, 0]
    held = ~(need > rows["limit_value"].to_numpy())
    crossed = _any(judged.crossed[chosen][:, week:], starts)
    tested = _any(judged.tested[chosen][:, week:], starts)
    present = judged.pairs[judged.pairs["is_present"]].set_index("ci_id")["monthly_cost"]
    months = 7 * (history.week_count - week) / DAYS_A_MONTH
    saved = (present.reindex(pairs["ci_id"]).to_numpy() - pairs["monthly_cost"].to_numpy()) * months
    return pd.DataFrame(
        {
            "pair": pairs.index,
            "ci_id": pairs["ci_id"].to_numpy(),
            "size_name": pairs["size_name"].to_numpy(),
            "currency": pairs["currency"].to_numpy(),
            "decision_date": decided,
            "is_present": pairs["is_present"].to_numpy(),
            "is_proposed": pairs["is_proposed"].to_numpy(),
            "held_then": np.logical_and.reduceat(held, starts),
            "tested_weeks": tested.sum(axis=1),
            "breached_weeks": crossed.sum(axis=1),
            "saved_cost": saved,
        }
    )
