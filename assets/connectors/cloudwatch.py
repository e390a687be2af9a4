"""Amazon CloudWatch: one batch a metric and UTC day, by `GetMetricData`.

CloudWatch keeps fine points for days and coarse ones for months, and answers nothing when it is asked too finely. So
the period follows the age of the day, and a day that landed finely is never replaced by what is left of it later.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from assets.connectors import census
from assets.connectors.aws import AwsClient
from assets.connectors.base import Batch, IsLanded, RejectedInput, Window, rows_digest
from assets.connectors.cloudwatch_points import Collected, ForeignStepsError, moment_of
from assets.connectors.cloudwatch_settings import DAY_SECONDS, CloudWatchQuery, CloudWatchSource
from assets.connectors.http import Link
from assets.connectors.prometheus_frames import sample_rows
from assets.connectors.remote import RetryPolicy, SourceError, TransientError
from assets.connectors.traffic import Breaker, Bucket, Traffic
from assets.landing.answers import Answers
from assets.landing.declaration import Declaration
from assets.landing.receipts import Receipt
from assets.landing.spool_folder import Outstanding, SpoolBusyError, SpoolFolder

__all__ = ["CloudWatchConnector", "CloudWatchQuery", "CloudWatchSource"]

#: Limits of one GetMetricData, and for how long CloudWatch keeps points of which period (its API reference).
MAX_QUERIES = 500
MAX_POINTS = 100_800
RETENTION = ((timedelta(days=15), 60), (timedelta(days=63), 300), (timedelta(days=455), 3600))
_SEVERAL = "give each of them an item of its own in ci_map"


#: Parts of answers that are read.
_READ = ("Metrics", "MetricDataResults", "Messages", "NextToken")


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
            if self._spool is not None:
                yield from self._census(client, self._spool.parent, window, is_landed, landing)
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

    def _census(
        self, client: AwsClient, home: Path, window: Window, is_landed: IsLanded, landing: Outstanding
    ) -> Iterator[Batch]:
        """When it is due: read the days again that landed before and may have changed since.

        To count points is to read them: the service counts samples, of which a point holds any number. A day of which
        it gives fewer points stays as it landed: points age out, and series leave the list.
        """
        (table,), every = self.tables(), self._source.census_every_days
        if not census.is_due(census.read(home, self.name, table), window.end, every):
            return
        first, total = window.start, 0
        days = Window(first - timedelta(days=self._source.census_days), first - timedelta(days=1))
        for query in self._source.queries:

            def is_asked(receipt: Receipt, query: CloudWatchQuery = query) -> bool:
                shown = (receipt.query or "").rpartition(" every ")[0]
                return receipt.batch_id.rpartition("/")[0] == query.metric and shown == _shown(query)

            landed = census.landed_days(home, self.name, table, days, is_asked)
            total += sum(receipt.rows_received for receipt in landed.values())
            for again in census.windows(sorted(landed)):
                for batch in self._days(client, query, again, is_landed, landing):
                    assert batch.window is not None
                    rows = batch.frame.num_rows + len(batch.broken)
                    if rows < landed[batch.window.start].rows_received:
                        batch.landed()
                    else:
                        total += rows - landed[batch.window.start].rows_received
                        yield batch
        census.write(home, self.name, table, census.Census(window.end, total, {}))

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
            one["Timestamps"] = [moment_of(text) for text in one.get("Timestamps", ())]
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
        points = Collected(query, _start(day), period, {value: {} for value in values})
        if gone is not None:
            points.warnings.append(f"days up to {gone} were not asked for: CloudWatch keeps 455 days")
        size = min(MAX_QUERIES, MAX_POINTS * period // DAY_SECONDS)
        for first in range(0, len(values), size):
            self._collect(client, values[first : first + size], points)
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
        rows = sample_rows(points.points(), query.ci_dimension, query.ci_map, _SEVERAL)
        return Batch(
            source=self.name,
            table="metric_samples",
            batch_id=_batch_id(query, day),
            frame=rows.frame,
            declaration=_declaration(query, period),
            input_path=f"cloudwatch:{self._source.region or 'default'}/{query.namespace}/{query.metric_name}",
            input_sha256=rows_digest(rows.frame, rows.broken),
            input_bytes=rows.frame.nbytes,
            query=f"{_shown(query)} every {period} s",
            window=Window(day, day),
            source_rows=rows.source_rows,
            broken=rows.broken,
            warnings=tuple(dict.fromkeys(points.warnings)),
            version_fingerprint=_read_at(query, period),
        )

    def _collect(self, client: AwsClient, values: list[str], points: Collected) -> None:
        """All pages of one question. A series that is not complete at the end is asked for again."""
        left = values

        def ask() -> None:
            nonlocal left
            left = self._pages(client, left, points)
            if left:
                raise TransientError(f"{len(left)} series are not complete, among them {left[0]!r}")

        try:
            client.retries.call(ask)
        except TransientError as error:
            tries = f"{error.problem}, after {client.retries.attempts} tries"
            problem = f"{points.query.metric} of {points.start.date()}: {tries}"
            raise self._error(problem, "run again; if it stays, see the AWS health dashboard") from None

    def _pages(self, client: AwsClient, values: list[str], points: Collected) -> list[str]:
        """Read one question to its last page. Gives the values of which CloudWatch did not say Complete."""
        query = points.query
        question: dict[str, Any] = {
            "MetricDataQueries": [
                {"Id": f"q{number}", "MetricStat": _metric_stat(query, value, points.period)}
                for number, value in enumerate(values)
            ],
            "StartTime": points.start,
            "EndTime": points.start + timedelta(days=1),
            "ScanBy": "TimestampAscending",
        }
        states: dict[str, str] = {}
        while True:
            answer = self._ask(client, "GetMetricData", question)
            self._note(points, answer.get("Messages", ()))
            for one in answer.get("MetricDataResults", ()):
                self._take(points, values[int(one["Id"][1:])], one)
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

    def _take(self, points: Collected, value: str, one: dict[str, Any]) -> None:
        """One series of one page."""
        self._note(points, one.get("Messages", ()))
        try:
            points.take(value, one.get("Timestamps", []), one.get("Values", []))
        except ForeignStepsError as error:
            raise self._error(str(error), "check what answers for AWS") from None
        except ValueError:
            raise self._error("a series has not as many values as timestamps", "run again later") from None

    def _note(self, points: Collected, messages: Any) -> None:
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


def _shown(query: CloudWatchQuery) -> str:
    """What is asked for, but the period."""
    return " ".join(
        [query.stat, "by", query.ci_dimension, *([str(query.dimensions)] if query.dimensions else [])]
    )


def _batch_id(query: CloudWatchQuery, day: date) -> str:
    return f"{query.metric}/{day.isoformat()}"


def _start(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
