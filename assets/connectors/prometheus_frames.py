"""From the series that Prometheus answers with to the rows of one batch. Pure: no network, no clock.

A step [t, t + step) is stamped with its start t, so a UTC day holds exactly the steps that begin in it. Points are
columns from the answer to the batch: a day may hold millions.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from assets.connectors.base import BrokenRow
from assets.memory import give_back

#: As landing has it, which then takes it as it is.
TIMESTAMP = pa.timestamp("us", tz="UTC")
Labels = Mapping[str, str]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Series:
    """One series of a matrix: labels, step starts in ms since 1970, and values."""

    labels: Labels
    times: Sequence[int]
    values: Sequence[float]


@dataclass(frozen=True)
class Unread:
    """A point that cannot be read: it goes to quarantine. `given` is what the source wrote, as JSON has it; `field` is
    the one that a person must mend; `moment` its step's start in ms since 1970, where that can be told."""

    labels: Labels
    given: Mapping[str, Any]
    field: str
    reason: str
    fix: str
    moment: int | None = None

    @property
    def text(self) -> str:
        """Series, stamp and value as they came."""
        return json.dumps({"labels": dict(self.labels), **self.given}, sort_keys=True, ensure_ascii=False)


@dataclass
class Points:
    """Points of many series. Point i belongs to `labels[series[i]]`; `times` are step starts in ms since 1970. The
    points of a series ascend in time. Numbers, not the text of them: that weighs three times as much."""

    labels: Sequence[Labels]
    series: npt.NDArray[np.int32]
    times: Ints
    values: Floats
    unread: Sequence[Unread] = ()

    @staticmethod
    def of(series: Iterable[Series], unread: Sequence[Unread] = ()) -> Points:
        """The points of whole series."""
        given = list(series)
        return Points(
            [one.labels for one in given],
            np.repeat(np.arange(len(given), dtype=np.int32), [len(one.times) for one in given]),
            np.concatenate([np.empty(0, np.int64), *(np.asarray(one.times, np.int64) for one in given)]),
            np.concatenate([np.empty(0), *(np.asarray(one.values, np.float64) for one in given)]),
            unread,
        )

    def sort(self) -> None:
        """Bring them series by series into the order of what `shown` says of them. In place: there are millions."""
        order = sorted(range(len(self.labels)), key=lambda number: shown(self.labels[number]))
        rank = np.empty(len(order), dtype=np.int32)
        rank[order] = np.arange(len(order), dtype=np.int32)
        self.labels = [self.labels[number] for number in order]
        self.series = rank[self.series]
        rows = np.argsort(self.series, kind="stable")
        self.series = self.series[rows]
        self.times = self.times[rows]
        self.values = self.values[rows]
        del rows
        give_back()


@dataclass(frozen=True)
class Rows:
    """Rows of one batch: those that can be read, their numbers (None: from 1 on), and those that cannot."""

    frame: pa.Table
    source_rows: pa.Array | None
    broken: tuple[BrokenRow, ...]


def shown(labels: Labels) -> str:
    """The labels as PromQL writes them, in a stable order."""
    rest = ", ".join(f'{k}="{v}"' for k, v in sorted(labels.items()) if k != "__name__")
    return f"{labels.get('__name__', '')}{{{rest}}}"


def ci_of(labels: Labels, ci_label: str, ci_map: Mapping[str, str]) -> str | None:
    """The configuration item that a series measures; None when it lacks the label."""
    value = labels.get(ci_label)
    return ci_map.get(value, value) if value else None


def sample_rows(
    points: Points, ci_label: str, ci_map: Mapping[str, str], several_fix: str | None = None
) -> Rows:
    """Rows (ci_id, observed_at, value) of gauges and counters, one a series and step.

    Samples of a series without `ci_label`, and those of several series that claim the same item at the same
    moment, are broken rows: to land one of them would be a guess. `several_fix` is the advice for the latter
    where it is not PromQL's. Sorts the points.
    """
    points.sort()
    owners = [ci_of(labels, ci_label, ci_map) for labels in points.labels]
    items = sorted({owner for owner in owners if owner is not None})
    code = {item: number for number, item in enumerate(items)}
    code_of = np.array([-1 if owner is None else code[owner] for owner in owners], dtype=np.int32)
    codes = code_of[points.series]
    contested = _contested(points, codes, np.bincount(code_of[code_of >= 0], minlength=len(items)))
    bad = contested | (codes < 0)
    broken = [
        _without_label(number + 1, point, ci_label)
        if owners[point.series] is None
        else _several_series(number + 1, point, ci_label, several_fix)
        for number, point in _each(points, np.flatnonzero(bad))
    ]
    times, values, numbers = points.times, points.values, None
    if broken:
        good = ~bad
        codes, times, values = codes[good], times[good], values[good]
        numbers = pa.array(np.flatnonzero(good) + 1)
    broken += _unread(points.unread, len(bad) + 1)
    frame = pa.table(
        {
            "ci_id": pa.DictionaryArray.from_arrays(pa.array(codes), pa.array(items, pa.string())),
            "observed_at": pa.array(times * 1000).view(TIMESTAMP),
            "value": pa.array(values),
        }
    )
    return Rows(frame, numbers, tuple(broken))


def _unread(unread: Iterable[Unread], first: int) -> list[BrokenRow]:
    """Points that could not be read as rows, numbered from `first`, in an order that does not tell how they came."""
    found = sorted(unread, key=lambda one: (shown(one.labels), one.text))
    return [BrokenRow(first + n, one.text, one.reason, one.fix, one.field) for n, one in enumerate(found)]


def _contested(points: Points, codes: npt.NDArray[np.int32], series_of_item: Ints) -> Bools:
    """True for the points of an item and moment that more than one series has a value for."""
    found = np.zeros(len(codes), dtype=bool)
    # The last entry, False, is that of points without an item (-1).
    suspects = np.flatnonzero(np.append(series_of_item > 1, False)[codes])
    if len(suspects):
        order = np.lexsort((points.times[suspects], codes[suspects]))
        rows = suspects[order]
        same = (codes[rows][1:] == codes[rows][:-1]) & (points.times[rows][1:] == points.times[rows][:-1])
        found[rows[1:][same]] = found[rows[:-1][same]] = True
    return found


@dataclass(frozen=True)
class _Point:
    """One point, to be shown to a person."""

    series: int
    labels: Labels
    moment: int
    value: float

    @property
    def text(self) -> str:
        value = _as_text(self.value)
        content: dict[str, Any] = {"labels": dict(self.labels), "at_ms": self.moment, "value": value}
        return json.dumps(content, sort_keys=True, ensure_ascii=False)


def _as_text(value: float) -> str:
    """As Prometheus writes it: whole numbers without a point."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"
    return f"{value:.0f}" if value == int(value) and abs(value) < 1e15 else repr(value)


def _each(points: Points, rows: npt.NDArray[np.intp]) -> Iterable[tuple[int, _Point]]:
    """(position, point) of some points."""
    series, times = points.series[rows].tolist(), points.times[rows].tolist()
    values = points.values[rows].tolist()
    for row, number, moment, value in zip(rows.tolist(), series, times, values, strict=True):
        yield row, _Point(number, points.labels[number], moment, value)


def histogram_rows(points: Points, ci_label: str, ci_map: Mapping[str, str], first_moment: int) -> Rows:
    """Rows (ci_id, observed_at, upper_bound, count) from cumulative `le` series: growth since the one before.

    Growth is taken a series, with resets (a bucket that shrank restarts the whole histogram from zero), and
    summed over the series of one item. Steps before `first_moment` are only that sample before. Items whose
    series differ in their buckets at a moment give broken rows: their sum would not be cumulative. Sorts the points.
    """
    points.sort()
    missing = [_missing(labels, ci_label) for labels in points.labels]
    lacks = np.array([name is not None for name in missing], dtype=bool)
    refused = lacks[points.series] & (points.times >= first_moment) if len(lacks) else np.zeros(0, dtype=bool)
    broken = [
        _without_label(0, point, missing[point.series] or "")
        for _, point in _each(points, np.flatnonzero(refused))
    ]
    groups: dict[str, list[int]] = {}
    for number, labels in enumerate(points.labels):
        if missing[number] is None:
            groups.setdefault(_without_le(labels), []).append(number)
    owners = [ci_of(points.labels[buckets[0]], ci_label, ci_map) or "" for buckets in groups.values()]
    items = sorted(set(owners))
    code = {item: number for number, item in enumerate(items)}
    parts = [
        _growth(points, buckets, code[owner], first_moment)
        for owner, buckets in zip(owners, groups.values(), strict=True)
    ]
    sums, uneven = _summed(parts)
    broken += [
        _uneven(items[code], moment, bound, count)
        for code, moment, bound, count in zip(*(column[uneven].tolist() for column in sums), strict=True)
    ]
    codes, moments, bounds, counts = (column[~uneven] for column in sums)
    frame = pa.table(
        {
            "ci_id": pa.DictionaryArray.from_arrays(
                pa.array(codes.astype(np.int32)), pa.array(items, pa.string())
            ),
            "observed_at": pa.array(moments * 1000).view(TIMESTAMP),
            "upper_bound": pa.array(bounds),
            "count": pa.array(counts),
        }
    )
    numbered = [
        BrokenRow(len(codes) + position, row.text, row.reason, row.fix, row.field)
        for position, row in enumerate(broken, start=1)
    ]
    # Of the steps before it the day before tells.
    own = [one for one in points.unread if one.moment is None or one.moment >= first_moment]
    numbered += _unread(own, len(codes) + len(numbered) + 1)
    return Rows(frame, None, tuple(numbered))


#: Columns of growth: number of the item, moment in ms, upper bound, count.
_Growth = tuple[Ints, Ints, Floats, Floats]


def _growth(points: Points, buckets: list[int], item: int, first_moment: int) -> _Growth:
    """The growth of one histogram, moment by moment; nothing for its first sample: it has none before it."""
    borders = np.searchsorted(points.series, [[number, number + 1] for number in buckets])
    moments = np.unique(np.concatenate([points.times[start:end] for start, end in borders]))
    totals: Floats = np.full((len(buckets), len(moments)), np.nan)
    present = np.zeros(totals.shape, dtype=bool)
    for row, (start, end) in enumerate(borders.tolist()):
        where = np.searchsorted(moments, points.times[start:end])
        totals[row, where] = points.values[start:end]
        present[row, where] = True
    with np.errstate(invalid="ignore"):
        growth = np.diff(totals, axis=1)
    has_reset = (growth < 0).any(axis=0)
    growth[:, has_reset] = totals[:, 1:][:, has_reset]
    rows, columns = np.nonzero(present[:, 1:] & (moments[1:] >= first_moment))
    bounds = np.array([float(points.labels[number]["le"]) for number in buckets])
    return np.full(len(rows), item), moments[columns + 1], bounds[rows], growth[rows, columns]


def _summed(parts: Sequence[_Growth]) -> tuple[_Growth, Bools]:
    """Growth summed over the histograms of an item, sorted, and which sums lack a histogram of that moment."""
    if not parts:
        none = np.empty(0, dtype=np.int64)
        return (none, none, np.empty(0), np.empty(0)), np.empty(0, dtype=bool)
    whole = np.concatenate([_distinct(part[0], part[1]) for part in parts], axis=1)
    items, moments, bounds, counts = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    order = np.lexsort((bounds, moments, items))
    items, moments, bounds, counts = items[order], moments[order], bounds[order], counts[order]
    starts = _starts(items, moments, bounds)
    summed = np.add.reduceat(counts, starts) if len(starts) else counts
    here = np.diff(np.append(starts, len(items)))
    items, moments, bounds = items[starts], moments[starts], bounds[starts]
    # How many histograms an item has at a moment, against how many have this bucket there.
    whole = whole[:, np.lexsort(whole[::-1])]
    firsts = _starts(*whole)
    wanted = np.diff(np.append(firsts, whole.shape[1]))
    at = _starts(items, moments)
    lengths = np.diff(np.append(at, len(items)))
    is_short = np.logical_or.reduceat(here != np.repeat(wanted, lengths), at) if len(at) else at.astype(bool)
    return (items, moments, bounds, summed), np.repeat(is_short, lengths)


def _distinct(items: Ints, moments: Ints) -> Ints:
    """The moments of one histogram, each once, under its item."""
    found = np.unique(moments)
    return np.stack([np.full(len(found), items[0] if len(items) else 0), found])


def _starts(*columns: npt.NDArray[Any]) -> npt.NDArray[np.intp]:
    """Where another combination begins in sorted columns."""
    if not len(columns[0]):
        return np.empty(0, dtype=np.intp)
    differs = np.logical_or.reduce([column[1:] != column[:-1] for column in columns])
    return np.append(0, np.flatnonzero(differs) + 1)


def _number(text: str) -> float:
    """NaN for what is no number: landing refuses the row."""
    try:
        return float(text)
    except ValueError:
        return math.nan


def _missing(labels: Labels, ci_label: str) -> str | None:
    """The label without which a bucket cannot be read."""
    if not labels.get(ci_label):
        return ci_label
    return "le" if math.isnan(_number(labels.get("le", ""))) else None


def _without_le(labels: Labels) -> str:
    return json.dumps({k: v for k, v in labels.items() if k != "le"}, sort_keys=True)


def _without_label(number: int, point: _Point, label: str) -> BrokenRow:
    field = "upper_bound" if label == "le" else "ci_id"
    reason = f"series {shown(point.labels)} has no usable label {label!r}"
    fix = f"make the query keep the label, e.g. `by ({label})`, or select only series that have it"
    return BrokenRow(number, point.text, reason, fix, field)


def _several_series(number: int, point: _Point, label: str, several_fix: str | None) -> BrokenRow:
    claim = f"{label}={point.labels[label]!r}"
    reason = f"series {shown(point.labels)} and another one both have {claim} at this moment"
    fix = several_fix or f"aggregate in the query, e.g. `sum by ({label}) (…)`, or select one of the series"
    return BrokenRow(number, point.text, reason, fix, "ci_id")


def _uneven(item: str, moment: int, bound: float, growth: float) -> BrokenRow:
    content = {"ci_id": item, "at_ms": moment, "upper_bound": str(bound), "count": growth}
    reason = f"the series of {item!r} do not have the same buckets, so their sum is no histogram"
    fix = "give each bucket layout an item of its own through ci_label or ci_map"
    return BrokenRow(0, json.dumps(content, sort_keys=True), reason, fix, "upper_bound")
