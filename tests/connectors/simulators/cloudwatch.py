"""What CloudWatch does and moto does not: pages, limits, kept periods, percentiles. A layer in front of moto; and a
simulator of its pages alone, on which the common guarantees are tried.

Each rule cites the API reference, https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.connectors.aws import Answer, Request
from tests.connectors.simulators.faults import Question, Reply, Simulator

JSON = {"Content-Type": "application/x-amz-json-1.0"}
#: API_GetMetricData: "retrieve as many as 500 different metrics in a single request, with a total of as many as 100,800
#: data points".
MAX_QUERIES = 500
MAX_POINTS = 100_800


def refusal(code: str, status: int = 400, message: str = "no", **headers: str) -> Answer:
    """An error as the JSON protocol of AWS gives it."""
    body = json.dumps({"__type": code, "message": message}).encode()
    return Answer(status, {**JSON, **headers}, body)


@dataclass
class CloudWatchRules:
    """A rule of `AwsLayer`. `now` is the service's clock; `script` answers come before everything else."""

    now: datetime
    page_points: int = MAX_POINTS
    page_metrics: int = 500
    is_empty: bool = False
    unlisted: set[str] = field(default_factory=set)
    forbidden: set[str] = field(default_factory=set)
    incomplete: dict[str, int] = field(default_factory=dict)
    messages: list[dict[str, str]] = field(default_factory=list)
    script: list[Answer | None] = field(default_factory=list)
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def __call__(self, request: Request, pass_on: Callable[[Request], Answer]) -> Answer:
        """Answer one request."""
        action = request.headers.get("X-Amz-Target", "").rpartition(".")[2]
        question = json.loads(request.body or b"{}")
        self.calls.append((action, question))
        fault = self.script.pop(0) if self.script else None
        if fault is not None:
            return fault
        if action == "GetMetricData":
            return self._metric_data(request, question, pass_on)
        if action == "ListMetrics":
            return self._list_metrics(request, question, pass_on)
        return pass_on(request)

    def _list_metrics(
        self, request: Request, question: dict[str, Any], pass_on: Callable[[Request], Answer]
    ) -> Answer:
        # API_ListMetrics: "Up to 500 results are returned for any one call. To retrieve additional results, use the
        # returned token"; it "doesn't return information about metrics if those metrics haven't reported data in the
        # past two weeks".
        start = int(question.pop("NextToken", "0"))
        found = json.loads(pass_on(replace(request, body=json.dumps(question).encode())).body)
        # moto lists a metric once for each of its points.
        metrics = [
            json.loads(text)
            for text in sorted({json.dumps(one, sort_keys=True) for one in found["Metrics"]})
            if not self.unlisted & {part["Value"] for part in json.loads(text)["Dimensions"]}
        ]
        end = start + self.page_metrics
        body: dict[str, Any] = {"Metrics": metrics[start:end]}
        if end < len(metrics):
            body["NextToken"] = str(end)
        return Answer(200, dict(JSON), json.dumps(body).encode())

    def _metric_data(
        self, request: Request, question: dict[str, Any], pass_on: Callable[[Request], Answer]
    ) -> Answer:
        queries = question["MetricDataQueries"]
        if len(queries) > MAX_QUERIES:
            return refusal("ValidationError", message="MetricDataQueries must not have more than 500 members")
        if self.is_empty:
            nothing = [
                {"Id": one["Id"], "Timestamps": [], "Values": [], "StatusCode": "Complete"} for one in queries
            ]
            return Answer(200, dict(JSON), json.dumps({"MetricDataResults": nothing}).encode())
        start = datetime.fromtimestamp(question["StartTime"], UTC)
        token = question.pop("NextToken", None)
        offset = 0
        if token is not None:
            number, _, mark = token.partition(":")
            if mark != "token":
                return refusal("InvalidNextToken")
            offset = int(number)
        # moto knows no percentiles: of one value a period they are that value, as the average is.
        plain = json.loads(json.dumps(question))
        for query in plain["MetricDataQueries"]:
            if query["MetricStat"]["Stat"].startswith("p"):
                query["MetricStat"]["Stat"] = "Average"
        found = json.loads(pass_on(replace(request, body=json.dumps(plain).encode())).body)
        results = found["MetricDataResults"]
        for query, result in zip(queries, results, strict=True):
            if not self._keeps(start, query["MetricStat"]["Period"]):
                result["Timestamps"], result["Values"] = [], []
            pairs = sorted(zip(result["Timestamps"], result["Values"], strict=True))
            result["Timestamps"], result["Values"] = [p[0] for p in pairs], [p[1] for p in pairs]
        # API_GetMetricData, ScanBy and NextToken: points come in pages of at most MaxDatapoints, here of all series
        # one after the other; API_MetricDataResult, StatusCode: PartialData is followed by a NextToken.
        left, skip, page = self.page_points, offset, []
        more = False
        for query, result in zip(queries, results, strict=True):
            pairs = list(zip(result["Timestamps"], result["Values"], strict=True))
            mine = pairs[min(skip, len(pairs)) :][:left]
            skipped = min(skip, len(pairs))
            skip -= skipped
            left -= len(mine)
            is_whole = skipped + len(mine) == len(pairs)
            more = more or not is_whole
            value = next(iter(d["Value"] for d in query["MetricStat"]["Metric"]["Dimensions"]), "")
            page.append(
                {
                    **result,
                    "Timestamps": [pair[0] for pair in mine],
                    "Values": [pair[1] for pair in mine],
                    "StatusCode": self._state(value, is_whole),
                }
            )
        body: dict[str, Any] = {"MetricDataResults": page, "Messages": self.messages}
        if more:
            body["NextToken"] = f"{offset + self.page_points}:token"
        return Answer(200, dict(JSON), json.dumps(body).encode())

    def _keeps(self, start: datetime, period: int) -> bool:
        # API_MetricStat, Period: "If the StartTime parameter specifies a time stamp that is greater than 3 hours ago,
        # you must specify the period as follows or no data points in that time range is returned": 60 s up to
        # 15 days, 300 s up to 63 days, then 3600 s; API_GetMetricData: kept for 455 days.
        age = self.now - start
        if age > timedelta(days=455):
            return False
        kept = 3600 if age > timedelta(days=63) else 300 if age > timedelta(days=15) else 60
        return period % (1 if age <= timedelta(hours=3) else kept) == 0

    def _state(self, value: str, is_whole: bool) -> str:
        # API_MetricDataResult, StatusCode: Complete, PartialData, InternalError ("retry the request using NextToken, if
        # present") or Forbidden.
        if value in self.forbidden:
            return "Forbidden"
        if self.incomplete.get(value, 0) > 0:
            self.incomplete[value] -= 1
            return "InternalError"
        return "Complete" if is_whole else "PartialData"


START = datetime(2026, 3, 28, 8, tzinfo=UTC)
VARIABLE, TOKEN = "AWS_SESSION_TOKEN", "planted-session-1"


class CloudWatch(Simulator):
    """Values of three instances on one day, four a page: the rows on which the guarantees are tried."""

    def __init__(self, rows: int = 0) -> None:
        super().__init__()
        self.token = os.environ.get(VARIABLE, TOKEN)
        self.hosts = ["i-1", "i-2", "i-3"]
        self.points: list[list[Any]] = []
        self.impossible: set[tuple[Any, ...]] = set()
        self.made = 0
        for _ in range(rows):
            self.add()

    def answer(self, question: Question) -> Reply:
        """Errors carry their name as `__type` (AWS JSON protocol)."""
        if question.headers.get("x-amz-security-token") != self.token:
            return Reply({"__type": "ExpiredTokenException", "message": "The token has expired"}, 403)
        if question.headers["x-amz-target"].endswith("ListMetrics"):
            one = {"Namespace": "AWS/EC2", "MetricName": "CPUUtilization"}
            listed = [{**one, "Dimensions": [{"Name": "InstanceId", "Value": host}]} for host in self.hosts]
            return Reply({"Metrics": listed})
        return Reply(self._page(question.body))

    def stale(self, question: Question) -> Reply | None:
        """Questions are signed and posted, so no cache keeps them: a page repeats within its own question."""
        return self.last.get(question.path) if "NextToken" in question.body else None

    def _page(self, body: dict[str, Any]) -> dict[str, Any]:
        # API_GetMetricData, ScanBy: TimestampAscending "returns the oldest data first"; NextToken goes on behind.
        assert body["ScanBy"] == "TimestampAscending"
        hosts = [one["MetricStat"]["Metric"]["Dimensions"][0]["Value"] for one in body["MetricDataQueries"]]
        after = json.loads(body.get("NextToken", "[0]"))
        first, last = body["StartTime"], body["EndTime"]
        asked = sorted(one[:2] for one in self.points if one[1] in hosts and first <= one[0] < last)
        left = [one for one in asked if one > after]
        page, rest = left[:4], left[4:]
        shown = {(at, host): value for at, host, value in self.points if [at, host] in page}
        results = [
            {
                "Id": query["Id"],
                "Timestamps": [
                    "2026-02-30T00:00:00Z" if (at, one) in self.impossible else at
                    for at, one in shown
                    if one == host
                ],
                "Values": [value for (_, one), value in shown.items() if one == host],
                "StatusCode": "PartialData" if any(one[1] == host for one in rest) else "Complete",
            }
            for query, host in zip(body["MetricDataQueries"], hosts, strict=True)
        ]
        return {"MetricDataResults": results, **({"NextToken": json.dumps(page[-1])} if rest else {})}

    # --- what the guarantees ask for ---

    def held(self) -> dict[str, datetime]:
        """Values that are shown, by instance and time."""
        moments = [
            (host, datetime.fromtimestamp(at, UTC)) for at, host, _ in self.points if host in self.hosts
        ]
        return {f"{host} {at.isoformat()}": at for host, at in moments}

    def add(self) -> None:
        """Three instances share each minute. A late value is for the day read again."""
        at = START + timedelta(minutes=self.made // 3)
        self.points.append([int(at.timestamp()), f"i-{1 + self.made % 3}", self.made / 4])
        self.made += 1

    def change(self, position: int) -> None:
        """What happens to a metric is that another value comes."""
        if self.points:
            self.add()

    def remove(self, position: int) -> None:
        """Nobody deletes a value; it ages out."""
        if self.points:
            del self.points[position % len(self.points)]

    def hide(self, count: int) -> None:
        """An instance that is not listed is not asked for."""
        self.hosts.remove("i-1")

    def spoil(self, position: int, fault: str) -> None:
        """In a value, or in the time that a point says."""
        if fault == "impossible date":
            self.impossible.add(tuple(self.points[position % len(self.points)][:2]))
        values = {
            "NUL": "1\x002",
            "1 MiB of text": "x" * 2**20,
            "unknown enum": "unknown",
            "missing field": None,
            "changed type": "42.5",
        }
        point = self.points[position % len(self.points)]
        point[2] = values.get(fault, point[2])

    def expire(self) -> None:
        """Sessions end; whatever gives the credentials gives new ones."""
        self.token = f"planted-session-{int(self.token.rpartition('-')[2]) + 1}"
        os.environ[VARIABLE] = self.token
