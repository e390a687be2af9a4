"""How much throughput a service sustains: the sentence, the curve, and why other methods do not tell. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reports import charts
from reports import formats as f
from reports.overview import Picture
from reports.records.capacity import Scalability, ScalabilityPoint

METHODS = {
    "queueing": "latency against throughput in production",
    "load_test": "a load test",
    "production_usl": "throughput against concurrency in production",
}


@dataclass(frozen=True)
class MethodLine:
    """One method of the table: what it says, or why it does not."""

    fit: Scalability
    name: str
    sustained: str


@dataclass(frozen=True)
class Throughput:
    """The section on sustainable throughput."""

    answer: str
    picture: Picture | None
    lines: tuple[MethodLine, ...]


def throughput(fits: Sequence[Scalability], points: Sequence[ScalabilityPoint]) -> Throughput | None:
    """The section, or None when nothing was fitted. The method to go by comes first; its curve is drawn."""
    if not fits:
        return None
    told = next((fit for fit in fits if fit.is_preferred), None)
    drawn = told or next((fit for fit in fits if any(p.method == fit.method for p in points)), None)
    lines = tuple(MethodLine(fit, METHODS.get(fit.method, fit.method), _interval(fit)) for fit in fits)
    return Throughput(_answer(told), _picture(drawn, points) if drawn else None, lines)


def _answer(told: Scalability | None) -> str:
    if told is None:
        return (
            "How much throughput the service sustains cannot be told from the data on record; see why below."
        )
    sentence = f"Sustains {_interval(told)}, by {METHODS.get(told.method, told.method)}"
    if told.latency_target_seconds is not None:
        sentence += f", with latency within {f.seconds(told.latency_target_seconds)}"
    if told.busy_hour_per_second is None or told.headroom_ratio is None:
        return sentence + "."
    room = (
        f"{f.percent(told.headroom_ratio)} of it is free"
        if told.headroom_ratio >= 0
        else f"{f.percent(-told.headroom_ratio)} more than that"
    )
    return f"{sentence}. The busy hour takes {f.per_second(told.busy_hour_per_second)}: {room}."


def _interval(fit: Scalability) -> str:
    if fit.sustainable_per_second is None:
        return f.MISSING
    text = f.per_second(fit.sustainable_per_second)
    low, high = fit.sustainable_per_second_low, fit.sustainable_per_second_high
    if low is None and high is None:
        return text
    if high is None:
        return f"{text} (95 %: {f.per_second(low)} or more)"
    return f"{text} (95 %: {f.number(low)} to {f.per_second(high)})"


def _picture(fit: Scalability, points: Sequence[ScalabilityPoint]) -> Picture | None:
    own = [point for point in points if point.method == fit.method]
    if not own:
        return None
    label = f"Measured points and fitted curve of {METHODS.get(fit.method, fit.method)}"
    return Picture(
        wide=charts.throughput_curve("curve-wide", label, fit, own, False),
        narrow=charts.throughput_curve("curve-narrow", label, fit, own, True),
    )
