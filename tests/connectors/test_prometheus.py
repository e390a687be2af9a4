"""The Prometheus connector: a real server for the data, a simulated one for answers. Faults: test_guarantees*.py."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from assets.connectors import census
from assets.connectors.base import Batch, Window
from assets.connectors.prometheus import MAX_POINTS, PrometheusConnector, PrometheusSource
from assets.connectors.remote import RetryPolicy, SourceError
from tests.connectors.landing import files_that_show, land_all, landed_rows, quarantined_rows
from tests.connectors.simulators.faults import Fault, changed, login_page, status
from tests.connectors.simulators.prometheus import Prometheus

DAY = date(2022, 8, 23)
MIDNIGHT = int(datetime(2022, 8, 23, tzinfo=UTC).timestamp())
SECRET = "planted-secret-4711"
#: A day of minutes of one series: 10 steps, 100, 1,000 and the rest.
QUESTIONS = 4


def source(url: str, **changes: Any) -> PrometheusSource:
    query = {"metric": "load", "query": "load", "unit": "1", "kind": "gauge", "ci_label": "pod"}
    query |= changes.pop("query", {})
    return PrometheusSource.model_validate(
        {"type": "prometheus", "name": "prom", "url": url, "step_seconds": 60, "queries": [query], **changes}
    )


def read(settings: PrometheusSource, first: date = DAY, last: date | None = None) -> list[Batch]:
    waits: list[float] = []
    connector = PrometheusConnector(settings, retries=RetryPolicy(sleep=waits.append))
    window = Window(first, last or first)
    batches = [
        batch for table in connector.tables() for batch in connector.batches(table, window, lambda *_: False)
    ]
    assert all(isinstance(batch, Batch) for batch in batches)
    return [batch for batch in batches if isinstance(batch, Batch)]


def rows(batch: Batch) -> list[tuple[Any, ...]]:
    """(item, seconds since midnight of DAY, value) of each readable row."""
    return [
        (row["ci_id"], int(row["observed_at"].timestamp()) - MIDNIGHT, row["value"])
        for row in batch.frame.to_pylist()
    ]


def answering(*script: Fault | None) -> Prometheus:
    """A server whose one series has the value 1 at every step; its first answers may be others."""
    simulator = Prometheus(steady="1")
    simulator.script = {number: fault for number, fault in enumerate(script) if fault is not None}
    return simulator


# --- a real server ---

SAMPLES = f"""# TYPE load gauge
load{{pod="late"}} 1 {MIDNIGHT + 28.156}
load{{pod="late"}} 2 {MIDNIGHT + 88.2}
load{{pod="late"}} 10 {MIDNIGHT + 628.1}
load{{pod="odd"}} NaN {MIDNIGHT + 60}
load{{pod="odd"}} +Inf {MIDNIGHT + 120}
load{{pod="edge"}} 7 {MIDNIGHT}
load{{pod="edge"}} 8 {MIDNIGHT + 86399}.999
load{{pod="edge"}} 9 {MIDNIGHT + 86400}
load 5 {MIDNIGHT + 60}
# TYPE work counter
work_total{{pod="a",core="0"}} 5 {MIDNIGHT}
work_total{{pod="a",core="0"}} 2 {MIDNIGHT + 60}
work_total{{pod="a",core="1"}} 6 {MIDNIGHT + 60}
work_total{{pod="b",core="0"}} 1 {MIDNIGHT}
# TYPE wait histogram
wait_bucket{{svc="shop",pod="p",le="0.1"}} 3 {MIDNIGHT - 60}
wait_bucket{{svc="shop",pod="p",le="0.1"}} 5 {MIDNIGHT}
wait_bucket{{svc="shop",pod="p",le="0.1"}} 4 {MIDNIGHT + 60}
wait_bucket{{svc="shop",pod="p",le="+Inf"}} 4 {MIDNIGHT - 60}
wait_bucket{{svc="shop",pod="p",le="+Inf"}} 9 {MIDNIGHT}
wait_bucket{{svc="shop",pod="p",le="+Inf"}} 10 {MIDNIGHT + 60}
wait_bucket{{svc="shop",pod="q",le="0.1"}} 0 {MIDNIGHT}
wait_bucket{{svc="shop",pod="q",le="0.1"}} 7 {MIDNIGHT + 60}
wait_bucket{{svc="shop",pod="q",le="+Inf"}} 0 {MIDNIGHT}
wait_bucket{{svc="shop",pod="q",le="+Inf"}} 7 {MIDNIGHT + 60}
# EOF
"""


@pytest.fixture(scope="module")
def server(start_prometheus: Callable[[Mapping[str, str]], str]) -> str:
    return start_prometheus({"day.om": SAMPLES})


@pytest.mark.prometheus
def test_gaps_stay_gaps_and_values_are_numbers(server: str) -> None:
    """Prometheus repeats a value for five minutes after its series went silent; no such row may land."""
    (batch,) = read(source(server))
    assert [(*place, str(value)) for *place, value in rows(batch)] == [
        ("edge", 0, "7.0"),
        ("edge", 86_340, "8.0"),
        ("late", 0, "1.0"),
        ("late", 60, "2.0"),
        ("late", 600, "10.0"),
        ("odd", 60, "nan"),
        ("odd", 120, "inf"),
    ]


@pytest.mark.prometheus
def test_two_days_never_share_a_sample(server: str) -> None:
    """The last millisecond belongs to its own day, midnight to the next one."""
    first, second = read(source(server), DAY, DAY + timedelta(days=1))
    assert [row for row in rows(first) if row[0] == "edge"] == [("edge", 0, 7.0), ("edge", 86_340, 8.0)]
    assert rows(second) == [("edge", 86_400, 9.0)]
    assert (first.batch_id, second.batch_id) == ("load/2022-08-23", "load/2022-08-24")
    assert first.window == Window(DAY, DAY)


@pytest.mark.prometheus
def test_a_series_without_the_label_is_quarantined_with_a_reason(server: str) -> None:
    (batch,) = read(source(server))
    (row,) = batch.broken
    assert row.field == "ci_id"
    assert "no usable label 'pod'" in row.reason
    assert json.loads(row.text)["value"] == "5"
    assert row.source_row not in (batch.source_rows or [])


@pytest.mark.prometheus
def test_series_that_claim_the_same_item_are_not_guessed(server: str) -> None:
    """Two cores of one pod: neither value is the pod's, so both rows of that moment are refused."""
    query = {"metric": "work", "query": "work_total", "kind": "counter"}
    (batch,) = read(source(server, query=query))
    assert rows(batch) == [("a", 0, 5.0), ("b", 0, 1.0)]
    assert sorted(json.loads(row.text)["value"] for row in batch.broken) == ["2", "6"]
    assert all("sum by (pod)" in row.fix for row in batch.broken)


@pytest.mark.prometheus
def test_counters_come_raw_and_items_are_renamed(server: str) -> None:
    query = {"query": 'work_total{core="0"}', "kind": "counter", "ci_map": {"a": "item-a"}}
    (batch,) = read(source(server, query=query))
    assert rows(batch) == [("item-a", 0, 5.0), ("item-a", 60, 2.0), ("b", 0, 1.0)]
    assert batch.declaration.kind == "counter"


@pytest.mark.prometheus
def test_histograms_become_growth_a_step_across_resets_and_pods(server: str) -> None:
    """Pod p restarts at 00:01 (its small bucket shrank), so all its buckets count from zero there."""
    query = {"query": "wait_bucket", "unit": "s", "kind": "histogram", "ci_label": "svc"}
    (batch,) = read(source(server, query=query))
    counts = [
        (int(row["observed_at"].timestamp()) - MIDNIGHT, row["upper_bound"], row["count"])
        for row in batch.frame.to_pylist()
    ]
    infinity = float("inf")
    assert counts == [(0, 0.1, 2.0), (0, infinity, 5.0), (60, 0.1, 4.0 + 7), (60, infinity, 10.0 + 7)]
    assert (batch.table, batch.broken) == ("metric_histograms", ())


@pytest.mark.prometheus
def test_the_same_answer_has_the_same_fingerprint_and_is_left_out_when_landed(server: str) -> None:
    first, again = read(source(server))[0], read(source(server))[0]
    assert first.fingerprint == again.fingerprint
    connector = PrometheusConnector(source(server))
    landed = {(first.batch_id, first.fingerprint)}
    later = connector.batches("metric_samples", Window(DAY, DAY), lambda *asked: asked in landed)
    assert list(later) == []


@pytest.mark.prometheus
def test_a_query_that_the_server_rejects_names_the_reason(server: str) -> None:
    with pytest.raises(SourceError, match="unclosed left parenthesis"):
        read(source(server, query={"query": "sum(load"}))


@pytest.mark.prometheus
def test_an_empty_day_is_a_batch_with_a_warning(server: str) -> None:
    (batch,) = read(source(server), DAY - timedelta(days=30))
    assert batch.frame.num_rows == 0
    assert batch.warnings == ("the query returned no series for 2022-07-24",)


# --- windows ---


def test_no_query_asks_for_more_points_than_the_server_allows() -> None:
    """86,400 one-second steps in eight queries, each step once."""
    with answering() as server:
        (batch,) = read(source(server.url, step_seconds=1))
        forms = [question.form for question in server.questions]
        sizes = [round(float(form["end"]) - float(form["start"])) // int(form["step"]) + 1 for form in forms]
    assert max(sizes) <= MAX_POINTS
    assert sum(sizes) == batch.frame.num_rows == len(set(batch.frame["observed_at"].to_pylist())) == 86_400


# --- faults ---


def test_retry_after_is_obeyed() -> None:
    waits: list[float] = []
    with answering(status(429, Retry_After="7"), status(503)) as server:
        connector = PrometheusConnector(source(server.url), retries=RetryPolicy(sleep=waits.append))
        list(connector.batches("metric_samples", Window(DAY, DAY), lambda *_: False))
    assert waits == [7.0, 2.0]


def test_a_fault_that_stays_ends_in_one_clear_error() -> None:
    with answering(*[status(503, '{"error": "starting"}')] * 9) as server:
        with pytest.raises(SourceError, match=r"no answer after 5 tries \(status 503: starting\)"):
            read(source(server.url))
        assert len(server.questions) == 5


def test_a_server_that_wants_an_hour_is_given_up_at_once() -> None:
    with answering(status(429, Retry_After="3600")) as server:
        with pytest.raises(SourceError, match="status 429"):
            read(source(server.url))
        assert len(server.questions) == 1


FINAL = {
    "login page": (login_page, "login page"),
    "redirect": (status(302, "", "text/plain", Location="/login"), "status 302"),
    "expired token": (status(401), "refused access"),
    "forbidden": (status(403), "refused access"),
    "bad query": (status(400, '{"status": "error", "error": "parse error"}'), "parse error"),
    "error with 200": (status(200, '{"status": "error", "error": "half a store"}'), "half a store"),
    "scalar": (
        status(200, '{"status": "success", "data": {"resultType": "scalar", "result": []}}'),
        "not a matrix",
    ),
    "changed type": (
        status(200, '{"status": "success", "data": {"resultType": "matrix", "result": [{"metric": []}]}}'),
        "not the agreed shape",
    ),
}


@pytest.mark.parametrize("fault", FINAL, ids=list(FINAL))
def test_a_final_fault_is_not_retried_and_says_what_to_do(fault: str) -> None:
    action, message = FINAL[fault]
    with answering(action) as server:
        with pytest.raises(SourceError, match=message) as caught:
            read(source(server.url))
        assert len(server.questions) == 1
    assert caught.value.fix


def first_values(body: Any) -> list[list[Any]]:
    found: list[list[Any]] = body["data"]["result"][0]["values"]
    return found


def test_an_answer_to_other_steps_is_refused() -> None:
    """A proxy that answers from its cache for other steps would shift every row: asked again, then an error."""

    def shift(body: Any) -> None:
        for point in first_values(body):
            point[0] += 0.5

    with answering(changed(shift)) as server:
        (batch,) = read(source(server.url))
        assert (batch.frame.num_rows, len(server.questions)) == (1440, QUESTIONS + 1)
    with (
        answering(*[changed(shift)] * 5) as server,
        pytest.raises(SourceError, match="off the asked steps, as from a cache"),
    ):
        read(source(server.url))


def spoilt(points: list[Any]) -> Fault:
    """The first answer with other points in place of its first ones."""
    return changed(lambda body: first_values(body).__setitem__(slice(0, len(points)), points))


#: Points in place of the first ten of a day, and what is said of them.
IMPOSSIBLE = [
    (["yesterday", "1"], "has a value at 'yesterday', which is no time"),
    ([None, "1"], "has a value at None, which is no time"),
    ([-1, "1"], "has a value at -1, which is no time"),
    ([1e18, "1"], "has a value at 1e+18, which is no time"),
    ([MIDNIGHT + 299.999, "n/a"], "has the value 'n/a', which is no number"),
    ([MIDNIGHT + 359.999, None], "has the value None, which is no number"),
    ([MIDNIGHT + 419.999, ["1"]], "has the value ['1'], which is no number"),
    ([0], "has a point that is no pair of a time and a value: [0]"),
    ("up", "has a point that is no pair of a time and a value: 'up'"),
]


def test_impossible_points_are_quarantined_and_the_rest_of_the_answer_lands(tmp_path: Path) -> None:
    """With series, stamp and value as written, a reason and a fix. One bad sample used to hold up whole days."""
    with answering(spoilt([point for point, _ in IMPOSSIBLE])) as server:
        (summary,) = land_all(PrometheusConnector(source(server.url)), tmp_path, Window(DAY, DAY))
        assert len(server.questions) == QUESTIONS
    assert (summary.rows_landed, summary.rows_quarantined) == (1440 - len(IMPOSSIBLE), len(IMPOSSIBLE))
    found = quarantined_rows(tmp_path, "prom", "metric_samples")
    reasons = [row["reason"].partition('series {pod="a"} ')[2] for row in found]
    assert sorted(reasons) == sorted(reason for _, reason in IMPOSSIBLE)
    for row in found:
        line = json.loads(json.loads(row["original"])["line"])
        given = line["point"] if "point" in line else [line["at"], line["value"]]
        assert (given, row["reason"].partition('"} ')[2]) in IMPOSSIBLE
        assert (line["labels"], bool(row["fix"])) == ({"pod": "a"}, True)


def test_a_time_that_was_not_asked_for_is_asked_again_and_then_quarantined(tmp_path: Path) -> None:
    """Among others that were it is a point gone astray, and not the answer to another question."""
    stray = spoilt([[4e9, "1"]])
    with answering(stray, stray) as server:
        connector = PrometheusConnector(source(server.url), retries=RetryPolicy(sleep=lambda _: None))
        (summary,) = land_all(connector, tmp_path, Window(DAY, DAY))
        assert len(server.questions) == QUESTIONS + 1
    assert (summary.rows_landed, summary.rows_quarantined) == (1439, 1)
    (row,) = quarantined_rows(tmp_path, "prom", "metric_samples")
    assert "at 4000000000.0, a time that was not asked for" in row["reason"]


def test_an_impossible_value_of_a_histogram_is_quarantined() -> None:
    """Only on its own day: the steps before midnight, which a day's first growth is taken from, belong to another."""

    def buckets(body: Any) -> None:
        one = body["data"]["result"][0]
        body["data"]["result"] = [
            {"metric": {"pod": "a", "le": le}, "values": [list(point) for point in one["values"]]}
            for le in ("0.1", "+Inf")
        ]
        for number in (2, 7):
            body["data"]["result"][0]["values"][number][1] = "n/a"

    query = {"kind": "histogram", "unit": "s"}
    with answering(changed(buckets)) as server:
        connector = PrometheusConnector(
            source(server.url, query=query), retries=RetryPolicy(sleep=lambda _: None)
        )
        (batch,) = connector.batches("metric_histograms", Window(DAY, DAY), lambda *_: False)
    assert isinstance(batch, Batch)
    unread = [row for row in batch.broken if row.field == "value"]
    assert [json.loads(row.text)["at"] for row in unread] == [MIDNIGHT + 179.999]


def test_warnings_of_the_server_are_kept() -> None:
    warns = changed(lambda body: body.update(warnings=["remote read failed"]))
    with answering(warns) as server:
        (batch,) = read(source(server.url))
    assert batch.warnings == ("the server warns: remote read failed",)


def test_an_unreachable_server_is_one_clear_error() -> None:
    with answering() as server:
        address = server.url
    with pytest.raises(SourceError, match="source prom: no answer after 5 tries"):
        read(source(address))


# --- secrets ---


def test_the_token_is_sent_and_shown_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even when the server quotes it back."""
    monkeypatch.setenv("PROM_TOKEN", SECRET)
    quoting = status(400, json.dumps({"status": "error", "error": f"bad Bearer {SECRET}"}))
    with answering(*[None] * QUESTIONS, quoting) as server:
        settings = source(server.url, token_env="PROM_TOKEN")
        (batch,) = read(settings)
        with pytest.raises(SourceError) as caught:
            read(settings)
        assert server.questions[0].headers["authorization"] == f"Bearer {SECRET}"
    assert SECRET not in repr(batch) + str(caught.value) + repr(settings)
    assert "***" in str(caught.value)


def test_the_address_may_stand_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Receipts then name the variable, so that a server that moved gives the same batches."""
    settings = source("${PROM_URL}/prefix/")
    with pytest.raises(SourceError, match="PROM_URL is not set"):
        read(settings)
    monkeypatch.setenv("PROM_URL", f"http://me:{SECRET}@127.0.0.1")
    with pytest.raises(SourceError, match="use token_env") as caught:
        read(settings)
    assert SECRET not in str(caught.value)
    with answering() as server:
        monkeypatch.setenv("PROM_URL", server.url)
        (batch,) = read(settings)
    assert batch.input_path == "${PROM_URL}/prefix/api/v1/query_range"


@pytest.mark.parametrize("value", ["", f"{SECRET}\nX: y", f"{SECRET} €"])
def test_an_unusable_token_is_named_by_its_variable_only(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("PROM_TOKEN", value)
    with pytest.raises(SourceError, match="PROM_TOKEN") as caught:
        read(source("http://127.0.0.1:1", token_env="PROM_TOKEN"))
    assert SECRET not in str(caught.value)


# --- configuration ---


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"step_seconds": 7}, "does not divide a day"),
        ({"url": "http://me:pw@host:9090"}, "use token_env"),
        ({"url": "host:9090"}, "not an http"),
        ({"url": "http://host:port"}, "not an http"),
        ({"query": {"kind": "counter", "query": "rate(work_total[5m])"}}, "needs a plain selector"),
        ({"query": {"unit": "percent"}}, "write %"),
        ({"query": {"kind": "summary"}}, "gauge"),
    ],
)
def test_mistakes_in_the_configuration_are_explained(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        source(**{"url": "http://127.0.0.1:9090", **changes})


def test_one_metric_has_one_query() -> None:
    """Two would share the name of a batch, and the later one would supersede the earlier one."""
    query = {"metric": "load", "query": "load", "unit": "1", "kind": "gauge", "ci_label": "pod"}
    with pytest.raises(ValidationError, match="has a query already"):
        source("http://127.0.0.1:9090", queries=[query, query])


@pytest.mark.parametrize(
    ("query", "asked"),
    [
        ("up", "last_over_time(up[60s])"),
        ('up{job="a}b"}', 'last_over_time(up{job="a}b"}[60s])'),
        ('{__name__="up"}', 'last_over_time({__name__="up"}[60s])'),
        ("sum by (pod) (rate(x_total[5m]))", "sum by (pod) (rate(x_total[5m]))"),
        ('up{job="a"} / up{job="b"}', 'up{job="a"} / up{job="b"}'),
    ],
)
def test_only_plain_selectors_are_wrapped(query: str, asked: str) -> None:
    (one,) = source("http://127.0.0.1:9090", query={"query": query}).queries
    assert one.promql(60) == asked


# --- landed ---


@pytest.mark.prometheus
def test_what_cannot_land_is_quarantined_and_counted(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """NaN, infinity and a series without its label: with a reason each, and the token nowhere on disk."""
    monkeypatch.setenv("PROM_TOKEN", SECRET)
    connector = PrometheusConnector(source(server, token_env="PROM_TOKEN"))
    (summary,) = land_all(connector, tmp_path, Window(DAY, DAY))
    assert (summary.rows_received, summary.rows_landed, summary.rows_quarantined) == (8, 5, 3)
    reasons = sorted(
        row["reason"].split(": ", 1)[1] for row in quarantined_rows(tmp_path, "prom", "metric_samples")
    )
    assert reasons[2] == "series load{} has no usable label 'pod'"
    assert [part in " ".join(reasons) for part in ("is NaN", "is infinite")] == [True, True]
    assert files_that_show(tmp_path, [SECRET]) == []
    (again,) = land_all(connector, tmp_path, Window(DAY, DAY), hour=7)
    assert again.batches_written == 0


@pytest.mark.prometheus
def test_a_census_counts_what_lands(server: str, tmp_path: Path) -> None:
    """The server's own count of samples is that of the rows received, so that nothing is read again."""
    (first,) = land_all(
        PrometheusConnector(source(server), spool=tmp_path / "spool"), tmp_path, Window(DAY, DAY)
    )
    following = Window(DAY + timedelta(days=1), DAY + timedelta(days=1))
    (later,) = land_all(
        PrometheusConnector(source(server, census_every_days=1), spool=tmp_path / "spool"),
        tmp_path,
        following,
        hour=7,
    )
    taken = census.read(tmp_path, "prom", "metric_samples")
    assert taken is not None
    assert (taken.held, later.batches_written) == (first.rows_received, 1)


def test_late_samples_supersede_their_day(tmp_path: Path) -> None:
    """A day read again with other content is a new version; the old one stays on disk but is not current."""

    def correct(body: Any) -> None:
        body["data"]["result"][0]["values"][0][1] = "2"

    with answering(*[None] * QUESTIONS, changed(correct)) as server:
        connector = PrometheusConnector(source(server.url))
        land_all(connector, tmp_path, Window(DAY, DAY))
        (later,) = land_all(connector, tmp_path, Window(DAY, DAY), hour=7)
    assert (later.batches_written, later.rows_landed) == (1, 1440)
    values = [row["value"] for row in landed_rows(tmp_path, "prom", "metric_samples")]
    assert sorted(values) == [1.0] * 1439 + [2.0]
    assert len(list(tmp_path.rglob("*.parquet"))) == 2
