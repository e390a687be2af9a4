"""Events: the estate's page and a service's section. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from reports import charts, wording
from reports import formats as f
from reports.overview import Picture
from reports.records.operation import Event
from reports.settings import ReportSettings


@dataclass(frozen=True)
class EventLine:
    """One event of the table, with what happened in words."""

    event: Event
    what: str


@dataclass(frozen=True)
class Events:
    """Events of the last weeks; `lines` are the open ones and the newest, `total` counts all."""

    picture: Picture | None
    lines: tuple[EventLine, ...]
    total: int
    counts: tuple[tuple[str, int], ...]
    open_count: int
    first: date


def events(rows: Sequence[Event], as_of: date, settings: ReportSettings) -> Events:
    """The section for `rows`, drawn over the last `settings.event_days` days."""
    first = as_of - timedelta(days=settings.event_days - 1)
    seen = Counter(event.category for event in rows)
    picture = None
    if rows:
        picture = Picture(
            wide=charts.events("events-wide", rows, first, as_of, False),
            narrow=charts.events("events-narrow", rows, first, as_of, True),
        )
    return Events(
        picture=picture,
        lines=tuple(EventLine(event, what(event)) for event in rows[: settings.listed_events]),
        total=len(rows),
        counts=tuple((category, seen[category]) for category in charts.EVENT_LANES if seen[category]),
        open_count=sum(event.is_open for event in rows),
        first=first,
    )


def what(event: Event) -> str:
    """What happened, in words: how far demand went, or how likely it is to be short."""
    thing = f.resource(event.resource)
    if event.source == "forecast" or event.peak_value is None:
        chance = f.chance(event.probability_within_lead_time)
        decide = f"; decide by {f.day(event.decision_date)}" if event.decision_date else ""
        return f"{wording.runs(event.resource)} short within the lead time with {chance} probability{decide}"
    if event.source == "drift":
        lost, promised = f.number(event.peak_value), f.number(event.threshold_value)
        return f"Forecasts of {thing} lose {lost} where the backtest promised {promised}"
    reached = f.quantity(event.peak_value, event.unit or "1")
    if event.threshold_value is None:
        return f"{thing} reached {reached}"
    against = "expected" if event.source == "baseline" else "usable"
    return f"{thing} reached {reached}, {f.quantity(event.threshold_value, event.unit or '1')} {against}"
