"""From the answers of `query_range` to points: columns of what can be read, and by itself each point that cannot."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from assets.connectors.prometheus_frames import Bools, Floats, Ints, Points, Unread, shown
from assets.connectors.remote import TransientError
from assets.landing.faults import shorten

#: Seconds since 1970 of the year 10000: no time is later.
YEAR_10000 = 253_402_300_800
_FIX_ANSWER = "correct what answers for Prometheus: a point is [seconds since 1970, number as text]"
_FIX_STRAY = "see what answers between here and the server, as a cache does, then run the day again"


class ForeignShapeError(ValueError):
    """An answer that Prometheus does not give. `problem` says what it is, `fix` what to do."""

    def __init__(self, problem: str, fix: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.fix = fix


@dataclass
class Collected:
    """What the server said to the queries of one batch."""

    numbers: dict[frozenset[tuple[str, str]], int] = field(default_factory=dict)
    labels: list[dict[str, str]] = field(default_factory=list)
    series: list[npt.NDArray[np.int32]] = field(default_factory=list)
    times: list[Ints] = field(default_factory=list)
    values: list[Floats] = field(default_factory=list)
    unread: list[Unread] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def add(
        self, body: dict[str, Any], start_ms: int, end_ms: int, step_ms: int, *, keeps_strays: bool
    ) -> int:
        """The points of one answer about the steps from `start_ms` to before `end_ms`; gives how many came.

        Raises `ForeignShapeError`, and `TransientError` for times that were not asked for: the answer may be one to
        another question. With `keeps_strays` these are points that cannot be read, unless they are half of all.
        """
        result = _series_of(body)
        try:
            labels = [dict(one["metric"]) for one in result]
            lists = [_listed(one["values"]) for one in result]
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ForeignShapeError(
                f"a series of the answer has not the agreed shape ({type(error).__name__})",
                "check that url is a Prometheus server and not something that resembles it",
            ) from None
        points = _columns(lists) or _one_by_one(lists)
        with np.errstate(invalid="ignore", over="ignore"):
            begins = np.rint(points.seconds * 1000) + 1 - step_ms
            is_asked = (begins >= start_ms) & (begins < end_ms) & ((begins - start_ms) % step_ms == 0)
        is_stray = points.has_time & ~is_asked
        if is_stray.any() and not (keeps_strays and 2 * is_stray.sum() < len(is_stray)):
            stamp = points.seconds[int(is_stray.argmax())]
            raise TransientError(
                f"a value at {stamp} lies off the asked steps, as from a cache between here and there"
            )
        self.warnings += [f"the server warns: {text}" for text in body.get("warnings") or []]
        numbers = np.array([self._number(one) for one in labels], dtype=np.int32)
        series = np.repeat(numbers, [len(one) for one in lists])
        good = is_asked & points.has_value
        if good.all():
            self._keep(series, begins, points.values)
            return len(good)
        given = list(chain.from_iterable(lists))
        for row in np.flatnonzero(~good).tolist():
            moment = int(begins[row]) if is_asked[row] else None
            why = "stray" if is_stray[row] else "value" if points.has_time[row] else "time"
            self.unread.append(_unread(self.labels[series[row]], given[row], why, moment))
        self._keep(series[good], begins[good], points.values[good])
        return len(good)

    def _keep(self, series: npt.NDArray[np.int32], begins: Floats, values: Floats) -> None:
        self.series.append(series)
        self.times.append(begins.astype(np.int64))
        self.values.append(values)

    def points(self) -> Points:
        """All of them. They are given away: nothing holds them twice."""
        found = Points(
            self.labels,
            np.concatenate([np.empty(0, dtype=np.int32), *self.series]),
            np.concatenate([np.empty(0, dtype=np.int64), *self.times]),
            np.concatenate([np.empty(0, dtype=np.float64), *self.values]),
            self.unread,
        )
        for pieces in (self.series, self.times, self.values):
            pieces.clear()
        return found

    def _number(self, given: dict[str, Any]) -> int:
        """The number of the series with these labels."""
        labels = {str(name): str(value) for name, value in given.items()}
        number = self.numbers.setdefault(frozenset(labels.items()), len(self.labels))
        if number == len(self.labels):
            self.labels.append(labels)
        return number


@dataclass(frozen=True)
class _Columns:
    """Points of one answer, series after series: seconds since 1970 and values, and which of them are any."""

    seconds: Floats
    values: Floats
    has_time: Bools
    has_value: Bools


def _series_of(body: dict[str, Any]) -> list[dict[str, Any]]:
    data = body.get("data")
    if not isinstance(data, dict) or data.get("resultType") != "matrix":
        raise ForeignShapeError(
            "the answer is not a matrix of series", "check that url is a Prometheus server"
        )
    result = data.get("result")
    if not isinstance(result, list) or not all(isinstance(one, dict) for one in result):
        raise ForeignShapeError(
            "the answer has not the agreed shape (result is no list of series)",
            "check that url is a Prometheus server and not something that resembles it",
        )
    if any(one.get("histograms") for one in result):
        raise ForeignShapeError(
            "the query returns native histograms", "select the classic _bucket series instead"
        )
    return result


def _listed(values: Any) -> list[Any]:
    if not isinstance(values, list):
        raise TypeError("no list")
    return values


def _columns(lists: list[list[Any]]) -> _Columns | None:
    """All points at once; None when one of them is no pair of a time and a number."""
    try:
        if set(map(len, chain.from_iterable(lists))) - {2}:
            return None
        flat = list(chain.from_iterable(chain.from_iterable(lists)))
        seconds = np.array(flat[0::2], dtype=np.float64)
        values = pa.array(list(map(str, flat[1::2])), pa.string()).cast(pa.float64()).to_numpy()
    except (TypeError, ValueError):
        return None
    return _Columns(seconds, values, _is_time(seconds), np.ones(len(values), dtype=bool))


def _one_by_one(lists: list[list[Any]]) -> _Columns:
    points = [
        one if isinstance(one, list) and len(one) == 2 else (None, None) for one in chain.from_iterable(lists)
    ]
    seconds = np.array([_number(stamp) for stamp, _ in points], dtype=np.float64)
    values = [_number(value) for _, value in points]
    has_value = np.array([value is not None for value in values], dtype=bool)
    return _Columns(seconds, np.array(values, dtype=np.float64), _is_time(seconds), has_value)


def _is_time(seconds: Floats) -> Bools:
    """False for NaN, too."""
    return (seconds >= 0) & (seconds < YEAR_10000)


def _number(given: Any) -> float | None:
    """What JSON gives as a number or as the text of one; None for anything else."""
    if isinstance(given, bool) or not isinstance(given, int | float | str):
        return None
    try:
        found: float = pa.scalar(str(given)).cast(pa.float64()).as_py()
    except pa.ArrowInvalid:
        return None
    return found


def _unread(labels: dict[str, str], point: Any, why: str, moment: int | None) -> Unread:
    """What is wrong with a point, and what it is."""
    given, column, fix = {"point": point}, "observed_at", _FIX_ANSWER
    if not isinstance(point, list) or len(point) != 2:
        said = f"has a point that is no pair of a time and a value: {shorten(point)}"
    else:
        stamp, value = point
        given = {"at": stamp, "value": value}
        if why == "stray":
            said, fix = f"has a value at {shorten(stamp)}, a time that was not asked for", _FIX_STRAY
        elif why == "time":
            said = f"has a value at {shorten(stamp)}, which is no time"
        else:
            said, column = f"has the value {shorten(value)}, which is no number", "value"
    return Unread(labels, given, column, f"series {shown(labels)} {said}", fix, moment)
