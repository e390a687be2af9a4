"""Prometheus (and servers that speak its HTTP API): one batch a metric and UTC day, by `query_range`.

The thin client is deliberate: windows stay under the server's 11,000 points a series, and a step without a
sample stays empty. A query that is a plain selector is read as `last_over_time(selector[step])`, because
Prometheus would otherwise repeat a value for up to five minutes after its series went silent.
"""

from __future__ import annotations

import gc
import json
import math
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from assets.connectors import census
from assets.connectors.base import Batch, IsLanded, RejectedInput, Window, rows_digest
from assets.connectors.http import Client, HttpSource, Link
from assets.connectors.prometheus_answers import Collected, ForeignShapeError
from assets.connectors.prometheus_frames import Rows, histogram_rows, sample_rows
from assets.connectors.queries import see_one_query_a_metric
from assets.connectors.remote import RetryPolicy, SourceError
from assets.connectors.traffic import Traffic
from assets.landing.answers import Answers
from assets.landing.declaration import Declaration, Unit
from assets.landing.receipts import Receipt
from assets.landing.spool_folder import Outstanding, SpoolBusyError, SpoolFolder
from assets.memory import give_back

API = "/api/v1/query_range"
DAY_SECONDS = 86_400
#: Prometheus refuses a query_range of more points a series; the limit is hard-coded there.
MAX_POINTS = 11_000
#: Points that an answer should hold: as Python objects, as which they are parsed, they take 50 MB.
POINTS_AN_ANSWER = 60_000
#: Steps of a query's first question.
FIRST_STEPS = 10
#: How far before a day the sample is looked for from which a histogram's first growth is taken.
BEFORE_SECONDS = 300
_BRACES = r"""\{(?:[^"'`{}]|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`)*\}"""
_SELECTOR = re.compile(rf"\s*(?:[a-zA-Z_:][a-zA-Z0-9_:]*\s*(?:{_BRACES})?|{_BRACES})\s*")
Label = Annotated[str, Field(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$")]


class PrometheusQuery(BaseModel):
    """One metric: a PromQL query whose series carry the configuration item in `ci_label`.

    `ci_map` renames label values; others are taken as they are. A counter or histogram needs a plain selector
    of raw cumulative series (for a histogram its `_bucket` series): rates are made later.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    metric: str = Field(min_length=1, max_length=512)
    query: str = Field(min_length=1)
    unit: Unit
    kind: Literal["gauge", "counter", "histogram"]
    ci_label: Label
    ci_map: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _cumulative_series_are_raw(self) -> PrometheusQuery:
        if self.kind != "gauge" and not _SELECTOR.fullmatch(self.query):
            raise ValueError(
                f"query: a {self.kind} needs a plain selector; "
                'fix: write name{label="value"}, or make it a gauge of rate(…)'
            )
        return self

    @property
    def table(self) -> str:
        """The contract table that the query feeds."""
        return "metric_histograms" if self.kind == "histogram" else "metric_samples"

    def promql(self, step_seconds: int) -> str:
        """What the server is asked."""
        if _SELECTOR.fullmatch(self.query):
            return f"last_over_time({self.query.strip()}[{step_seconds}s])"
        return self.query


class PrometheusSource(HttpSource):
    """Configuration of one server. The token, if any, stands in the environment variable `token_env`."""

    type: Literal["prometheus"]
    step_seconds: int = Field(gt=0, le=DAY_SECONDS)
    #: The server itself gives a query up after two minutes.
    timeout_seconds: float = Field(130.0, gt=0)
    #: How often samples are counted at the source (None: never), and of how many days before those read.
    census_every_days: int | None = Field(7, ge=1, le=366)
    census_days: int = Field(30, ge=1, le=366)
    queries: tuple[PrometheusQuery, ...] = Field(min_length=1)

    @field_validator("step_seconds")
    @classmethod
    def _divides_the_day(cls, step: int) -> int:
        if DAY_SECONDS % step:
            raise ValueError(f"{step} s does not divide a day; fix: use e.g. 15, 60, 300 or 900")
        return step

    @field_validator("queries")
    @classmethod
    def _one_query_a_metric(cls, queries: tuple[PrometheusQuery, ...]) -> tuple[PrometheusQuery, ...]:
        see_one_query_a_metric((query.metric for query in queries), fix="join the two with `or`")
        return queries


@dataclass
class _Pace:
    """How many steps one question asks for, so that its answer holds about `POINTS_AN_ANSWER` points.

    How many series there are only an answer tells: the first question is about few steps, and none asks for more
    than ten times those of the one before.
    """

    steps: int = FIRST_STEPS

    def learn(self, steps: int, points: int) -> None:
        """An answer to a question about so many steps held so many points."""
        wanted = POINTS_AN_ANSWER * steps // points if points else MAX_POINTS
        self.steps = max(1, min(wanted, 10 * steps, MAX_POINTS))


class PrometheusConnector:
    """Reads one Prometheus server. Opens nothing before `batches` is iterated.

    `spool` is the folder for the answers of unfinished runs (None: not kept).
    """

    def __init__(
        self, source: PrometheusSource, *, spool: Path | None = None, retries: RetryPolicy | None = None
    ) -> None:
        self._source = source
        self._spool = spool
        self._retries = retries or RetryPolicy()
        self._link = Link.of(source, self._retries)

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
        """`metric_samples` and, with histogram queries, `metric_histograms`."""
        return sorted({query.table for query in self._source.queries}, reverse=True)

    def batches(self, table: str, window: Window, is_landed: IsLanded) -> Iterator[Batch | RejectedInput]:
        """One batch a query of `table` and UTC day, empty days included. Raises `SourceError`.

        Every day is asked for again, because late samples may have changed it; what is landed is left out.
        """
        self._link.traffic = Traffic()
        with ExitStack() as stack:
            client = stack.enter_context(
                Client(self._source, retries=self._retries, link=self._link, rights="to query")
            )
            folder = self._kept(stack, table, window)
            landing = Outstanding(folder.remove if folder is not None else lambda: None)
            kept = Answers(folder)
            for query in self._source.queries:
                if query.table == table:
                    yield from self._days(client, kept, query, window, is_landed, landing)
            yield from self._census(client, kept, table, window, is_landed, landing)
            landing.all_given()

    def _kept(self, stack: ExitStack, table: str, window: Window) -> SpoolFolder | None:
        """The folder of this run's answers, with those that a run before left. Of other days and queries none."""
        if self._spool is None:
            return None
        days = [window.start.isoformat(), window.end.isoformat()]
        asked = [query.model_dump_json() for query in self._source.queries if query.table == table]
        question = json.dumps([self._source.url, self._source.step_seconds, *asked, *days])
        try:
            return stack.enter_context(SpoolFolder(self._spool / self.name / table, question))
        except SpoolBusyError as error:
            raise SourceError(self.name, str(error), "let one run at a time read a source") from None

    def _census(
        self,
        client: Client,
        kept: Answers,
        table: str,
        window: Window,
        is_landed: IsLanded,
        landing: Outstanding,
    ) -> Iterator[Batch]:
        """When it is due: count at the source the samples of days that landed before, and read those again that it
        holds more of. Of what it holds less of nothing is read: samples age out, and what has landed stays.
        """
        home = None if self._spool is None else self._spool.parent
        queries = [one for one in self._source.queries if one.table == table and one.kind != "histogram"]
        if home is None or not queries:
            return
        if not census.is_due(census.read(home, self.name, table), window.end, self._source.census_every_days):
            return
        total = 0
        for query in queries:
            landed = self._landed(home, query, window)
            for days in census.windows(sorted(landed)):
                held = self._count(client, kept, query, days)
                total += sum(held.values())
                more = sorted(day for day, rows in held.items() if rows > landed[day])
                for again in census.windows(more):
                    yield from self._days(client, kept, query, again, is_landed, landing)
        census.write(home, self.name, table, census.Census(window.end, total, {}))

    def _landed(self, home: Path, query: PrometheusQuery, window: Window) -> dict[date, int]:
        """Rows received of each day before the window that was read by the query as it is now."""
        first = window.start
        days = Window(first - timedelta(days=self._source.census_days), first - timedelta(days=1))

        def is_asked(receipt: Receipt) -> bool:
            return receipt.batch_id.rpartition("/")[0] == query.metric and receipt.query == self._shown(query)

        found = census.landed_days(home, self.name, query.table, days, is_asked)
        return {day: receipt.rows_received for day, receipt in found.items()}

    def _count(self, client: Client, kept: Answers, query: PrometheusQuery, days: Window) -> dict[date, int]:
        """Samples of each day, counted by the server: one number a step, however many series there are."""
        step_ms = self._source.step_seconds * 1000
        first, end = _start_ms(days.start), _start_ms(days.end + timedelta(days=1))
        answers = Collected()
        while first < end:
            until = min(first + MAX_POINTS * step_ms, end)
            promql = f"count({query.promql(self._source.step_seconds)})"
            self._ask(client, kept, answers, promql, first, until)
            first = until
        points = answers.points()
        found: dict[date, int] = {}
        for moment, count in zip(points.times.tolist(), points.values.tolist(), strict=True):
            day = datetime.fromtimestamp(moment / 1000, UTC).date()
            found[day] = found.get(day, 0) + (round(count) if math.isfinite(count) else 0)
        return found

    def _days(
        self,
        client: Client,
        kept: Answers,
        query: PrometheusQuery,
        window: Window,
        is_landed: IsLanded,
        landing: Outstanding,
    ) -> Iterator[Batch]:
        pace = _Pace()
        for number in range((window.end - window.start).days + 1):
            batch = self._batch(client, kept, query, window.start + timedelta(days=number), pace)
            client.traffic.rows += batch.frame.num_rows + len(batch.broken)
            if not is_landed(batch.batch_id, batch.fingerprint):
                yield replace(batch, when_landed=landing.take())
            # Two days are never held at a time.
            del batch
            give_back()

    def _batch(self, client: Client, kept: Answers, query: PrometheusQuery, day: date, pace: _Pace) -> Batch:
        source = self._source
        start_ms = _start_ms(day)
        promql = query.promql(source.step_seconds)
        rows, warnings = self._rows(client, kept, query, promql, start_ms, pace)
        give_back()
        return Batch(
            source=source.name,
            table=query.table,
            batch_id=_batch_id(query, day),
            frame=rows.frame,
            declaration=Declaration(
                table=query.table,
                zone="UTC",
                metric=query.metric,
                unit=query.unit,
                kind=query.kind,
                interval_seconds=source.step_seconds,
            ),
            # With the variable's name where one is used: receipts do not depend on where a server runs today.
            input_path=source.url + API,
            input_sha256=rows_digest(rows.frame, rows.broken),
            # Not of the answers: how a day was cut into questions must not show.
            input_bytes=rows.frame.nbytes,
            query=self._shown(query),
            window=Window(day, day),
            source_rows=rows.source_rows,
            broken=rows.broken,
            warnings=tuple(dict.fromkeys([*client.warnings, *map(client.hide, warnings)])),
        )

    def _shown(self, query: PrometheusQuery) -> str:
        return f"{query.promql(self._source.step_seconds)} every {self._source.step_seconds} s"

    def _rows(
        self,
        client: Client,
        kept: Answers,
        query: PrometheusQuery,
        promql: str,
        start_ms: int,
        pace: _Pace,
    ) -> tuple[Rows, list[str]]:
        """The rows of one day, and what to warn of."""
        step_ms = self._source.step_seconds * 1000
        before = math.ceil(BEFORE_SECONDS * 1000 / step_ms) if query.kind == "histogram" else 0
        answers = Collected()
        first, end = start_ms - before * step_ms, start_ms + DAY_SECONDS * 1000
        while first < end:
            until = min(first + pace.steps * step_ms, end)
            count = self._ask(client, kept, answers, promql, first, until)
            give_back()
            pace.learn((until - first) // step_ms, count)
            first = until
        if not answers.labels:
            day = datetime.fromtimestamp(start_ms / 1000, UTC).date()
            answers.warnings.append(f"the query returned no series for {day}")
        if query.kind == "histogram":
            return histogram_rows(answers.points(), query.ci_label, query.ci_map, start_ms), answers.warnings
        return sample_rows(answers.points(), query.ci_label, query.ci_map), answers.warnings

    def _ask(
        self, client: Client, kept: Answers, answers: Collected, promql: str, start_ms: int, end_ms: int
    ) -> int:
        """One question; gives how many points came. Its objects are gone afterwards: only columns and bytes stay."""
        step_ms = self._source.step_seconds * 1000
        # The step [t, t + step) is evaluated at its last millisecond, so that it sees its own samples only.
        form = {
            "query": promql,
            "start": _seconds(start_ms + step_ms - 1),
            "end": _seconds(end_ms - 1),
            "step": str(self._source.step_seconds),
            # Thanos and its kin: rather no answer than one from half of the stores.
            "partial_response": "false",
        }
        fix = f"try the query in the server's own page: {promql}"
        question = json.dumps(form)
        content = kept.kept(question)

        # What was kept has been asked for again as often as it had to be.
        is_first = content is None

        def decode(found: bytes) -> tuple[bytes, int]:
            # In the client, which asks again for half an answer and for one to another question.
            nonlocal is_first
            body = orjson.loads(found)
            if not isinstance(body, dict) or body.get("status") != "success":
                said = f": {body['error']}"[:300] if isinstance(body, dict) and body.get("error") else ""
                raise client.error(f"the server did not answer the query{said}", fix)
            keeps_strays, is_first = not is_first, False
            try:
                return found, answers.add(body, start_ms, end_ms, step_ms, keeps_strays=keeps_strays)
            except ForeignShapeError as error:
                raise client.error(error.problem, error.fix) from None

        with _no_collector():
            if content is not None:
                client.traffic.resumed_pages += 1
                return decode(content)[1]
            content, count = client.ask("POST", API, form=form, fix=fix, decode=decode).body
        kept.keep(question, content)
        return int(count)


@contextmanager
def _no_collector() -> Iterator[None]:
    """A list a point: while they are made and taken apart, the collector would walk them again and again."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _batch_id(query: PrometheusQuery, day: date) -> str:
    return f"{query.metric}/{day.isoformat()}"


def _start_ms(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1000


def _seconds(milliseconds: int) -> str:
    return f"{milliseconds // 1000}.{milliseconds % 1000:03d}"
