"""Amazon CloudWatch: one batch a metric and UTC day, by `GetMetricData`.

CloudWatch keeps fine points for days and coarse ones for months, and answers nothing when it is asked too finely. So
the period follows the age of the day, and a day that landed finely is never replaced by what is left of it later.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from assets.connectors.aws import AwsClient
from assets.connectors.base import Batch, IsLanded, RejectedInput, SourceName, Window, rows_digest
from assets.connectors.freshness import Freshness
from assets.connectors.http import Link
from assets.connectors.prometheus_frames import Points, Series, sample_rows
from assets.connectors.queries import see_one_query_a_metric
from assets.connectors.remote import RetryPolicy, SourceError, TransientError
from assets.connectors.traffic import Breaker, Bucket, Traffic
from assets.landing.answers import Answers
from assets.landing.declaration import Declaration, Unit
from assets.landing.spool_folder import Outstanding, SpoolBusyError, SpoolFolder

DAY_SECONDS = 86_400
#: Limits of one GetMetricData, and for how long CloudWatch keeps points of which period (its API reference).
MAX_QUERIES = 500
MAX_POINTS = 100_800
RETENTION = ((timedelta(days=15), 60), (timedelta(days=63), 300), (timedelta(days=455), 3600))
#: Statistics that grow with the period: landed as a rate a second, so that periods compare.
_COUNTED = ("Sum", "SampleCount")
_PERCENTILE = re.compile(r"^p\d{1,2}(\.\d{1,2})?$")
_SEVERAL = "give each of them an item of its own in ci_map"
Name = Annotated[str, Field(min_length=1, max_length=255)]


class CloudWatchQuery(BaseModel):
    """One metric: which series of CloudWatch feed it, by which statistic.

    The value of `ci_dimension` names the configuration item; `ci_map` renames it, and its keys are asked for even when
    CloudWatch no longer lists them. `dimensions` are the other dimensions, which must be all that the series has.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    metric: str = Field(min_length=1, max_length=512)
    namespace: Name
    metric_name: Name
    stat: str
    unit: Unit
    ci_dimension: Name
    dimensions: dict[str, str] = Field(default_factory=dict)
    ci_map: dict[str, str] = Field(default_factory=dict)
    period_seconds: int | None = Field(default=None, ge=60, le=DAY_SECONDS)

    @field_validator("stat")
    @classmethod
    def _known_statistic(cls, stat: str) -> str:
        if stat in ("Average", "Minimum", "Maximum", *_COUNTED) or _PERCENTILE.match(stat):
            return stat
        raise ValueError(
            f"{stat!r} is no statistic that is read; fix: use Average, Minimum, Maximum, Sum, SampleCount or p95"
        )

    @field_validator("period_seconds")
    @classmethod
    def _whole_minutes(cls, period: int | None) -> int | None:
        return None if period is None else _checked_period(period)

    @model_validator(mode="after")
    def _statistic_fits(self) -> CloudWatchQuery:
        if self.stat in _COUNTED and not self.unit.endswith("/s"):
            raise ValueError(
                f"unit: {self.stat} is landed as a rate a second; fix: write a unit such as {{request}}/s or By/s"
            )
        if _PERCENTILE.match(self.stat) and not self.metric.endswith(f".{self.stat}"):
            raise ValueError(
                f"metric: a percentile cannot be averaged with other values; fix: call it {self.metric}.{self.stat}"
            )
        if self.ci_dimension in self.dimensions:
            raise ValueError(f"dimensions: {self.ci_dimension} is the ci_dimension; fix: remove it there")
        return self


class CloudWatchSource(Freshness):
    """Configuration of one account and region. Credentials come from the SDK's own chain, never from the file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: Literal["cloudwatch"]
    name: SourceName
    region: str | None = None
    profile: str | None = None
    period_seconds: int = Field(60, ge=60, le=DAY_SECONDS)
    timeout_seconds: float = Field(60.0, gt=0)
    requests_per_second: float | None = Field(10.0, gt=0)
    queries: tuple[CloudWatchQuery, ...] = Field(min_length=1)

    @field_validator("period_seconds")
    @classmethod
    def _whole_minutes(cls, period: int) -> int:
        return _checked_period(period)

    @field_validator("queries")
    @classmethod
    def _one_query_a_metric(cls, queries: tuple[CloudWatchQuery, ...]) -> tuple[CloudWatchQuery, ...]:
        see_one_query_a_metric(query.metric for query in queries)
        return queries


def _checked_period(period: int) -> int:
    if period % 60 or DAY_SECONDS % period:
        raise ValueError(f"{period} s is not minutes that divide a day; fix: use 60, 300, 3600 or 86400")
    return period


#: Parts of answers that are read.
_READ = ("Metrics", "MetricDataResults", "Messages", "NextToken")


@dataclass
class _Points:
    """What CloudWatch said of the series of one batch: points by series, and its messages."""

    values: dict[str, dict[datetime, float | str]] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


class CloudWatchConnector:
    """Reads one account and region. Opens nothing before `batches` is iterated.

    `now` gives the time that the age of a day is counted to; the service itself counts to its own. `spool` is the
    folder for the answers of unfinished runs (None: not kept).
    """

    def __init__(
        self,
        source: CloudWatchSource,
        *,
        now: Callable[[], datetime],
        spool: Path | None = None,
        retries: RetryPolicy | None = None,
    ) -> None:
        self._source = source
        self._spool = spool
        self._kept = Answers(None)
        self._retries = retries or RetryPolicy()
        self._now = now
        self._link = Link(Breaker(), Bucket(source.requests_per_second, self._retries.sleep))

    @property
    def name(self) -> str:
        """Name of the source in the configuration."""
        return self._source.name

    @property
    def link(self) -> Link:
        """What the clients of this source share."""
        return self._link

    @property
    def traffic(self) -> Traffic:
        """What was exchanged for the table read last."""
        return self._link.traffic

    def tables(self) -> list[str]:
        """`metric_samples`."""
        return ["metric_samples"]

    def batches(self, table: str, window: Window, is_landed: IsLanded) -> Iterator[Batch | RejectedInput]:
        """One batch a query and UTC day, empty days included. Raises `SourceError`.

        Left out are days that CloudWatch no longer keeps, and days of which it keeps coarser points than have landed.
        """
        self._link.traffic = Traffic()
        if table not in self.tables():
            return
        source = self._source
        given = source.model_dump(include={"region", "profile", "timeout_seconds"})
        client = AwsClient(source.name, "cloudwatch", **given, retries=self._retries, link=self._link)
        with ExitStack() as stack:
            folder = self._folder(stack, window)
            self._kept = Answers(folder)
            landing = Outstanding(folder.remove if folder is not None else lambda: None)
            for query in source.queries:
                yield from self._days(client, query, window, is_landed, landing)
            landing.all_given()

    def _folder(self, stack: ExitStack, window: Window) -> SpoolFolder | None:
        """The folder of this run's answers, with those that a run before left. Of other days and queries none."""
        if self._spool is None:
            return None
        question = f"{self._source.model_dump_json()}\n{window.start}\n{window.end}"
        try:
            return stack.enter_context(SpoolFolder(self._spool / self.name / "metric_samples", question))
        except SpoolBusyError as error:
            raise self._error(str(error), "let one run at a time read a source") from None

    def _days(
        self,
        client: AwsClient,
        query: CloudWatchQuery,
        window: Window,
        is_landed: IsLanded,
        landing: Outstanding,
    ) -> Iterator[Batch]:
        values: list[str] | None = None
        gone: date | None = None
        for number in range((window.end - window.start).days + 1):
            day = window.start + timedelta(days=number)
            period = self._period(query, day)
            if period is None:
                gone = day
                continue
            if self._is_finer_landed(query, day, period, is_landed):
                continue
            values = self._series(client, query) if values is None else values
            batch = self._batch(client, query, values, day, period, gone)
            gone = None
            self.traffic.rows += batch.frame.num_rows + len(batch.broken)
            if not is_landed(batch.batch_id, batch.fingerprint):
                yield replace(batch, when_landed=landing.take())

    def _ask(self, client: AwsClient, action: str, question: dict[str, Any]) -> dict[str, Any]:
        """An answer that a run before left, or a fresh one, which is kept."""
        asked = json.dumps([action, question], default=datetime.isoformat, sort_keys=True)
        content = self._kept.kept(asked)
        if content is not None:
            self.traffic.resumed_pages += 1
            found: dict[str, Any] = json.loads(content)
        else:
            answer = {name: part for name, part in client.ask(action, question).items() if name in _READ}
            found = json.loads(json.dumps(answer, default=datetime.isoformat))
            states = [one.get("StatusCode") for one in found.get("MetricDataResults", ())]
            if all(state in ("Complete", "PartialData") for state in states):
                # Of a series that is not complete the same question should be answered anew.
                self._kept.keep(asked, json.dumps(found).encode())
        for one in found.get("MetricDataResults", ()):
            one["Timestamps"] = [datetime.fromisoformat(text) for text in one.get("Timestamps", ())]
        return found

    def _period(self, query: CloudWatchQuery, day: date) -> int | None:
        """The finest period of the day that is kept, a multiple of the configured one; None: nothing is kept."""
        wanted = query.period_seconds or self._source.period_seconds
        # Should midnight or a slow call lie between asking and answering, the coarser period still answers.
        age = self._clock() - _start(day) + timedelta(hours=1)
        kept = next((period for limit, period in RETENTION if age <= limit), None)
        return None if kept is None else math.lcm(wanted, kept)

    def _clock(self) -> datetime:
        """Now; on a tape too, because what is asked follows the age of a day."""
        tape, exchange = self._link.tape, {"target": "clock"}
        if tape is not None and tape.is_played:
            return datetime.fromisoformat(tape.next(self.name, exchange, "clock")["answer"])
        now = self._now()
        if tape is not None:
            tape.keep({**exchange, "answer": now.isoformat()}, lambda line: line)
        return now

    def _is_finer_landed(self, query: CloudWatchQuery, day: date, period: int, is_landed: IsLanded) -> bool:
        """True when the day has landed by a finer period than CloudWatch still has. It takes no older values."""
        wanted = query.period_seconds or self._source.period_seconds
        finer = {math.lcm(wanted, kept) for _, kept in RETENTION if math.lcm(wanted, kept) < period}
        return any(is_landed(_batch_id(query, day), _read_at(query, other)) for other in sorted(finer))

    def _series(self, client: AwsClient, query: CloudWatchQuery) -> list[str]:
        """Values of the query's dimension: those that CloudWatch lists, and the keys of `ci_map`."""
        others = set(query.dimensions.items())
        filters = [{"Name": query.ci_dimension}, *({"Name": n, "Value": v} for n, v in sorted(others))]
        question: dict[str, Any] = {
            "Namespace": query.namespace,
            "MetricName": query.metric_name,
            "Dimensions": filters,
        }
        found = set(query.ci_map)
        while True:
            answer = self._ask(client, "ListMetrics", question)
            for one in answer.get("Metrics", ()):
                has = {part["Name"]: part["Value"] for part in one.get("Dimensions", ())}
                value = has.pop(query.ci_dimension, None)
                if value is not None and set(has.items()) == others:
                    found.add(value)
            if not answer.get("NextToken"):
                return sorted(found)
            question["NextToken"] = answer["NextToken"]

    def _batch(
        self,
        client: AwsClient,
        query: CloudWatchQuery,
        values: list[str],
        day: date,
        period: int,
        gone: date | None,
    ) -> Batch:
        points = _Points({value: {} for value in values})
        if gone is not None:
            points.warnings.append(f"days up to {gone} were not asked for: CloudWatch keeps 455 days")
        size = min(MAX_QUERIES, MAX_POINTS * period // DAY_SECONDS)
        for first in range(0, len(values), size):
            self._collect(client, query, values[first : first + size], day, period, points)
        wanted = query.period_seconds or self._source.period_seconds
        if period > wanted:
            points.warnings.append(
                f"asked for every {period} s, not every {wanted} s: CloudWatch keeps nothing finer of {day}"
            )
        if not values:
            points.warnings.append(
                f"CloudWatch lists no {query.namespace} {query.metric_name} with {query.ci_dimension} alone and the"
                " dimensions given in the last two weeks; fix: name all dimensions, or list items in ci_map"
            )
        rows = sample_rows(
            Points.of(_as_series(query, points.values, period)), query.ci_dimension, query.ci_map, _SEVERAL
        )
        return Batch(
            source=self.name,
            table="metric_samples",
            batch_id=_batch_id(query, day),
            frame=rows.frame,
            declaration=_declaration(query, period),
            input_path=f"cloudwatch:{self._source.region or 'default'}/{query.namespace}/{query.metric_name}",
            input_sha256=rows_digest(rows.frame, rows.broken),
            input_bytes=rows.frame.nbytes,
            query=f"{query.stat} by {query.ci_dimension} {query.dimensions or ''} every {period} s".replace(
                "  ", " "
            ),
            window=Window(day, day),
            source_rows=rows.source_rows,
            broken=rows.broken,
            warnings=tuple(dict.fromkeys(points.warnings)),
            version_fingerprint=_read_at(query, period),
        )

    def _collect(
        self,
        client: AwsClient,
        query: CloudWatchQuery,
        values: list[str],
        day: date,
        period: int,
        points: _Points,
    ) -> None:
        """All pages of one question. A series that is not complete at the end is asked for again."""
        left = values

        def ask() -> None:
            nonlocal left
            left = self._pages(client, query, left, day, period, points)
            if left:
                raise TransientError(f"{len(left)} series are not complete, among them {left[0]!r}")

        try:
            client.retries.call(ask)
        except TransientError as error:
            problem = f"{query.metric} of {day}: {error.problem}, after {client.retries.attempts} tries"
            raise self._error(problem, "run again; if it stays, see the AWS health dashboard") from None

    def _pages(
        self,
        client: AwsClient,
        query: CloudWatchQuery,
        values: list[str],
        day: date,
        period: int,
        points: _Points,
    ) -> list[str]:
        """Read one question to its last page. Gives the values of which CloudWatch did not say Complete."""
        start = _start(day)
        question: dict[str, Any] = {
            "MetricDataQueries": [
                {"Id": f"q{number}", "MetricStat": _metric_stat(query, value, period)}
                for number, value in enumerate(values)
            ],
            "StartTime": start,
            "EndTime": start + timedelta(days=1),
            "ScanBy": "TimestampAscending",
        }
        states: dict[str, str] = {}
        while True:
            answer = self._ask(client, "GetMetricData", question)
            self._note(points, answer.get("Messages", ()))
            for one in answer.get("MetricDataResults", ()):
                self._take(points, values, one, start, period)
                states[one["Id"]] = one.get("StatusCode", "")
            if not answer.get("NextToken"):
                break
            question["NextToken"] = answer["NextToken"]
        refused = next((values[int(one[1:])] for one, state in states.items() if state == "Forbidden"), None)
        if refused is not None:
            raise self._error(
                f"{query.metric}: CloudWatch forbids to read {query.ci_dimension} {refused!r}",
                "grant cloudwatch:GetMetricData for it, or share it from its account",
            )
        return [value for number, value in enumerate(values) if states.get(f"q{number}") != "Complete"]

    def _take(
        self, points: _Points, values: list[str], one: dict[str, Any], start: datetime, period: int
    ) -> None:
        """Points of one series of one page. The same moment again is the same point, in its later value."""
        self._note(points, one.get("Messages", ()))
        moments, numbers = one.get("Timestamps", []), one.get("Values", [])
        if len(moments) != len(numbers):
            raise self._error("a series has not as many values as timestamps", "run again later")
        found = points.values[values[int(one["Id"][1:])]]
        for moment, number in zip(moments, numbers, strict=True):
            offset = (moment.astimezone(UTC) - start).total_seconds()
            if not 0 <= offset < DAY_SECONDS or offset % period:
                raise self._error(
                    f"a value at {moment} lies off the asked steps", "check what answers for AWS"
                )
            found[moment.astimezone(UTC)] = _number(number)

    def _note(self, points: _Points, messages: Any) -> None:
        for message in messages:
            text = f"{message.get('Code', '')}: {message.get('Value', '')}"
            if "Exceeded" in text:
                # A limit that was exceeded means that something was left out.
                raise self._error(f"CloudWatch left something out ({text})", "split the query")
            points.warnings.append(f"CloudWatch says {text}")

    def _error(self, problem: str, fix: str) -> SourceError:
        return SourceError(self.name, problem, fix)


def _metric_stat(query: CloudWatchQuery, value: str, period: int) -> dict[str, Any]:
    dimensions = {**query.dimensions, query.ci_dimension: value}
    return {
        "Metric": {
            "Namespace": query.namespace,
            "MetricName": query.metric_name,
            "Dimensions": [{"Name": name, "Value": text} for name, text in sorted(dimensions.items())],
        },
        "Period": period,
        "Stat": query.stat,
    }


def _number(value: Any) -> float | str:
    """A value; what is none stays text, for quarantine."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return "" if value is None else str(value)


def _as_series(
    query: CloudWatchQuery, found: dict[str, dict[datetime, float | str]], period: int
) -> list[Series]:
    """Points as series of text; counted statistics as a rate a second."""
    divisor = period if query.stat in _COUNTED else 1
    series = []
    for value, points in found.items():
        moments = sorted(points)
        labels = {"__name__": query.metric_name, query.ci_dimension: value, **query.dimensions}
        times = tuple(round(moment.timestamp() * 1000) for moment in moments)
        values = (points[moment] for moment in moments)
        texts = tuple(one if isinstance(one, str) else repr(one / divisor) for one in values)
        series.append(Series(labels, times, texts))
    return series


def _declaration(query: CloudWatchQuery, period: int) -> Declaration:
    return Declaration(
        table="metric_samples",
        zone="UTC",
        metric=query.metric,
        unit=query.unit,
        kind="gauge",
        interval_seconds=period,
    )


def _read_at(query: CloudWatchQuery, period: int) -> str:
    """Names a day of the query as read by this period, whatever came."""
    text = f"cloudwatch\n{period}\n{query.model_dump_json(exclude={'period_seconds'})}"
    return hashlib.sha256(text.encode()).hexdigest()


def _batch_id(query: CloudWatchQuery, day: date) -> str:
    return f"{query.metric}/{day.isoformat()}"


def _start(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
