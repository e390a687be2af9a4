"""The shape of demand in local time: working hours, weekends, holidays, month ends, daylight saving."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pandas as pd

from assets.simulation.catalogue import BERLIN, NEW_YORK, Profile

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bump = tuple[float, float, float]

#: Month-end processing multiplies demand on the last days of a month.
MONTH_END_DAYS = 5
MONTH_END_FACTOR = 2.6


@dataclass(frozen=True)
class LocalTimes:
    """Local clock of each slot: hour with fraction, weekday (0 Monday), off day, days left in the month."""

    hour: Floats
    weekday: Ints
    is_off: npt.NDArray[np.bool_]
    days_left_in_month: Ints


def local_times(at: Ints, zone: str) -> LocalTimes:
    """Local times in `zone` of UTC epoch seconds `at`. Off days are weekends and public holidays."""
    local = pd.DatetimeIndex(at.astype("datetime64[s]")).tz_localize("UTC").tz_convert(zone).tz_localize(None)
    weekday = np.asarray(local.day_of_week, dtype=np.int64)
    days = local.normalize()
    years = range(int(local.year.min()), int(local.year.max()) + 1)
    closed = pd.DatetimeIndex([day for year in years for day in public_holidays(zone, year)])
    is_off = (weekday >= 5) | np.asarray(days.isin(closed))
    left = np.asarray(local.days_in_month - local.day, dtype=np.int64)
    hour = np.asarray((local - days) / pd.Timedelta(hours=1), dtype=np.float64)
    return LocalTimes(hour, weekday, is_off, left)


def demand_shape(profile: Profile, times: LocalTimes) -> Floats:
    """Demand relative to the mean of an ordinary working day (1.0), at each slot."""
    working, off = _curves(profile)
    factors = np.array(_WEEKDAY_FACTORS[profile])
    weekday = np.where(times.is_off & (times.weekday < 5), 6, times.weekday)
    shape = np.where(times.is_off, _interpolate(off, times.hour), _interpolate(working, times.hour))
    shape = shape * factors[weekday]
    if profile == "month_end":
        shape = shape * np.where(times.days_left_in_month < MONTH_END_DAYS, MONTH_END_FACTOR, 1.0)
    return np.asarray(shape, dtype=np.float64)


#: Profile → (working day, off day); a curve is a floor and bumps (hour, width in hours, height).
_SHAPES: dict[Profile, tuple[tuple[float, tuple[Bump, ...]], tuple[float, tuple[Bump, ...]]]] = {
    "office": ((0.05, ((10.0, 1.7, 1.0), (14.5, 2.0, 0.95))), (0.05, ((12.0, 4.0, 0.06),))),
    "month_end": ((0.05, ((10.0, 1.7, 1.0), (14.5, 2.0, 0.95))), (0.05, ((12.0, 4.0, 0.06),))),
    "consumer": ((0.15, ((12.5, 2.5, 0.5), (20.0, 2.3, 1.0))), (0.18, ((11.5, 3.0, 0.7), (20.0, 3.0, 1.0)))),
    "login": ((0.06, ((8.4, 0.9, 1.0), (13.2, 0.8, 0.45), (11.0, 3.0, 0.35))), (0.05, ((11.0, 4.0, 0.08),))),
    "global": ((0.7, ((14.0, 5.0, 0.4),)), (0.62, ((14.0, 5.0, 0.28),))),
    "batch": ((0.15, ((2.5, 1.6, 1.0), (5.0, 0.8, 0.5), (14.0, 3.0, 0.12))), (0.12, ((2.5, 1.5, 0.75),))),
    "shifts": ((0.1, ((9.0, 2.2, 1.0), (17.0, 2.2, 0.85))), (0.08, ((10.0, 2.5, 0.35),))),
}

#: Monday … Sunday.
_WEEKDAY_FACTORS: dict[Profile, tuple[float, ...]] = {
    "office": (1.08, 1.06, 1.02, 0.98, 0.86, 1.0, 1.0),
    "month_end": (1.04, 1.02, 1.0, 1.0, 0.94, 1.0, 1.0),
    "consumer": (0.96, 0.94, 0.96, 1.0, 1.06, 1.08, 1.1),
    "login": (1.1, 1.05, 1.0, 0.97, 0.88, 1.0, 1.0),
    "global": (1.0, 1.02, 1.02, 1.0, 0.98, 1.0, 0.97),
    "batch": (0.95, 1.0, 1.0, 1.02, 1.05, 1.0, 0.9),
    "shifts": (1.05, 1.02, 1.0, 1.0, 0.98, 1.25, 0.4),
}


@lru_cache(maxsize=32)
def _curves(profile: Profile) -> tuple[Floats, Floats]:
    working, off = (_curve(floor, bumps) for floor, bumps in _SHAPES[profile])
    return working / working.mean(), off / working.mean()


def _curve(floor: float, bumps: tuple[Bump, ...]) -> Floats:
    hours = np.arange(24, dtype=np.float64)
    curve = np.full(24, floor)
    for centre, width, height in bumps:
        distance = np.abs(hours - centre)
        distance = np.minimum(distance, 24.0 - distance)
        curve += height * np.exp(-0.5 * (distance / width) ** 2)
    return curve


def _interpolate(curve: Floats, hour: Floats) -> Floats:
    lower = hour.astype(np.int64) % 24
    fraction = hour - np.floor(hour)
    return np.asarray(curve[lower] * (1.0 - fraction) + curve[(lower + 1) % 24] * fraction)


@lru_cache(maxsize=64)
def public_holidays(zone: str, year: int) -> dict[date, str]:
    """Public holidays of Germany (Europe/Berlin) or New York in one year; none for other zones."""
    if zone == BERLIN:
        return _german_holidays(year)
    return _new_york_holidays(year) if zone == NEW_YORK else {}


def _german_holidays(year: int) -> dict[date, str]:
    easter = _easter(year)
    return {
        date(year, 1, 1): "New Year's Day",
        easter - timedelta(days=2): "Good Friday",
        easter + timedelta(days=1): "Easter Monday",
        date(year, 5, 1): "Labour Day",
        easter + timedelta(days=39): "Ascension Day",
        easter + timedelta(days=50): "Whit Monday",
        date(year, 10, 3): "German Unity Day",
        date(year, 12, 25): "Christmas Day",
        date(year, 12, 26): "Boxing Day",
    }


def _new_york_holidays(year: int) -> dict[date, str]:
    memorial = date(year, 5, 31)
    return {
        date(year, 1, 1): "New Year's Day",
        _weekday_of_month(year, 1, 0, 3): "Martin Luther King Jr. Day",
        _weekday_of_month(year, 2, 0, 3): "Washington's Birthday",
        memorial - timedelta(days=memorial.weekday()): "Memorial Day",
        date(year, 6, 19): "Juneteenth",
        date(year, 7, 4): "Independence Day",
        _weekday_of_month(year, 9, 0, 1): "Labor Day",
        _weekday_of_month(year, 11, 3, 4): "Thanksgiving Day",
        date(year, 12, 25): "Christmas Day",
    }


def _weekday_of_month(year: int, month: int, weekday: int, nth: int) -> date:
    first = date(year, month, 1)
    return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (nth - 1))


def _easter(year: int) -> date:
    """Gregorian Easter Sunday (Meeus, Astronomical Algorithms, chapter 8)."""
    century, rest = divmod(year, 100)
    moon = (19 * (year % 19) + century - century // 4 - (century - (century + 8) // 25 + 1) // 3 + 15) % 30
    weekday = (32 + 2 * (century % 4) + 2 * (rest // 4) - moon - rest % 4) % 7
    correction = (year % 19 + 11 * moon + 22 * weekday) // 451
    month, day = divmod(moon + weekday - 7 * correction + 114, 31)
    return date(year, month, day + 1)


def months(first: date, last: date) -> list[date]:
    """The first days of all months from that of `first` to that of `last`."""
    found, day = [], first.replace(day=1)
    while day <= last:
        found.append(day)
        day = next_month(day)
    return found


def next_month(day: date) -> date:
    """First day of the month after that of `day`."""
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)
