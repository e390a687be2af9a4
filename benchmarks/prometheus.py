"""Ten million samples through the Prometheus connector: `python -m benchmarks.prometheus`.

A server in a process of its own answers from points that it rendered before. Beside the connector, in the same run:
asking the connector's own questions again and parsing the same answers with the fastest maintained parser (orjson),
and nothing else. Every figure comes from a process of its own; landing is measured for its memory, the processes that
it starts included.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import resource
import sys
import tempfile
import time
from argparse import ArgumentParser
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import httpx
import numpy as np
import orjson

from assets.connectors.base import Window
from assets.connectors.prometheus import API, PrometheusConnector, PrometheusSource
from assets.landing.contracts import contract
from assets.landing.land import land
from assets.landing.store import Store

START = datetime(2026, 6, 1, tzinfo=UTC)
STEP = 60
STEPS_A_DAY = 86_400 // STEP
LIMIT_MIB = 512
LIMIT_RATIO = 1.5
TIMES = 3


def points(day: int, series: int) -> bytes:
    """One day as Prometheus writes it, series by series, each point of `POINT_BYTES`: stamp and value as text."""
    stamps = [
        f"{START.timestamp() + day * 86_400 + (step + 1) * STEP - 0.001:.3f}" for step in range(STEPS_A_DAY)
    ]
    values = np.random.default_rng(day).random((series, STEPS_A_DAY)).ravel().tolist()
    return "".join(
        f'[{stamps[number % STEPS_A_DAY]},"{value:.16f}"],' for number, value in enumerate(values)
    ).encode()


POINT_BYTES = len('[1780272059.999,"0.1234567890123456"],')


def matrix(day: bytes, series: int, first: int, last: int) -> bytes:
    """The answer about the steps from `first` to before `last` of a day."""
    size = STEPS_A_DAY * POINT_BYTES
    parts = [
        b'{"metric":{"instance":"host-%05d:9100"},"values":[%b]}'
        % (number, day[number * size + first * POINT_BYTES : number * size + last * POINT_BYTES - 1])
        for number in range(series)
    ]
    return b'{"status":"success","data":{"resultType":"matrix","result":[' + b",".join(parts) + b"]}}"


def serve(pipe: Connection, series: int, days: int) -> None:
    """A server of `days`. A GET tells the questions that came, each once."""
    known = [points(day, series) for day in range(days)]
    asked: dict[str, None] = {}

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            text = self.rfile.read(int(self.headers["Content-Length"])).decode()
            asked[text] = None
            form = parse_qs(text)
            first, last = (
                round((float(form[name][0]) + 0.001 - START.timestamp()) / STEP) for name in ("start", "end")
            )
            day = (first - 1) // STEPS_A_DAY
            begin = day * STEPS_A_DAY
            self.give(matrix(known[day], series, first - 1 - begin, last - begin))

        def do_GET(self) -> None:
            self.give(json.dumps(list(asked)).encode())

        def give(self, body: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    pipe.send(server.server_address[1])
    server.serve_forever()


def parsed(port: int, series: int, days: int) -> None:
    """Download and parse the answers to the questions that the connector asked, nothing else."""
    count = 0
    with httpx.Client(timeout=60) as client:
        for form in client.get(f"http://127.0.0.1:{port}/").json():
            headers = {"Content-Type": "application/x-www-form-urlencoded"}
            answer = client.post(f"http://127.0.0.1:{port}{API}", content=form, headers=headers)
            result = orjson.loads(answer.content)["data"]["result"]
            count += len(result) * len(result[0]["values"])
    assert count == series * STEPS_A_DAY * days


def connector(port: int, folder: Path) -> PrometheusConnector:
    """The connector of one query, which keeps its answers in `folder` as a run does."""
    query = {"metric": "system.cpu.utilization", "query": "cpu", "unit": "1", "kind": "gauge"}
    return PrometheusConnector(
        PrometheusSource.model_validate(
            {
                "type": "prometheus",
                "name": "monitoring",
                "url": f"http://127.0.0.1:{port}",
                "step_seconds": STEP,
                "queries": [{**query, "ci_label": "instance"}],
            }
        ),
        spool=folder / "spool",
    )


def window(days: int) -> Window:
    """The days that are served."""
    return Window(START.date(), (START + timedelta(days=days - 1)).date())


def extracted(port: int, series: int, days: int) -> None:
    """The connector's batches, ready to land."""
    rows = 0
    with tempfile.TemporaryDirectory(prefix="ullage-prometheus-") as folder:
        for batch in connector(port, Path(folder)).batches("metric_samples", window(days), lambda *_: False):
            rows += batch.frame.num_rows  # type: ignore[union-attr]
    assert rows == series * STEPS_A_DAY * days


def landed(port: int, series: int, days: int) -> None:
    """Extracted, cast, checked and written."""
    with tempfile.TemporaryDirectory(prefix="ullage-prometheus-") as folder:
        summary = land(
            connector(port, Path(folder)).batches("metric_samples", window(days), lambda *_: False),
            contract("metric_samples"),
            Store(Path(folder)),
            source="monitoring",
            plan=None,
            extracted_at=START + timedelta(days=days + 1),
            code_version="bench",
            config_hash="bench",
            max_quarantined_ratio=0.0,
        )
    assert summary.rows_landed == series * STEPS_A_DAY * days, summary


CHILDREN: dict[str, Callable[[int, int, int], None]] = {
    child.__name__: child for child in (parsed, extracted, landed)
}


def measured(name: str, port: int, series: int, days: int) -> tuple[float, float, float]:
    """Seconds by the clock and of CPU without the start of Python, and peak MiB, of one child and what it starts."""
    command = [sys.executable, "-m", "benchmarks.prometheus", name, json.dumps([port, series, days])]
    read, write = os.pipe()
    child = os.posix_spawn(command[0], command, os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, write, 1)])
    os.close(write)
    with os.fdopen(read) as lines:
        seconds, cpu, below = map(float, lines.read().split())
    _, status, usage = os.wait4(child, 0)
    if os.waitstatus_to_exitcode(status):
        raise SystemExit(f"{name} failed")
    return seconds, cpu, usage.ru_maxrss / 1024 + below


def child(name: str, arguments: str) -> None:
    """One measured piece of work; says what it took."""
    clock, cpu = time.perf_counter(), time.process_time()
    CHILDREN[name](*json.loads(arguments))
    # Should it ever start processes: the largest of them at its peak, together with our own.
    below = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(time.perf_counter() - clock, time.process_time() - cpu, below)


def main() -> None:
    """Serve, measure, compare."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--series", type=int, default=1000)
    parser.add_argument("--days", type=int, default=7)
    chosen = parser.parse_args()
    ours, theirs = multiprocessing.Pipe()
    spawn = multiprocessing.get_context("spawn")
    spawn.Process(target=serve, args=(theirs, chosen.series, chosen.days), daemon=True).start()
    port = ours.recv()
    samples = chosen.series * STEPS_A_DAY * chosen.days
    found = {}
    print("| work | clock | CPU | peak memory |\n|---|---|---|---|")
    # The connector comes first: its questions are those that are asked again.
    for name, words in (("extracted", "extract"), ("parsed", "download, parse"), ("landed", "extract, land")):
        # The quickest of several: the machine is never wholly quiet.
        runs = [measured(name, port, chosen.series, chosen.days) for _ in range(TIMES)]
        seconds, cpu, mib = found[name] = min(runs)
        print(
            f"| {words} {samples / 1e6:.1f} million samples | {seconds:.1f} s | {cpu:.1f} s | {mib:.0f} MiB |"
        )
    clock, cpu = (found["extracted"][unit] / found["parsed"][unit] for unit in (0, 1))
    print("\n| figure | by the clock | by CPU time | target |\n|---|---|---|---|")
    print(f"| extract ÷ download and parse | {clock:.2f} | {cpu:.2f} | ≤ {LIMIT_RATIO} |")
    print(f"| peak memory, landing included, MiB | {found['landed'][2]:.0f} | | ≤ {LIMIT_MIB} |")


if __name__ == "__main__":
    if len(sys.argv) > 2 and sys.argv[1] in CHILDREN:
        child(*sys.argv[1:])
    else:
        main()
