"""Hours that were unusual for their CI, and which of them belong together."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd

from assets.capacity.baselines import BASES, HOURS, Baseline, Floats, Ints, baseline

#: An hour opens an anomaly at this robust z, and keeps it open down to the other.
OPEN_SCORE, CLOSE_SCORE = 4.0, 2.0
#: Unusual hours with no more than this between them are one anomaly: a shift shows in the busy hours of each day.
QUIET_HOURS = 24
#: A deviation of less than this share of usable capacity opens nothing.
MINIMUM_RATIO = 0.05
#: Series at once: bounds memory and fits the processor's cache.
CHUNK = 64
BASELINE_COLUMNS = ["series", "weekday", "hour", "basis", "expected_value", "mad_value", "scale_value"]
EPOCH = date(1970, 1, 1)
WEEK = 7


def find_anomalies(
    hours: pd.DataFrame, series: pd.DataFrame, usable: pd.DataFrame, holidays: pd.DataFrame, as_of: date
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Anomalies of every series up to `as_of`, and the baselines of the week after it.

    `hours` has series (a number), hour (whole hours since 1970, UTC) and value; `series` has series, ci_id, resource,
    unit and zone; `usable` has series, day (since 1970) and usable_value; `holidays` has zone and holiday_date. Days
    and their hours are those of the zone: a clock change is no anomaly.

    The anomalies have one row a series and run of hours, the baselines one a series, weekday (1 to 7) and local hour.
    """
    ordered = hours.sort_values(["series", "hour"], kind="stable", ignore_index=True)
    nothing = np.empty(0)
    found = [_unusual_rows(ordered.iloc[:0], nothing, nothing, nothing.astype(np.int64))]
    ahead = []
    for zone in sorted(set(series["zone"])):
        clock = LocalClock(zone, ordered["hour"].to_numpy(), holidays, as_of)
        numbers = np.sort(series.loc[series["zone"] == zone, "series"].to_numpy(dtype=np.int64))
        for start in range(0, len(numbers), CHUNK):
            unusual, usual = _judge(ordered, numbers[start : start + CHUNK], clock)
            found.append(unusual)
            ahead.append(_week_ahead(usual, numbers[start : start + CHUNK], clock))
    names = series[["series", "ci_id", "resource", "unit", "zone"]]
    anomalies = _runs(_of_interest(pd.concat(found, ignore_index=True), usable), as_of)
    baselines = pd.concat(ahead, ignore_index=True) if ahead else pd.DataFrame(columns=BASELINE_COLUMNS)
    return anomalies.merge(names, on="series"), baselines.merge(names, on="series")


class LocalClock:
    """Local days and hours of a zone, from the first hour at hand to the day after `as_of`, and one week more."""

    def __init__(self, zone: str, hours: Ints, holidays: pd.DataFrame, as_of: date) -> None:
        end = (as_of - EPOCH).days + 1
        self._first_hour = int(hours.min()) if len(hours) else (end - 1) * HOURS
        moments = np.arange(self._first_hour, end * HOURS).astype("datetime64[h]")
        local = pd.DatetimeIndex(moments, tz="UTC").tz_convert(zone).tz_localize(None)
        self._local = local.to_numpy().astype("datetime64[h]").astype(np.int64)
        self.first_day = int(self._local[0]) // HOURS
        # The day after `as_of` has begun east of Greenwich; nothing is known of the week that follows it.
        self.known_days = end - self.first_day
        days = np.arange(self.first_day, end + 1)
        closed = pd.to_datetime(holidays.loc[holidays["zone"] == zone, "holiday_date"])
        closed_days = closed.to_numpy().astype("datetime64[D]").astype(np.int64)
        self.is_holiday = np.append(np.isin(days, closed_days), np.zeros(WEEK, dtype=np.bool_))
        self.weekdays = (
            np.arange(self.first_day, end + 1 + WEEK) + 3
        ) % WEEK  # 1 January 1970 was a Thursday

    def slots(self, hours: Ints) -> Ints:
        """Position of UTC hours in the local hours from midnight of the first day on."""
        return np.asarray(self._local[hours - self._first_hour] - self.first_day * HOURS)


def _judge(ordered: pd.DataFrame, numbers: Ints, clock: LocalClock) -> tuple[pd.DataFrame, Baseline]:
    """Hours from CLOSE_SCORE on of the series `numbers`, and the baselines of these series."""
    starts = np.searchsorted(ordered["series"], numbers, side="left")
    stops = np.searchsorted(ordered["series"], numbers, side="right")
    rows = ordered.iloc[np.concatenate([np.arange(*span) for span in zip(starts, stops, strict=True)])]
    at = (np.repeat(np.arange(len(numbers)), stops - starts), clock.slots(rows["hour"].to_numpy()))
    values: Floats = np.full((len(numbers), clock.weekdays.size * HOURS), np.nan)
    values[at] = rows["value"]
    days = values.reshape(len(numbers), -1, HOURS)
    usual = baseline(days, clock.weekdays, clock.is_holiday, clock.known_days)
    expected, scale = (grid.reshape(values.shape)[at] for grid in (usual.expected, usual.scale))
    basis = usual.basis.reshape(values.shape)[at]
    return _unusual_rows(rows, expected, scale, basis), usual


def _unusual_rows(rows: pd.DataFrame, expected: Floats, scale: Floats, basis: Ints) -> pd.DataFrame:
    score = (rows["value"].to_numpy() - expected) / scale
    judged = rows.assign(expected=expected, score=score, basis=basis)
    return judged[np.abs(score) >= CLOSE_SCORE]


def _week_ahead(usual: Baseline, numbers: Ints, clock: LocalClock) -> pd.DataFrame:
    """The baselines of the last seven days, one row a series, weekday and hour, where there is one."""
    weekdays = np.repeat(clock.weekdays[-WEEK:] + 1, HOURS)
    columns = (
        np.repeat(numbers, WEEK * HOURS),
        np.tile(weekdays, len(numbers)),
        np.tile(np.arange(HOURS), WEEK * len(numbers)),
        np.array(BASES)[usual.basis[:, -WEEK:].ravel()],
        usual.expected[:, -WEEK:].ravel(),
        usual.mad[:, -WEEK:].ravel(),
        usual.scale[:, -WEEK:].ravel(),
    )
    frame = pd.DataFrame(dict(zip(BASELINE_COLUMNS, columns, strict=True)))
    return frame[frame["expected_value"].notna()]


def _of_interest(unusual: pd.DataFrame, usable: pd.DataFrame) -> pd.DataFrame:
    """With the usable capacity of the day, and whether the hour may open an anomaly."""
    rows = unusual.assign(day=unusual["hour"] // HOURS).merge(usable, on=["series", "day"], how="left")
    deviation = (rows["value"] - rows["expected"]).abs()
    is_small = deviation < MINIMUM_RATIO * rows["usable_value"].fillna(
        0.0
    )  # nothing is small beside the unknown
    rows["opens"] = (rows["score"].abs() >= OPEN_SCORE) & ~is_small
    rows["direction"] = np.where(rows["score"] > 0, "up", "down")
    return rows.sort_values(["series", "direction", "hour"], kind="stable", ignore_index=True)


def _runs(rows: pd.DataFrame, as_of: date) -> pd.DataFrame:
    """One row a series, direction and run of unusual hours, from the first hour that opens it."""
    same = (rows["series"] == rows["series"].shift()) & (rows["direction"] == rows["direction"].shift())
    follows = same & (rows["hour"] - rows["hour"].shift() <= QUIET_HOURS + 1)
    rows = rows.assign(run=(~follows).cumsum())
    opened = rows[rows["opens"]].groupby("run")["hour"].min().rename("opened")
    rows = rows.merge(opened, on="run")
    rows = rows[rows["hour"] >= rows["opened"]]
    peaks = rows.loc[rows["score"].abs().groupby(rows["run"]).idxmax()].set_index("run")
    groups = rows.groupby("run")
    ended = groups["hour"].max() + 1
    end_of_day = ((as_of - EPOCH).days + 1) * HOURS
    return pd.DataFrame(
        {
            "series": peaks["series"],
            "direction": peaks["direction"],
            "opened_at": _moments(peaks["opened"]),
            "ended_at": _moments(ended),
            "quiet_until_at": _moments(ended + QUIET_HOURS),
            "is_open": ended + QUIET_HOURS >= end_of_day,
            "hour_count": groups["opens"].sum(),
            "peak_value": peaks["value"],
            "expected_value": peaks["expected"],
            "score": peaks["score"],
            "basis": np.array(BASES)[peaks["basis"].to_numpy(np.int64)],
        }
    ).reset_index(drop=True)


def _moments(hours: pd.Series) -> pd.Series:
    return pd.to_datetime(hours * 3600, unit="s")
