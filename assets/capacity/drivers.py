"""Business capacity: from drivers (orders, users, seats) to requests to resources, and room for how many more units.

Everything is made of medians, so that outages, holidays and spikes do not move it. Totals of a day (requests, growth
of a disk) follow the driver along a Theil–Sen line (Sen, JASA 1968). The busy hour does not: each weekday spreads its
units over the hours in its own way, so demand = idle + slope of the weekday × units. Nothing is chosen or judged in
sample: the lag, the form of a relation and its error come from days that a fit had not seen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from assets.warehouse.computed import computed_tables

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

MAX_LAG_DAYS = 7
WINDOW_DAYS = 84
#: Rolling origin: each of the last weeks is foretold from the days before it.
ORIGINS = 4
TEST_DAYS = 7
MIN_TRAIN_DAYS = 14
CONFIDENCE = 0.9
_IDLE_STEPS = 26
#: No slope of a busy hour is known better: the highest of noisy values lies above the smooth one by a share that
#: differs from day to day.
_LEAST_DOUBT = 0.1
#: A longer lag must foretell better by this factor: nearly equal lags are told apart by chance.
_CLEARLY_BETTER = 0.95
#: A relation this much better than last week needs no other form tried.
_PLAIN = 0.5
#: Units pile up (on a disk) where what a day adds is foretold this much better than what there is.
_PILES_UP = 0.5
A_DAY, IN_TOTAL = "a_day", "in_total"


@dataclass(frozen=True)
class Line:
    """y = intercept + slope · x, with the interval of the slope and what it was worth on unseen days.

    `error` is the mean absolute error on those, `naive_error` that of the same weekday a week before or
    of the median (the better one), `half_width` the conformal half-width of a 90 % interval.
    """

    slope: float
    intercept: float
    slope_low: float
    slope_high: float
    error: float
    naive_error: float
    half_width: float
    day_count: int

    @property
    def error_ratio(self) -> float:
        """Error over the naive one; below 1 the driver tells more than last week or the median."""
        return self.error / self.naive_error if self.naive_error > 0 else float("nan")


def theil_sen(x: Floats, y: Floats) -> tuple[float, float]:
    """(slope, intercept): median slope of all pairs with different x, and the median of what is left."""
    slopes = _slopes(x, y)
    slope = float(np.median(slopes)) if slopes.size else 0.0
    return slope, float(np.median(y - slope * x))


def _slopes(x: Floats, y: Floats) -> Floats:
    first, second = _pairs(x.size)
    step = x[second] - x[first]
    used = step != 0
    return np.asarray((y[second] - y[first])[used] / step[used])


@lru_cache(maxsize=256)
def _pairs(count: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    return np.triu_indices(count, 1)


def by_weekday(x: Floats, y: Floats, weekday: Ints) -> tuple[Floats, float]:
    """(slope of each weekday, intercept): y = intercept + slope[weekday] · x, least absolute errors.

    The intercept, idle demand, is common and searched between a little below 0 (demand that outgrows its driver) and
    the lowest y; slopes are medians. NaN for a weekday without days.
    """
    idle = np.linspace(-0.25 * float(np.median(y)), float(y.min()), _IDLE_STEPS)
    slopes, losses = _weekday_slopes(x, y, weekday, idle)
    best = int(np.argmin(losses))
    return slopes[best], float(idle[best])


def _weekday_slopes(x: Floats, y: Floats, weekday: Ints, idle: Floats) -> tuple[Floats, Floats]:
    """Slopes, shape (idle, 7), and mean absolute errors, shape (idle,)."""
    ratios = (y[None, :] - idle[:, None]) / x[None, :]
    slopes = np.full((idle.size, 7), np.nan)
    for day in range(7):
        if (weekday == day).any():
            slopes[:, day] = np.median(ratios[:, weekday == day], axis=1)
    errors = np.abs(y[None, :] - idle[:, None] - slopes[:, weekday] * x[None, :])
    return slopes, errors.mean(axis=1)


@dataclass(frozen=True)
class Trial:
    """Errors on days that the fit had not seen: its own, of the same weekday a week before, of the median before."""

    errors: Floats
    last_week_errors: Floats
    median_errors: Floats

    @property
    def error(self) -> float:
        """Mean absolute error; infinite when too few days could be tried."""
        return float(self.errors.mean()) if self.errors.size >= 2 * TEST_DAYS else float("inf")

    @property
    def half_width(self) -> float:
        """Half-width of a 90 % interval: split conformal, the (n+1)-corrected quantile of the errors."""
        level = min(1.0, CONFIDENCE * (1.0 + 1.0 / self.errors.size))
        return float(np.quantile(self.errors, level))

    @property
    def naive_error(self) -> float:
        """Mean absolute error of the better of the two naive ways; NaN when neither could be tried."""
        means = [errors.mean() for errors in (self.last_week_errors, self.median_errors) if errors.size]
        return float(min(means)) if means else float("nan")


def attempt(x: Floats, y: Floats, weekdays: bool = False) -> Trial:
    """Foretell each of the last weeks from the days before it, by a Theil–Sen line or by weekday.

    Daily series, oldest first, shape (days,); NaN where a day has no value.
    """
    days = np.arange(x.size)
    known = _known_days(x, y)
    errors: list[Floats] = [np.empty(0)]
    last_week: list[Floats] = [np.empty(0)]
    constant: list[Floats] = [np.empty(0)]
    for origin in range(ORIGINS, 0, -1):
        start = x.size - origin * TEST_DAYS
        train, test = known & (days < start), known & (days >= start) & (days < start + TEST_DAYS)
        if train.sum() < MIN_TRAIN_DAYS:
            continue
        if weekdays:
            slopes, intercept = by_weekday(x[train], y[train], days[train] % 7)
            foretold = intercept + slopes[days[test] % 7] * x[test]
        else:
            slope, intercept = theil_sen(x[train], y[train])
            foretold = intercept + slope * x[test]
        errors.append(np.abs(y[test] - foretold))
        last_week.append(np.abs(y[test] - y[np.flatnonzero(test) - TEST_DAYS]))
        constant.append(np.abs(y[test] - np.median(y[train])))
    parts = (np.concatenate(part) for part in (errors, last_week, constant))
    return Trial(*(part[np.isfinite(part)] for part in parts))


def _known_days(x: Floats, y: Floats) -> Flags:
    return np.asarray(np.isfinite(x) & np.isfinite(y) & (x > 0))


def fit_line(x: Floats, y: Floats) -> Line | None:
    """The Theil–Sen line of daily series (see `attempt`) and what it was worth; None when they are too short to try."""
    trial = attempt(x, y)
    if not np.isfinite(trial.error):
        return None
    known = _known_days(x, y)
    slope, intercept = theil_sen(x[known], y[known])
    ends = _slope_interval(x[known], y[known], slope)
    return _line(slope, intercept, ends, trial, int(known.sum()))


def fit_weekdays(x: Floats, y: Floats) -> Line | None:
    """The line of the weekday with the highest demand (see `by_weekday`); None when the series are too short to try."""
    trial = attempt(x, y, weekdays=True)
    if not np.isfinite(trial.error):
        return None
    known = _known_days(x, y)
    units, demand, weekday = x[known], y[known], np.flatnonzero(known) % 7
    idle = np.linspace(-0.25 * float(np.median(demand)), float(demand.min()), _IDLE_STEPS)
    slopes, losses = _weekday_slopes(units, demand, weekday, idle)
    best = int(np.argmin(losses))
    middles = [np.median(demand[weekday == day]) if (weekday == day).any() else -np.inf for day in range(7)]
    busiest = int(np.argmax(middles))
    chosen = weekday == busiest
    ratios = (demand[chosen] - idle[best]) / units[chosen]
    spread = 1.4826 * float(np.median(np.abs(ratios - np.median(ratios))))
    doubt = float(stats.norm.ppf(0.5 + CONFIDENCE / 2)) * np.sqrt(np.pi / 2) * spread / np.sqrt(chosen.sum())
    # Idle demand that the days hardly tell from the best may be the true one.
    near = losses <= (1.0 + 2.0 / np.sqrt(units.size)) * losses[best]
    slope = float(slopes[best, busiest])
    low = min(float(slopes[near, busiest].min()) - doubt, (1.0 - _LEAST_DOUBT) * slope)
    high = max(float(slopes[near, busiest].max()) + doubt, (1.0 + _LEAST_DOUBT) * slope)
    return _line(slope, float(idle[best]), (low, high), trial, int(known.sum()))


def _line(slope: float, intercept: float, ends: tuple[float, float], trial: Trial, days: int) -> Line:
    return Line(slope, intercept, *ends, trial.error, trial.naive_error, trial.half_width, days)


def _slope_interval(x: Floats, y: Floats, slope: float) -> tuple[float, float]:
    """Sen's interval by ranks of the slopes, widened for neighbouring days that err alike."""
    slopes = np.sort(_slopes(x, y))
    count = x.size
    if slopes.size == 0:
        return slope, slope
    left = y - slope * x
    left = left - left.mean()
    spread = float(left @ left)
    memory = float(np.clip(left[1:] @ left[:-1] / spread, 0.0, 0.9)) if spread > 0 else 0.0
    deviation = np.sqrt(count * (count - 1) * (2 * count + 5) / 18 * (1 + memory) / (1 - memory))
    reach = stats.norm.ppf(0.5 + CONFIDENCE / 2) * deviation
    first = int(max(np.floor((slopes.size - reach) / 2), 0))
    last = int(min(np.ceil((slopes.size + reach) / 2), slopes.size - 1))
    return min(float(slopes[first]), slope), max(float(slopes[last]), slope)


def lagged(x: Floats, lag: int) -> Floats:
    """x of `lag` days before, NaN where the series does not reach back."""
    return np.concatenate([np.full(lag, np.nan), x[: x.size - lag]]) if lag else x


def choose_lag(driver: Floats, requests: Floats) -> tuple[int, Line | None]:
    """The lag of 0 to 7 days whose line foretold unseen days best (a longer one only if clearly), and that line."""
    best, error = 0, attempt(driver, requests).error
    for lag in range(1, MAX_LAG_DAYS + 1):
        tried = attempt(lagged(driver, lag), requests).error
        if tried < _CLEARLY_BETTER * error:
            best, error = lag, tried
    return best, fit_line(lagged(driver, best), requests)


def business_capacity(frames: Mapping[str, pd.DataFrame], as_of: date, seed: int) -> dict[str, pd.DataFrame]:
    """How many more units of each driver each pool of its service has room for.

    `frames["demand"]`: `driver_id, driver_name, service_id, unit, demand_date, value`. `frames["requests"]`:
    `service_id, observed_date, request_count` of fully measured days. `frames["pools"]`: `pool_id, service_id,
    resource, observed_date, demand_value`, days with today's members. `frames["capacity"]`: `pool_id, usable_value,
    demand_value` as of today. Gives `business_capacity_fits`, a row a driver and pool; nothing is drawn, so `seed` is
    not used.
    """
    del seed
    days = pd.date_range(end=pd.Timestamp(as_of), periods=WINDOW_DAYS + MAX_LAG_DAYS)
    drivers = _daily(frames["demand"], "driver_id", "demand_date", "value", days)
    requests = _daily(frames["requests"], "service_id", "observed_date", "request_count", days)
    pools = _daily(frames["pools"], "pool_id", "observed_date", "demand_value", days)
    capacity = frames["capacity"].set_index("pool_id")
    members = frames["pools"][["service_id", "pool_id", "resource"]].drop_duplicates().sort_values("pool_id")
    rows: list[dict[str, Any]] = []
    named = frames["demand"].sort_values("demand_date").drop_duplicates("driver_id", keep="last")
    for driver in named.sort_values("driver_id").to_dict("records"):
        units = drivers[driver["driver_id"]]
        served = requests.get(driver["service_id"])
        lag, line = choose_lag(units, served) if served is not None else (0, None)
        common = {name: driver[name] for name in ("driver_id", "driver_name", "service_id")}
        common |= {"driver_unit": driver["unit"], "lag_days": lag} | _busy(units) | _request_columns(line)
        moved = lagged(units, lag)
        for pool in members[members["service_id"] == driver["service_id"]].to_dict("records"):
            today = capacity.loc[pool["pool_id"]] if pool["pool_id"] in capacity.index else None
            ids = {"pool_id": pool["pool_id"], "resource": pool["resource"]}
            rows.append(common | ids | _pool_columns(moved, pools[pool["pool_id"]], today, line))
    name = "business_capacity_fits"
    columns = list(computed_tables()[name].columns)
    return {name: pd.DataFrame(rows, columns=columns, dtype=object).assign(as_of_date=as_of)}


def _daily(
    frame: pd.DataFrame, key: str, day: str, value: str, days: pd.DatetimeIndex
) -> dict[object, Floats]:
    """Series by key on the given days, NaN where there is none."""
    dated = frame[[key, day, value]].assign(**{day: pd.to_datetime(frame[day])})
    wide = dated.pivot(index=day, columns=key, values=value).reindex(days)
    return {name: wide[name].to_numpy(dtype=np.float64, na_value=np.nan) for name in wide.columns}


def _busy(units: Floats) -> dict[str, float | None]:
    """Units of a busy day: 95th percentile of the last four weeks, as demand on resources is judged."""
    recent = units[-28:]
    recent = recent[np.isfinite(recent)]
    return {"busy_day_units": float(np.quantile(recent, 0.95)) if recent.size else None}


def _request_columns(line: Line | None) -> dict[str, Any]:
    if line is None:
        return {}
    return {
        "requests_per_unit": line.slope,
        "requests_per_unit_low": line.slope_low,
        "requests_per_unit_high": line.slope_high,
        "requests_error_ratio": _known(line.error_ratio),
    }


def _pool_columns(
    units: Floats, demand: Floats, today: pd.Series | None, requests: Line | None
) -> dict[str, Any]:
    """Demand of a pool against the driver: of a day, or what a day adds where units pile up (disks)."""
    if requests is None:
        return _refused("fewer than four weeks of days on which driver and requests are both known")
    if requests.slope <= 0:
        return _refused("more units come with fewer requests: something else drives the service")
    level = fit_weekdays(units, demand)
    if level is None:
        return _refused("fewer than four weeks with the pool's present members")
    kind, line = A_DAY, level
    if not level.error_ratio < _PLAIN:
        growth = fit_line(units, np.diff(demand, prepend=np.nan))
        if growth is not None and growth.slope > 0 and growth.error < _PILES_UP * level.error:
            kind, line = IN_TOTAL, growth
    typical = float(np.nanmedian(units[-28:]))
    current = float(np.nanmedian(demand[-28:]))
    row: dict[str, Any] = {
        "headroom_kind": kind,
        "resource_per_unit": line.slope,
        "resource_per_unit_low": line.slope_low,
        "resource_per_unit_high": line.slope_high,
        "resource_error_ratio": _known(line.error_ratio),
        "interval_half_width": line.half_width,
        "elasticity_ratio": line.slope * typical / current if kind == A_DAY and current > 0 else None,
        "day_count": line.day_count,
    }
    return row | _room(kind, line, typical, today)


def _room(kind: str, line: Line, typical: float, today: pd.Series | None) -> dict[str, Any]:
    """Units until usable capacity, from today's demand on."""
    if line.slope <= 0:
        return _refused("demand does not rise with the driver")
    if not line.error_ratio < 1.0 and kind == A_DAY:
        return _refused("on unseen days the driver told demand no better than last week or the median did")
    if today is None or pd.isna(today["usable_value"]) or pd.isna(today["demand_value"]):
        return _refused("usable capacity is not known")
    room = float(today["usable_value"]) - float(today["demand_value"])
    if kind == IN_TOTAL:
        # What grows by itself comes on top: units until full at today's mix.
        extra = line.intercept / typical if typical > 0 else 0.0
        slopes = [line.slope_low + extra, line.slope + extra, line.slope_high + extra]
        doubt = 0.0
    else:
        slopes = [line.slope_low, line.slope, line.slope_high]
        doubt = line.half_width
    if slopes[1] <= 0:
        return _refused("demand does not rise with the driver")
    ends = [(room + sign * doubt) / slope for slope in slopes if slope > 0 for sign in (-1, 1)]
    return {
        "usable_value": float(today["usable_value"]),
        "demand_value": float(today["demand_value"]),
        "headroom_units": room / slopes[1],
        "headroom_units_low": min(ends),
        # A slope that may be 0 leaves room without end.
        "headroom_units_high": max(ends) if slopes[0] > 0 else None,
        "is_refused": False,
    }


def _refused(reason: str) -> dict[str, Any]:
    return {"is_refused": True, "reason": reason}


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
