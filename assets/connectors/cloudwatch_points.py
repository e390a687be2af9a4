"""From the answers of `GetMetricData` to points: what can be read, and by itself each point that cannot."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from assets.connectors.cloudwatch_settings import COUNTED, DAY_SECONDS, CloudWatchQuery
from assets.connectors.prometheus_frames import Points, Series, Unread, shown
from assets.landing.faults import shorten

_FIX = "check what answers for AWS"


class ForeignStepsError(ValueError):
    """Points that answer another question."""


@dataclass
class Collected:
    """What CloudWatch said of the series of one batch, by values of the query's dimension, and its messages.

    A time that is none, or was not asked for, stands as text among the moments: the same point again is the same one.
    """

    query: CloudWatchQuery
    start: datetime
    period: int
    series: dict[str, dict[datetime | str, float | Unread]]
    warnings: list[str] = field(default_factory=list)

    def take(self, value: str, moments: Iterable[datetime | str], numbers: Iterable[Any]) -> None:
        """Points of one series of one page. The same moment again is the same point, in its later value.

        Raises `ForeignStepsError` when half of them lie off the asked steps, and ValueError when there are not as many
        values as moments.
        """
        found, labels = self.series[value], _labels(self.query, value)
        strays = points = 0
        for moment, given in zip(moments, numbers, strict=True):
            at = moment if isinstance(moment, str) else moment.astimezone(UTC)
            number = _number(given)
            points += 1
            if isinstance(at, str):
                said = f"has a value at {shorten(at)}, which is no time"
                found[at] = _unread(labels, at, given, "observed_at", said)
            elif not self._is_asked(at):
                strays += 1
                said = f"has a value at {at}, a time that was not asked for"
                found[at.isoformat()] = _unread(labels, at.isoformat(), given, "observed_at", said)
            elif number is None:
                said = f"has the value {shorten(given)}, which is no number"
                found[at] = _unread(labels, at.isoformat(), given, "value", said)
            else:
                found[at] = number
        if strays and 2 * strays >= points:
            raise ForeignStepsError(f"values of series {shown(labels)} lie off the asked steps")

    def points(self) -> Points:
        """All of them; counted statistics as a rate a second."""
        divisor = self.period if self.query.stat in COUNTED else 1
        series, unread = [], []
        for value, found in self.series.items():
            read = {
                at: one
                for at, one in found.items()
                if isinstance(at, datetime) and not isinstance(one, Unread)
            }
            unread += [one for one in found.values() if isinstance(one, Unread)]
            moments = sorted(read)
            times = [round(moment.timestamp() * 1000) for moment in moments]
            series.append(
                Series(_labels(self.query, value), times, [read[moment] / divisor for moment in moments])
            )
        return Points.of(series, unread)

    def _is_asked(self, at: datetime) -> bool:
        offset = (at - self.start).total_seconds()
        return 0 <= offset < DAY_SECONDS and not offset % self.period


def moment_of(text: str) -> datetime | str:
    """A time; what is none stays text, for quarantine."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return text


def _number(value: Any) -> float | None:
    try:
        return None if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        return None


def _labels(query: CloudWatchQuery, value: str) -> dict[str, str]:
    return {"__name__": query.metric_name, query.ci_dimension: value, **query.dimensions}


def _unread(labels: Mapping[str, str], at: str, value: Any, column: str, said: str) -> Unread:
    return Unread(labels, {"at": at, "value": value}, column, f"series {shown(labels)} {said}", _FIX)
