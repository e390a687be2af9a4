"""Prometheus' HTTP API as far as `query_range` goes, behind a proxy that wants a token. Each trap says where it is
documented; what PromQL means is tried on a real server (test_prometheus.py).

Samples of three hosts on one day are the rows on which the guarantees are tried.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.connectors.simulators.faults import Question, Reply, Simulator

START = datetime(2026, 3, 28, tzinfo=UTC)
VARIABLE, TOKEN = "PROM_TOKEN", "planted-prom-token-1"
LABEL = "instance"
MINUTES = 1440
#: Minutes at which the answers of a day begin: the connector asks for 10 steps, then for ten times as many.
PAGES = (0, 10, 110, 1110)
#: web/api/v1/api.go, queryRange: "exceeded maximum resolution of 11,000 points per timeseries".
MAX_POINTS = 11_000


@dataclass
class Sample:
    """One value of a host. `time` is the Unix time in milliseconds, `extra` are labels beside the host's. `stamp` is
    said in place of the time."""

    host: str | None
    time: int
    value: Any
    extra: dict[str, str] = field(default_factory=dict)
    stamp: Any = None


class Prometheus(Simulator):
    """One server. With `steady` every asked step has that value, of one pod, whatever is asked."""

    def __init__(self, rows: int = 0, steady: str | None = None) -> None:
        super().__init__()
        self.steady = steady
        self.token = os.environ.get(VARIABLE)
        self.hidden: set[str | None] = set()
        self.samples: list[Sample] = []
        self.added = 0
        for number in range(rows):
            # Three hosts share a moment, and every answer of the day holds a row from the fourth on.
            minute = PAGES[number % 4] + number // 12
            self.sample(f"web{1 + number // 4 % 3}", minute, str(number / 4))

    # --- the product ---

    def answer(self, question: Question) -> Reply:
        """A matrix, or an error with its status (prometheus.io/docs/prometheus/latest/querying/api)."""
        proof = question.headers.get("authorization")
        if self.token is not None and proof != f"Bearer {self.token}":
            return Reply({"error": "token expired"}, 401)
        if not question.path.endswith("/api/v1/query_range"):
            return Reply({"status": "error", "error": "not found"}, 404)
        first, last, step = (round(float(question.form[name]) * 1000) for name in ("start", "end", "step"))
        moments = range(first, last + 1, step)
        if len(moments) > MAX_POINTS:
            return _error("exceeded maximum resolution of 11,000 points per timeseries")
        if self.steady is not None:
            values = [[moment / 1000, self.steady] for moment in moments]
            return Reply(matrix([{"metric": {"pod": "a"}, "values": values}]))
        # A plain selector sees the samples of each step alone: last_over_time(name[step]).
        asked = re.fullmatch(
            rf"(count)?\(?last_over_time\(load\[{step // 1000}s\]\)\)?", question.form["query"]
        )
        assert asked
        found: dict[tuple[tuple[str, str], ...], list[list[Any]]] = {}
        for sample in sorted(self.samples, key=lambda one: one.time):
            # Evaluated at moment t, a range selector sees (t - range, t].
            moment = first + max(0, -(-(sample.time - first) // step)) * step
            if sample.host in self.hidden or not moment - step < sample.time <= moment <= last:
                continue
            labels = {"__name__": "load", **sample.extra, **({LABEL: sample.host} if sample.host else {})}
            # Values are text, as JSON has no NaN ("String values are represented as strings").
            said = moment / 1000 if sample.stamp is None else sample.stamp
            found.setdefault(tuple(sorted(labels.items())), []).append([said, sample.value])
        if asked[1]:
            # An aggregation has a value where it has something to aggregate, and no labels.
            counts = Counter(moment for values in found.values() for moment, _ in values)
            values = [[moment, str(count)] for moment, count in sorted(counts.items())]
            return Reply(matrix([{"metric": {}, "values": values}] if values else []))
        return Reply(matrix([{"metric": dict(labels), "values": found[labels]} for labels in sorted(found)]))

    # --- its data ---

    def sample(self, host: str, minute: int, value: str) -> Sample:
        """A sample in the middle of a minute of the day."""
        at = START + timedelta(minutes=minute, seconds=30)
        self.samples.append(Sample(host, round(at.timestamp() * 1000), value))
        return self.samples[-1]

    # --- what the guarantees ask for ---

    def held(self) -> dict[str, datetime]:
        """Samples that are shown, by host and minute."""
        found = {}
        for number, sample in enumerate(self.samples):
            if sample.host not in self.hidden:
                at = datetime.fromtimestamp(sample.time // 60_000 * 60, UTC)
                found[f"{sample.host or number} {at.isoformat()}"] = at
        return found

    def add(self) -> None:
        """A sample at the end of the day, which is asked for last. A late one is for the day read again."""
        self.added += 1
        self.sample(f"web{1 + self.added % 3}", MINUTES - self.added, str(self.added))

    def change(self, position: int) -> None:
        """A sample is never changed: what happens to a series is that another one comes."""
        if self.samples:
            self.add()

    def remove(self, position: int) -> None:
        """By `delete_series`. One sample of each answer stays: of an empty one nobody can tell what it was asked."""
        if not self.samples:
            return
        sample = self.samples[position % len(self.samples)]
        if sum(_page(one) == _page(sample) for one in self.samples) > 1:
            self.samples.remove(sample)

    def hide(self, count: int) -> None:
        """The proxy no longer shows a host (prom-label-proxy enforces a label)."""
        self.hidden.add("web1")

    def spoil(self, position: int, fault: str) -> None:
        """In a value, or in the time that a point says."""
        sample = self.samples[position % len(self.samples)]
        match fault:
            case "impossible date":
                sample.stamp = "2026-02-30"
            case "NUL":
                sample.value = "1\x002"
            case "1 MiB of text":
                sample.value = "x" * 2**20
            case "unknown enum":
                sample.value = "unknown"
            case "missing field":
                sample.host = None
            case "extra field":
                sample.extra = {"unasked": "yes"}
            case "changed type":
                sample.value = 42.5

    def expire(self) -> None:
        """Tokens end on a day; whoever runs Ullage puts a new one in its place."""
        self.token = f"planted-prom-token-{int((self.token or TOKEN).rpartition('-')[2]) + 1}"
        os.environ[VARIABLE] = self.token


def matrix(result: list[dict[str, Any]]) -> dict[str, Any]:
    """A healthy body."""
    return {"status": "success", "data": {"resultType": "matrix", "result": result}}


def _error(text: str) -> Reply:
    return Reply({"status": "error", "errorType": "bad_data", "error": text}, 400)


def _page(sample: Sample) -> int:
    minute = (sample.time // 1000 - int(START.timestamp())) // 60
    return sum(minute >= first for first in PAGES)
