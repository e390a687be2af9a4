"""The report's charts: records in, inline SVG out. Pure; equal records give equal bytes; dates are UTC days.

The large charts exist in a wide form (880 units) and a narrow one (350): scaled-down text cannot be read on a phone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from markupsafe import Markup

from reports import chart_specs
from reports import formats as f
from reports.chart_svg import Data, draw
from reports.records.capacity import DemandDay, Scalability, ScalabilityPoint, WeekHour
from reports.records.desk import BacklogDay
from reports.records.forecast import Forecast, ReliabilityBin, Saturation
from reports.records.operation import Event, IncidentCount, PerformanceDay

NARROW_HISTORY_DAYS = 42
#: Category of an event → the lane that it is drawn in.
EVENT_LANES = {"exception": "exception", "warning": "warning", "informational": "unusual"}


@dataclass(frozen=True)
class TimelineRow:
    """One service of the overview's picture."""

    name: str
    saturation: Saturation
    decision_date: date | None


def timeline(
    chart_id: str, rows: Sequence[TimelineRow], as_of: date, end: date, narrow: bool, what: str = "services"
) -> Markup:
    """When services run out: a bar from p10 to p90, a diamond at the median, a stroke on the day to decide."""
    step = 42 if narrow else 28
    data: dict[str, list[dict[str, Any]]] = {"spans": [], "medians": [], "decisions": [], "names": []}
    for index, row in enumerate(rows):
        s = row.saturation
        data["names"].append({"row": index, "name": f.shorten(row.name, 44 if narrow else 30)})
        if s.p10_date is not None:
            last = s.p90_date or end
            data["spans"].append(
                {"row": index, "from": _iso(s.p10_date), "to": _iso(last + timedelta(days=1))}
            )
        if s.p50_date is not None:
            label = f.short_day(s.p50_date)
            data["medians"].append({"row": index, "date": _iso(s.p50_date), "label": label})
        if row.decision_date is not None and row.decision_date <= end:
            data["decisions"].append({"row": index, "date": _iso(max(row.decision_date, as_of))})
    data["as_of"] = [{"date": _iso(as_of)}]
    spec = chart_specs.timeline(len(rows), step, _iso(as_of), _iso(end + timedelta(days=1)), narrow)
    label = f"When {what} run out of room, {f.day(as_of)} to {f.day(end)}"
    return draw(chart_id, spec, data, label, "narrow" if narrow else "wide")


def fan(
    chart_id: str,
    label: str,
    unit: str,
    history: Sequence[DemandDay],
    forecast: Forecast | None,
    saturation: Saturation | None,
    as_of: date,
    narrow: bool,
) -> Markup:
    """Daily demand and its forecast (median and 80 % interval) against usable capacity, with the day it runs out."""
    if narrow:
        history = [d for d in history if (as_of - d.observed_date).days < NARROW_HISTORY_DAYS]
    points = forecast.points if forecast else ()
    values = [d.demand_value for d in history] + [d.usable_value for d in history] + [p.value for p in points]
    largest = max((v for v in values if v is not None), default=1.0)
    divisor, shown = f.scale_of(unit, largest)
    data = _fan_data(history, forecast, saturation, divisor, as_of, narrow)
    first = min((d.observed_date for d in history), default=as_of)
    last = max((p.target_date for p in points), default=as_of)
    last = max(last, first + timedelta(days=7))
    spec = chart_specs.fan(_iso(first), _iso(last), f" {shown}" if shown == "%" else "", narrow)
    return draw(chart_id, spec, data, label, "narrow" if narrow else "wide")


def week(chart_id: str, label: str, hours: Sequence[WeekHour], narrow: bool) -> Markup:
    """The usual week, hour by hour (UTC): demand ÷ usable capacity; hours without measurements stay empty."""
    data: dict[str, list[dict[str, Any]]] = {"cells": [], "full": []}
    for h in hours:
        if h.used_ratio is not None:
            cell = {"hour": h.hour, "day": chart_specs.WEEKDAYS[h.weekday - 1], "value": h.used_ratio}
            data["cells" if h.used_ratio < 1 else "full"].append(cell)
    return draw(chart_id, chart_specs.week(narrow), data, label, "narrow" if narrow else "wide")


def throughput_curve(
    chart_id: str, label: str, fit: Scalability, points: Sequence[ScalabilityPoint], narrow: bool
) -> Markup:
    """The curve behind what a service sustains: throughput against load, or latency against throughput."""
    is_queueing = fit.method == "queueing"
    data: dict[str, list[dict[str, Any]]] = {"measured": [], "fitted": [], "across": [], "down": []}
    for point in points:
        x, y = (
            (point.throughput_per_second, _scaled(point.latency_seconds, 0.001))
            if is_queueing
            else (point.load, point.throughput_per_second)
        )
        if x is not None and y is not None:
            data[point.series].append({"x": x, "y": y})
    sustained = fit.sustainable_per_second
    if sustained is not None:
        rule = {"label": f"sustains {f.per_second(sustained)}"}
        data["down" if is_queueing else "across"].append(rule | {"x" if is_queueing else "y": sustained})
    if is_queueing and fit.latency_target_seconds is not None:
        target = fit.latency_target_seconds
        data["across"].append({"y": target * 1000, "label": f"target {f.seconds(target)}"})
    unit = f.unit_name(fit.load_unit or "") or "load"
    spec = (
        chart_specs.curve("", " ms", "requests a second", "latency", narrow)
        if is_queueing
        else chart_specs.curve("", "", unit, "requests a second", narrow)
    )
    return draw(chart_id, spec, data, label, "narrow" if narrow else "wide")


def events(chart_id: str, rows: Sequence[Event], first: date, as_of: date, narrow: bool) -> Markup:
    """Events by category over the last weeks, those that overlap one under the other.

    What opened before starts at the left edge. A mark of less than eight hours could not be seen: it is drawn so long.
    """
    data: dict[str, list[dict[str, Any]]] = {name: [] for name in (*chart_specs.EVENT_LANES, "names")}
    edge = datetime.combine(first, time())
    track = 0
    for lane in chart_specs.EVENT_LANES:
        ends: list[datetime] = []
        own = [e for e in rows if EVENT_LANES.get(e.category, "unusual") == lane]
        for event in sorted(own, key=lambda e: (e.opened_at, e.event_id)):
            start = max(event.opened_at, edge)
            end = max(event.last_seen_at, start + timedelta(hours=8))
            place = next((i for i, taken in enumerate(ends) if taken <= start), len(ends))
            ends[place : place + 1] = [end]
            data[lane].append(
                {"from": f"{start.isoformat()}Z", "to": f"{end.isoformat()}Z", "track": track + place}
            )
        if own:
            data["names"].append({"track": track, "name": lane})
        track += len(ends)
    label = f"Events from {f.day(first)} to {f.day(as_of)}"
    spec = chart_specs.events(_iso(first), _iso(as_of + timedelta(days=1)), max(track, 1), narrow)
    return draw(chart_id, spec, data, label, "narrow" if narrow else "wide")


def latency(chart_id: str, label: str, days: Sequence[PerformanceDay]) -> Markup:
    """Latency percentiles of each day, one line each, named at the end of the line."""
    series = [("p50", "latency_p50_seconds"), ("p95", "latency_p95_seconds"), ("p99", "latency_p99_seconds")]
    largest = max((v for d in days for _, c in series if (v := getattr(d, c)) is not None), default=0.0)
    divisor, shown = f.scale_of("s", largest)
    target = next(
        (d.latency_target_seconds for d in reversed(days) if d.latency_target_seconds is not None), None
    )
    return _lines(
        chart_id, label, days, series, divisor, f" {shown}", None if target is None else target / divisor
    )


def throughput(chart_id: str, label: str, days: Sequence[PerformanceDay]) -> Markup:
    """Requests a second: mean of the day and its busiest hour."""
    series = [("mean", "throughput_per_second"), ("peak", "throughput_peak_per_second")]
    return _lines(chart_id, label, days, series, 1.0, "", None)


def backlog(chart_id: str, label: str, days: Sequence[BacklogDay]) -> Markup:
    """Tickets open at the end of each day, and those that came and left in the seven days up to it."""
    series = [("open", "work_in_progress"), ("came", "came_in_7_days"), ("left", "went_in_7_days")]
    return _lines(chart_id, label, days, series, 1.0, "", None)


def backlog_age(chart_id: str, label: str, days: Sequence[BacklogDay]) -> Markup:
    """Age of open incidents at the end of each day, in days: median and 90th percentile."""
    series = [("median", "age_days_p50"), ("90 %", "age_days_p90")]
    return _lines(chart_id, label, days, series, 1.0, " d", None)


def errors(chart_id: str, label: str, days: Sequence[PerformanceDay]) -> Markup:
    """Share of requests that failed, in percent."""
    return _lines(chart_id, label, days, [("", "error_ratio")], 0.01, " %", None)


def downtime(chart_id: str, label: str, days: Sequence[PerformanceDay]) -> Markup:
    """Minutes of downtime a day: near 100 % a line of availability tells nothing."""
    bars = [{"date": _iso(d.observed_date), "value": d.downtime_minutes} for d in days]
    return draw(chart_id, chart_specs.daily_bars(" min"), {"bars": _whole(bars)}, label, "small")


def incidents(chart_id: str, label: str, counts: Sequence[IncidentCount]) -> Markup:
    """Incidents opened a month: all, and in front of it those of priority 1 and 2."""
    months: dict[date, list[int]] = {}
    for count in counts:
        total = months.setdefault(count.month, [0, 0])
        total[0] += count.opened
        total[1] += count.opened if count.priority is not None and count.priority <= 2 else 0
    ordered = sorted(months.items())
    data: Data = {
        "bars": [{"date": _iso(m), "value": total} for m, (total, _) in ordered],
        "front": [{"date": _iso(m), "value": major} for m, (_, major) in ordered],
    }
    return draw(chart_id, chart_specs.monthly_bars(), data, label, "small")


def reliability(chart_id: str, bins: Sequence[ReliabilityBin]) -> Markup:
    """What was said (x) and what came (y), with its 90 % interval; on the diagonal both agree."""
    dots = [
        {
            "said": b.expected_ratio * 100,
            "came": b.came_ratio * 100,
            "low": b.came_low_ratio * 100,
            "high": b.came_high_ratio * 100,
            "days": f"{b.within_days} days",
        }
        for b in bins
    ]
    data: Data = {"dots": dots, "agree": [{"said": 0, "came": 0}, {"said": 100, "came": 100}]}
    text = f"Probabilities of saturation and how often it came, over {sum(b.forecast_count for b in bins)} forecasts"
    return draw(chart_id, chart_specs.reliability(), data, text, "small")


def histogram(
    chart_id: str, label: str, bins: Sequence[tuple[float, float, int]], reference: float
) -> Markup:
    """Counts by bin (from, to, count), with a line at the value to compare with."""
    data: Data = {
        "bars": [{"from": low, "to": high, "value": count} for low, high, count in bins],
        "reference": [{"from": reference}],
    }
    return draw(chart_id, chart_specs.histogram(bins[0][0], bins[-1][1]), data, label, "small")


def _lines(
    chart_id: str,
    label: str,
    days: Sequence[PerformanceDay] | Sequence[BacklogDay],
    series: Sequence[tuple[str, str]],
    divisor: float,
    suffix: str,
    target: float | None,
) -> Markup:
    data: dict[str, list[dict[str, Any]]] = {"lines": [], "ends": [], "target": []}
    for rank, (name, column) in enumerate(series):
        values = [
            {"date": _iso(d.observed_date), "value": _scaled(getattr(d, column), divisor), "series": rank}
            for d in days
        ]
        known = [v for v in values if v["value"] is not None]
        data["lines"] += _with_gaps(values)
        data["ends"] += [{**v, "name": name} for v in known[-1:]]
    if target is not None:
        data["target"] = [{"value": target}]
    # Names of lines that end within a tenth of the axis would cover each other: the lower ones give way.
    ends = sorted(data["ends"], key=lambda v: -v["value"])
    top = max((v["value"] for v in data["lines"] if v["value"] is not None), default=0.0)
    shown: list[dict[str, Any]] = []
    for end in ends:
        if not shown or shown[-1]["value"] - end["value"] > 0.1 * top:
            shown.append(end)
        else:
            shown[-1]["name"] = f"{shown[-1]['name']}, {end['name']}"
    data["ends"] = shown
    single = len({d.observed_date for d in days}) < 8
    return draw(chart_id, chart_specs.lines(len(series), suffix, single), data, label, "small")


def _fan_data(
    history: Sequence[DemandDay],
    forecast: Forecast | None,
    saturation: Saturation | None,
    divisor: float,
    as_of: date,
    narrow: bool,
) -> dict[str, list[dict[str, Any]]]:
    shown = {d.observed_date for d in history}
    past = [
        {"date": _iso(p.observed_date), "value": p.value / divisor, "made": _iso(p.forecast_date)}
        for p in (forecast.past if forecast else ())
        if p.observed_date in shown
    ]
    demand = [
        {"date": _iso(d.observed_date), "value": _scaled(d.demand_value, divisor), "series": 0}
        for d in history
    ]
    usable = [{"date": _iso(d.observed_date), "value": _scaled(d.usable_value, divisor)} for d in history]
    usable = [row for row in usable if row["value"] is not None]
    by_day: dict[date, dict[float, float]] = {}
    for point in forecast.points if forecast else ():
        by_day.setdefault(point.target_date, {})[point.quantile] = point.value / divisor
    band = [
        {"date": _iso(d), "low": q.get(0.1), "mid": q.get(0.5), "high": q.get(0.9)}
        for d, q in sorted(by_day.items())
    ]
    if usable and by_day:
        usable.append({"date": _iso(max(by_day)), "value": usable[-1]["value"]})
    data: dict[str, list[dict[str, Any]]] = {
        "past": past,
        "demand": _with_gaps(demand),
        "usable": usable,
        "usable_label": [{**usable[0], "label": "usable capacity"}] if usable and not narrow else [],
        "band": [row for row in band if row["low"] is not None and row["high"] is not None],
        "median": [row for row in band if row["mid"] is not None],
        "as_of": [{"date": _iso(as_of), "label": "as of"}],
        "span": [],
        "mark": [],
        "few": [row for row in demand if row["value"] is not None] if len(demand) < 8 else [],
    }
    if saturation is not None and usable and by_day:
        height, edge = usable[-1]["value"], max(by_day)
        if saturation.p10_date is not None:
            to = min(saturation.p90_date or edge, edge)
            data["span"] = [{"date": _iso(saturation.p10_date), "to": _iso(to), "value": height}]
        if saturation.p50_date is not None:
            data["mark"] = [
                {
                    "date": _iso(saturation.p50_date),
                    "value": height,
                    "label": f.short_day(saturation.p50_date),
                }
            ]
    return data


def _with_gaps(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows with a value, numbered by unbroken stretch of days (`stretch`), so that lines stop at gaps."""
    found: list[dict[str, Any]] = []
    stretch, previous, series = 0, None, None
    for row in rows:
        if row["value"] is None:
            continue
        today = date.fromisoformat(row["date"])
        if (previous is not None and (today - previous).days > 1) or row["series"] != series:
            stretch += 1
        found.append({**row, "stretch": stretch})
        previous, series = today, row["series"]
    return found


def _whole(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return [row for row in rows if row["value"] is not None]


def _scaled(value: float | None, divisor: float) -> float | None:
    return None if value is None else value / divisor


def _iso(day: date) -> str:
    return day.isoformat()
