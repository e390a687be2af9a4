"""CloudWatch: every point lands once, by the finest period that is kept, and stays when only coarser ones are left."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from assets.connectors.base import Batch, Window
from assets.connectors.cloudwatch import CloudWatchConnector, CloudWatchQuery, CloudWatchSource
from assets.connectors.remote import RetryPolicy, SourceError
from assets.connectors.tape import Tape
from tests.connectors.aws import REGION, SECRET, SESSION, Answer, AwsLayer, aws_layer, environment
from tests.connectors.landing import files_that_show, land_all, landed_rows, quarantined_rows
from tests.connectors.simulators.cloudwatch import JSON, CloudWatchRules, refusal

DAY = date(2026, 6, 30)
START = datetime(2026, 6, 30, tzinfo=UTC)
SOON = START + timedelta(days=2)
CPU = {
    "metric": "system.cpu.utilization",
    "namespace": "AWS/EC2",
    "metric_name": "CPUUtilization",
    "stat": "Average",
    "unit": "%",
    "ci_dimension": "InstanceId",
}


@pytest.fixture(scope="module")
def rules(moto_port: int) -> CloudWatchRules:
    """Two instances with a value every minute of an hour; one series of the same name by another dimension."""
    client = boto3.client(
        "cloudwatch", REGION, endpoint_url=f"http://127.0.0.1:{moto_port}",
        aws_access_key_id="x", aws_secret_access_key="x",
    )  # fmt: skip
    for name, step in (("i-1", 1.0), ("i-2", 0.5)):
        client.put_metric_data(
            Namespace="AWS/EC2",
            MetricData=[
                {"MetricName": "CPUUtilization", "Dimensions": dimensions,
                 "Timestamp": START + timedelta(minutes=n), "Value": n * step}
                for n in range(60)
                for dimensions in (
                    [{"Name": "InstanceId", "Value": name}],
                    [{"Name": "InstanceId", "Value": name}, {"Name": "Core", "Value": "0"}],
                )
            ],
        )  # fmt: skip
    return CloudWatchRules(SOON)


@pytest.fixture
def cloud(rules: CloudWatchRules, moto_port: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[AwsLayer]:
    """The layer with fresh rules."""
    with aws_layer(moto_port) as layer:
        environment(monkeypatch, layer.url)
        layer.rule = CloudWatchRules(rules.now)
        yield layer


def of(cloud: AwsLayer) -> CloudWatchRules:
    assert isinstance(cloud.rule, CloudWatchRules)
    return cloud.rule


def connector(now: datetime = SOON, spool: Path | None = None, **changes: Any) -> CloudWatchConnector:
    source = {
        "type": "cloudwatch",
        "name": "aws",
        "requests_per_second": None,
        "queries": [{**CPU, **changes}],
    }
    retries = RetryPolicy(sleep=lambda _: None)
    return CloudWatchConnector(
        CloudWatchSource.model_validate(source), retries=retries, now=lambda: now, spool=spool
    )


def read(now: datetime = SOON, **changes: Any) -> Batch:
    (batch,) = connector(now, **changes).batches("metric_samples", Window(DAY, DAY), lambda *_: False)
    assert isinstance(batch, Batch)
    return batch


def values(batch: Batch) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for row in batch.frame.to_pylist():
        found.setdefault(row["ci_id"], []).append(float(row["value"]))
    return found


WHOLE = {"i-1": [float(n) for n in range(60)], "i-2": [n * 0.5 for n in range(60)]}


# --- completeness ---


def test_every_point_of_every_listed_series_comes(cloud: AwsLayer) -> None:
    """A series with one more dimension is another metric (API reference: each combination is one)."""
    batch = read(ci_map={"i-2": "web2"})
    assert values(batch) == {"i-1": WHOLE["i-1"], "web2": WHOLE["i-2"]}
    first = batch.frame.to_pylist()[0]
    assert (first["observed_at"], batch.declaration.interval_seconds, batch.batch_id) == (
        START, 60, "system.cpu.utilization/2026-06-30",
    )  # fmt: skip


@pytest.mark.parametrize("page_points", [17, 60, 119, 120])
def test_pages_are_read_to_the_last(cloud: AwsLayer, page_points: int) -> None:
    """PartialData with a NextToken is not the end, wherever the border falls."""
    of(cloud).page_points = page_points
    of(cloud).page_metrics = 1
    assert values(read()) == WHOLE


def test_a_call_asks_for_no_more_than_a_call_may(cloud: AwsLayer) -> None:
    """500 queries and 100,800 points: 70 series at a day of minutes, 500 at a day of hours."""
    of(cloud).is_empty = True
    names = {f"i-{n}": f"ci{n}" for n in range(1, 601)}
    read(ci_map=names)
    read(ci_map=names, period_seconds=3600)
    sizes = [len(q["MetricDataQueries"]) for action, q in of(cloud).calls if action == "GetMetricData"]
    assert sizes == [70] * 8 + [40] + [500, 100]


def test_items_that_are_no_longer_listed_are_asked_by_name(cloud: AwsLayer) -> None:
    """CloudWatch lists no series that has been silent for two weeks; `ci_map` names it."""
    of(cloud).unlisted = {"i-2"}
    assert list(values(read())) == ["i-1"]
    assert values(read(ci_map={"i-2": "i-2"})) == WHOLE


def test_a_metric_that_nobody_lists_is_told(cloud: AwsLayer) -> None:
    batch = read(metric_name="CPUUtilisation")
    assert batch.frame.num_rows == 0
    assert "CloudWatch lists no AWS/EC2 CPUUtilisation" in batch.warnings[0]


def test_two_series_of_one_item_are_quarantined(cloud: AwsLayer, tmp_path: Path) -> None:
    """To land one of them would be a guess."""
    (summary,) = land_all(connector(ci_map={"i-1": "web", "i-2": "web"}), tmp_path, Window(DAY, DAY))
    assert (summary.rows_received, summary.rows_landed) == (120, 0)
    assert {row["fix"] for row in quarantined_rows(tmp_path, "aws", "metric_samples")} == {
        "give each of them an item of its own in ci_map"
    }


# --- statistics ---


def test_sums_are_landed_as_rates(cloud: AwsLayer) -> None:
    """A sum grows with its period; a rate of 60 s and one of 3600 s can be compared."""
    fine = read(metric="requests", stat="Sum", unit="{request}/s")
    assert values(fine)["i-1"] == [n / 60 for n in range(60)]
    coarse = read(metric="requests", stat="Sum", unit="{request}/s", period_seconds=3600)
    assert values(coarse)["i-1"] == [sum(range(60)) / 3600]


def test_percentiles_are_asked_for_and_never_made_of_others(cloud: AwsLayer) -> None:
    """They go to CloudWatch as they are, at the period that is landed, under a name that says what they are."""
    batch = read(metric="latency.p99.9", stat="p99.9", period_seconds=3600)
    (_, question) = next(call for call in of(cloud).calls if call[0] == "GetMetricData")
    assert {one["MetricStat"]["Stat"] for one in question["MetricDataQueries"]} == {"p99.9"}
    assert batch.frame.num_rows == 2


# --- periods ---


@pytest.mark.parametrize(
    ("age_days", "period", "asked"),
    [(2, 60, 60), (14, 60, 60), (15, 60, 300), (16, 600, 600), (62, 60, 300), (63, 60, 3600), (64, 7200, 7200),
     (64, 5400, 10800), (454, 300, 3600)],
)  # fmt: skip
def test_the_finest_period_that_is_kept_is_asked(
    cloud: AwsLayer, age_days: int, period: int, asked: int
) -> None:
    """Asked more finely, CloudWatch answers nothing at all, and calls it complete."""
    now = START + timedelta(days=age_days)
    of(cloud).now = now
    batch = read(now, period_seconds=period)
    assert batch.declaration.interval_seconds == asked
    assert batch.frame.num_rows == 2 * max(1, 3600 // asked)
    assert any("keeps nothing finer" in text for text in batch.warnings) == (asked != period)


def test_days_that_are_no_longer_kept_are_left_out_and_told(cloud: AwsLayer) -> None:
    now = START + timedelta(days=456, hours=2)
    of(cloud).now = now
    found = list(
        connector(now).batches("metric_samples", Window(DAY, DAY + timedelta(days=2)), lambda *_: False)
    )
    assert [item.batch_id for item in found] == ["system.cpu.utilization/2026-07-02"]
    assert isinstance(found[0], Batch)
    assert "days up to 2026-07-01 were not asked for" in found[0].warnings[0]


def test_what_landed_finely_is_not_replaced_by_what_is_left_of_it(cloud: AwsLayer, tmp_path: Path) -> None:
    """Reading an old day again months later must not make 60 values of 1,440."""
    window = Window(DAY, DAY)
    land_all(connector(), tmp_path, window)
    later = START + timedelta(days=100)
    of(cloud).now = later
    (again,) = land_all(connector(later), tmp_path, window, hour=7)
    assert again.batches_written == 0
    assert len(landed_rows(tmp_path, "aws", "metric_samples")) == 120
    # What never landed comes as coarse as it is.
    (first,) = land_all(connector(later), tmp_path / "other", window)
    assert first.rows_landed == 2


# --- faults ---

PASSING = {
    "throttled": refusal("ThrottlingException"),
    "limit": refusal("LimitExceededException"),
    "told to wait": refusal("ThrottlingException", 429, **{"Retry-After": "3"}),
    "500": refusal("InternalServiceFault", 500),
    "502": Answer(502, {"Content-Type": "text/html"}, b"<html>bad gateway</html>"),
    "503": refusal("ServiceUnavailable", 503),
    "cut": Answer(200, dict(JSON), b'{"MetricDataResults": [], "Metrics": []}', cut=9),
    "truncated": Answer(200, dict(JSON), b'{"MetricDataResults": [{"Id": "q0", '),
}


@pytest.mark.parametrize("fault", PASSING)
def test_a_fault_on_the_way_costs_no_point(cloud: AwsLayer, fault: str) -> None:
    """On the listing, the first page and a later one."""
    of(cloud).page_points = 50
    of(cloud).script = [PASSING[fault], None, PASSING[fault], PASSING[fault], None, PASSING[fault]]
    source = connector()
    (batch,) = source.batches("metric_samples", Window(DAY, DAY), lambda *_: False)
    assert isinstance(batch, Batch)
    assert values(batch) == WHOLE
    assert (source.traffic.retries, source.traffic.rows) == (4, 120)


@given(
    faults=st.dictionaries(st.integers(0, 12), st.sampled_from(sorted(PASSING)), max_size=8),
    incomplete=st.dictionaries(st.sampled_from(["i-1", "i-2"]), st.integers(1, 3)),
    page_points=st.integers(30, 130),
)
@settings(max_examples=6)
def test_any_mix_of_faults_costs_no_point(
    rules: CloudWatchRules,
    moto_port: int,
    faults: dict[int, str],
    incomplete: dict[str, int],
    page_points: int,
) -> None:
    """Faults, pages and series that are not complete at first; run again after an error, all points come, once."""
    with pytest.MonkeyPatch.context() as patch, aws_layer(moto_port) as layer:
        environment(patch, layer.url)
        script = [PASSING[faults[n]] if n in faults else None for n in range(13)]
        layer.rule = CloudWatchRules(
            rules.now, page_points=page_points, incomplete=dict(incomplete), script=script
        )
        for _ in range(6):
            try:
                batch = read()
            except SourceError as error:
                assert error.fix
                continue
            assert values(batch) == WHOLE
            return
        raise AssertionError("CloudWatch never answered")


IMPOSSIBLE = [
    ("2026-02-30T00:00:00Z", 1.0, "has a value at '2026-02-30T00:00:00Z', which is no time"),
    (1e30, 1.0, "which is no time"),
    (
        (START + timedelta(days=9)).timestamp(),
        1.0,
        "2026-07-09 00:00:00+00:00, a time that was not asked for",
    ),
    (START.timestamp() + 60, "n/a", "has the value 'n/a', which is no number"),
]


def test_impossible_points_are_quarantined_and_the_rest_of_the_answer_lands(
    cloud: AwsLayer, tmp_path: Path
) -> None:
    """With series, stamp, value, reason and fix. The SDK alone gives up a whole answer for one time it cannot read."""
    spoilt = [*IMPOSSIBLE, *((START.timestamp() + 60 * n, 2.0, "") for n in range(2, 5))]
    one = {"StatusCode": "Complete", "Timestamps": [p[0] for p in spoilt], "Values": [p[1] for p in spoilt]}
    other = {"StatusCode": "Complete", "Timestamps": [START.timestamp()], "Values": [7.0]}
    body = json.dumps({"MetricDataResults": [{"Id": "q0", **one}, {"Id": "q1", **other}]}).encode()
    of(cloud).script = [None, Answer(200, dict(JSON), body)]
    (summary,) = land_all(connector(), tmp_path, Window(DAY, DAY))
    assert (summary.rows_landed, summary.rows_quarantined) == (4, 4)
    found = quarantined_rows(tmp_path, "aws", "metric_samples")
    for _, _, reason in IMPOSSIBLE:
        (row,) = [row for row in found if row["reason"].endswith(reason)][:1]
        line = json.loads(json.loads(row["original"])["line"])
        assert (line["labels"]["InstanceId"], "at" in line, "value" in line) == ("i-1", True, True)
        assert row["fix"]


def test_an_answer_to_other_steps_is_an_error(cloud: AwsLayer) -> None:
    """Not one point that went astray: nothing of it may land."""
    stamps = [START.timestamp() + 60 * n + 30 for n in range(3)]
    one = {"Id": "q0", "StatusCode": "Complete", "Timestamps": stamps, "Values": [1.0] * 3}
    of(cloud).script = [None, Answer(200, dict(JSON), json.dumps({"MetricDataResults": [one]}).encode())]
    with pytest.raises(SourceError, match="lie off the asked steps"):
        read()


def test_a_series_that_stays_incomplete_is_an_error(cloud: AwsLayer) -> None:
    """Nothing of the day lands; the next run asks again."""
    of(cloud).incomplete = {"i-2": 99}
    with pytest.raises(SourceError, match="1 series are not complete, among them 'i-2', after 5 tries"):
        read()


@pytest.mark.parametrize(
    ("answer", "problem", "fix"),
    [
        (refusal("AccessDeniedException", 403), "AccessDenied", "grant cloudwatch:ListMetrics"),
        (refusal("ExpiredTokenException", 403), "Expired", "renew the credentials"),
        (refusal("UnrecognizedClientException", 403), "Unrecognized", "renew the credentials"),
        (refusal("RequestExpired", 400), "RequestExpired", "set this machine's clock"),
        (refusal("InvalidSignatureException", 403, "Signature expired: 1 is earlier than 2"), "Signature",
         "set this machine's clock"),
        (Answer(200, {"Content-Type": "text/html"}, b"<html>sign in</html>"), "a page arrived", "check the way"),
        (refusal("InvalidParameterValue", 400), "InvalidParameterValue", "correct the query"),
    ],
)  # fmt: skip
def test_refusals_are_explained_at_once(cloud: AwsLayer, answer: Answer, problem: str, fix: str) -> None:
    of(cloud).script = [answer]
    with pytest.raises(SourceError, match=problem) as caught:
        read()
    assert fix in caught.value.fix
    assert len(of(cloud).calls) == 1


def test_a_forbidden_series_and_an_exceeded_limit_are_errors(cloud: AwsLayer) -> None:
    """Fewer series than asked for must not pass for all of them."""
    of(cloud).forbidden = {"i-2"}
    with pytest.raises(SourceError, match="forbids to read InstanceId 'i-2'"):
        read()
    of(cloud).forbidden = set()
    of(cloud).messages = [{"Code": "MaxMetricsExceeded", "Value": "only the first 100"}]
    with pytest.raises(SourceError, match="left something out"):
        read()
    of(cloud).messages = [{"Code": "Info", "Value": "hello"}]
    assert read().warnings == ("CloudWatch says Info: hello",)


def test_the_same_page_for_ever_is_an_error(cloud: AwsLayer) -> None:
    same = json.dumps({"MetricDataResults": [], "NextToken": "x"}).encode()
    of(cloud).script = [None, *[Answer(200, dict(JSON), same)] * 9]
    with pytest.raises(SourceError, match="the same page again"):
        read()


def test_a_source_that_never_answers_is_given_up(cloud: AwsLayer) -> None:
    of(cloud).script = [PASSING["503"]] * 99
    with pytest.raises(SourceError, match="no answer to ListMetrics after 5 tries"):
        read()


def test_no_credentials_are_explained(cloud: AwsLayer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name)
    with pytest.raises(SourceError, match="no access to AWS"):
        read()
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    with pytest.raises(SourceError, match=r"no access to AWS .*region"):
        read()


def test_secrets_show_nowhere(cloud: AwsLayer, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Not in receipts, logs or errors, even when AWS repeats them."""
    caplog.set_level(logging.INFO)
    land_all(connector(), tmp_path, Window(DAY, DAY))
    of(cloud).script = [refusal("Odd", 400, f"{SECRET} {SESSION}")]
    with pytest.raises(SourceError) as caught:
        read()
    assert files_that_show(tmp_path, [SECRET, SESSION]) == []
    told = caplog.text + repr(caught.value) + str(caught.value.__context__)
    assert SECRET not in told
    assert SESSION not in told


def test_the_same_day_again_is_the_same_batch(cloud: AwsLayer, tmp_path: Path) -> None:
    """Whatever the pages."""
    land_all(connector(), tmp_path, Window(DAY, DAY))
    of(cloud).page_points = 7
    (again,) = land_all(connector(), tmp_path, Window(DAY, DAY), hour=7)
    assert (again.batches_written, again.rows_landed) == (0, 120)


def test_a_recording_is_played_by_the_clock_of_its_day(cloud: AwsLayer, tmp_path: Path) -> None:
    """Months later a day would be asked for by a coarser period, of which the recording holds no answer."""
    recorded, played = connector(), connector(START + timedelta(days=100))
    recorded.link.tape = Tape.new(tmp_path, "aws")
    (first,) = recorded.batches("metric_samples", Window(DAY, DAY), lambda *_: False)
    played.link.tape = Tape.of(tmp_path, "aws")
    (again,) = played.batches("metric_samples", Window(DAY, DAY), lambda *_: False)
    assert isinstance(first, Batch)
    assert isinstance(again, Batch)
    assert values(again) == values(first) == WHOLE


# --- configuration ---


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"stat": "Median"}, "no statistic that is read"),
        ({"stat": "p101"}, "no statistic that is read"),
        ({"stat": "Sum"}, "landed as a rate a second"),
        ({"stat": "p95"}, "fix: call it system.cpu.utilization.p95"),
        ({"period_seconds": 90}, "not minutes that divide a day"),
        ({"period_seconds": 30}, "greater than or equal to 60"),
        ({"dimensions": {"InstanceId": "i-1"}}, "is the ci_dimension"),
        ({"unit": "Percent"}, "is not a UCUM unit"),
    ],
)
def test_mistakes_in_the_configuration_are_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        CloudWatchQuery.model_validate({**CPU, **changes})
    assert message in caught.value.errors()[0]["msg"]
