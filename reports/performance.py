"""What users meet: latency, throughput, errors and downtime by day, as small charts and in words. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from reports import charts
from reports import formats as f
from reports.records.operation import PerformanceDay

# A line through fewer days than this tells nothing: the figures are given in words.
MIN_DRAWN_DAYS = 3


@dataclass(frozen=True)
class Panel:
    """A small chart with its latest and its worst value in words."""

    title: str
    note: str
    chart: Markup | None


def panels(days: Sequence[PerformanceDay]) -> tuple[Panel, ...]:
    """One panel a quality that was measured; charts from `MIN_DRAWN_DAYS` days on."""
    found = []
    if any(has_latency(d) for d in days):
        p95 = [d.latency_p95_seconds for d in days if d.latency_p95_seconds is not None]
        note = (
            f"p95 last {f.seconds(p95[-1])}, worst day {f.seconds(max(p95))}"
            if p95
            else "p95 is not measured"
        )
        found.append(_panel("Latency", note, days, charts.latency))
    rates = [d.throughput_per_second for d in days if d.throughput_per_second is not None]
    if rates:
        peaks = [d.throughput_peak_per_second for d in days if d.throughput_peak_per_second is not None]
        peak = f", busiest hour {f.per_second(max(peaks))}" if peaks else ""
        found.append(
            _panel("Throughput", f"mean last {f.per_second(rates[-1])}{peak}", days, charts.throughput)
        )
    failed = [d.error_ratio for d in days if d.error_ratio is not None]
    if failed:
        note = f"share of requests, last {f.percent(failed[-1])}, worst day {f.percent(max(failed))}"
        found.append(_panel("Errors", note, days, charts.errors))
    found += _downtime(days)
    return tuple(found)


def has_latency(day: PerformanceDay) -> bool:
    """True when any percentile of the day is known."""
    values = (day.latency_p50_seconds, day.latency_p95_seconds, day.latency_p99_seconds)
    return any(value is not None for value in values)


def _downtime(days: Sequence[PerformanceDay]) -> list[Panel]:
    down = [d.downtime_minutes for d in days if d.downtime_minutes is not None]
    up = [d.availability_ratio for d in days if d.availability_ratio is not None]
    if not down and not up:
        return []
    period = "1 day" if max(len(down), len(up)) == 1 else f"{max(len(down), len(up))} days"
    if not any(down):
        worst = f"lowest day {f.percent(min(up))}" if up else "none"
        return [
            Panel("Downtime", f"none in {period}" if down else f"availability in {period}: {worst}", None)
        ]
    lowest = f", lowest day {f.percent(min(up))} available" if up else ""
    return [_panel("Downtime", f"{f.duration(sum(down))} in {period}{lowest}", days, charts.downtime)]


def _panel(
    title: str,
    note: str,
    days: Sequence[PerformanceDay],
    draw: Callable[[str, str, Sequence[PerformanceDay]], Markup],
) -> Panel:
    chart = draw(title.lower(), f"{title} by day: {note}", days) if len(days) >= MIN_DRAWN_DAYS else None
    return Panel(title, note, chart)
