"""Daily series around changes: what was measured, and which series each change touched."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import pandas as pd

from assets.forecasting.seasonal_naive import nan_median

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

PRE_DAYS = 14
#: Days after the change; the longer window once it has passed.
POST_DAYS = (14, 7)
#: A change that was longer at work is not tested.
MAX_WORK_DAYS = 7
MIN_MEASURED_RATIO = 0.7
#: Weekdays are compared with weeks of which at least six days were measured, and are known from three of them on.
_WEEK, _FULL_WEEK, _MIN_WEEKS = 7, 6, 3


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
    closed = day_numbers(holidays["holiday_date"]) - first
    days[:, closed[(closed >= 0) & (closed < days.shape[1])]] = np.nan
    days = without_weekdays(days, first)
    profile = series["profile_series"].to_numpy(np.int64)
    known_hours = np.isfinite(values)[profile]
    filled = np.where(known_hours, values[profile], 0.0).astype(np.float32)
    return Panel(series, is_log, days, filled, known_hours, first)


def without_weekdays(days: Floats, first_day: int) -> Floats:
    """`days` (series, days) without what each weekday usually has beside the week around it; the level stays.

    Usual is the median over the weeks, of weekdays that were measured in at least three; a series and its controls
    need not keep the same weekends. `first_day`: day number of the first column.
    """
    known = np.isfinite(days)
    width = days.shape[1]
    sums = np.pad(np.where(known, days, 0.0).cumsum(axis=1), ((0, 0), (1, 0)))
    counts = np.pad(known.cumsum(axis=1), ((0, 0), (1, 0)))
    start, end = np.maximum(np.arange(width) - 3, 0), np.minimum(np.arange(width) + 4, width)
    count = counts[:, end] - counts[:, start]
    around = (sums[:, end] - sums[:, start]) / np.maximum(count, 1)
    beside = np.where(known & (count >= _FULL_WEEK) & (end - start == _WEEK)[None, :], days - around, np.nan)
    weekday = (first_day + np.arange(width)) % _WEEK
    usual = np.zeros((len(days), _WEEK))
    for number in range(_WEEK):
        of_day = beside[:, weekday == number]
        enough = np.isfinite(of_day).sum(axis=1) >= _MIN_WEEKS
        usual[enough, number] = nan_median(of_day[enough])
    usual -= usual.mean(axis=1, keepdims=True)
    return np.asarray(days - usual[:, weekday])


def touched_series(changes: pd.DataFrame, members: pd.DataFrame, panel: Panel) -> pd.DataFrame:
    """Series that each change touched: change_id, series, relation, and first and last day of the work (columns of the
    panel).

    relation: `named` (the CI of the change), `same_group` (it stands in for the named CI), `service`.
    """
    days = changes.assign(
        first=day_numbers(changes["started_date"]) - panel.first_day,
        last=day_numbers(changes["ended_date"]) - panel.first_day,
    )
    days = days[(days["last"] >= 0) & (days["first"] < panel.day_count)][
        ["change_id", "service_id", "ci_id", "first", "last"]
    ]
    map_ = members.assign(
        since=day_numbers(members["valid_from"]) - panel.first_day,
        until=day_numbers(members["valid_to"].fillna(pd.Timestamp("2200-01-01"))) - panel.first_day,
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


def day_numbers(dates: pd.Series) -> Ints:
    return np.asarray(pd.to_datetime(dates).to_numpy().astype("datetime64[D]").astype(np.int64))


def disqualifying_days(tests: pd.DataFrame, changes: pd.DataFrame, panel: Panel) -> Flags:
    """Days of work that keep a series from being a control, shape (series, days).

    Nearly every pool has some change on one of its CIs within four weeks. Its other members and, of a service with
    several CIs, the service still do; so does a CI after a standard change, which is routine. A change of a whole
    service always keeps its pools from it. What is touched nevertheless, the median over controls does not follow.
    """
    standard = is_standard(tests, changes)
    is_whole = tests["change_id"].isin(set(changes.loc[changes["ci_id"].isna(), "change_id"]))
    return touched_days(tests[is_whole | ((tests["relation"] == "named") & ~standard)], panel)


def is_standard(tests: pd.DataFrame, changes: pd.DataFrame) -> Flags:
    return np.asarray(
        tests["change_id"].isin(set(changes.loc[changes["change_kind"] == "standard", "change_id"]))
    )


def touched_days(tests: pd.DataFrame, panel: Panel) -> Flags:
    """Whether a change was at work on a series on a day, shape (series, days)."""
    first = np.clip(tests["first"].to_numpy(np.int64), 0, panel.day_count - 1)
    last = np.clip(tests["last"].to_numpy(np.int64), 0, panel.day_count - 1)
    steps = np.zeros((len(panel.table), panel.day_count + 1), dtype=np.int64)
    np.add.at(steps, (tests["series"].to_numpy(), first), 1)
    np.add.at(steps, (tests["series"].to_numpy(), last + 1), -1)
    return np.asarray(steps.cumsum(axis=1)[:, :-1] > 0)
