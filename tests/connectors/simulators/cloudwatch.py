"""What CloudWatch does and moto does not: pages, limits, kept periods, percentiles. A layer in front of moto.

Each rule cites the API reference, https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.connectors.aws import Answer, Request

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
