"""Ten million samples through the Prometheus connector: `python -m benchmarks.prometheus`.

A server in a process of its own answers from points that it rendered before. Beside the connector, in the same run:
asking the connector's own questions again and parsing the same answers with the fastest maintained parser (orjson),
and nothing else. Every figure comes from a process of its own, without the start of Python in its time.
"""

from __future__ import annotations

import json
import tempfile
from argparse import ArgumentParser
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from urllib.parse import parse_qs

import httpx
import numpy as np
import orjson

from assets.connectors.base import Window
from assets.connectors.prometheus import API, PrometheusConnector, PrometheusSource
from assets.landing.contracts import contract
from assets.landing.land import land
from assets.landing.store import Store
from benchmarks import measuring
from benchmarks.measuring import Handler, by_name, measured, own_time, port_of, quickest, run_child

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

    class Answering(Handler):
        def do_POST(self) -> None:
            text = self.asked().decode()
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

    measuring.serve(pipe, Answering)


def parsed(port: int, series: int, days: int) -> None:
    """Download and parse the answers to the questions that the connector asked, nothing else."""
    count = 0
    with own_time(), httpx.Client(timeout=60) as client:
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
    with own_time(), tempfile.TemporaryDirectory(prefix="ullage-prometheus-") as folder:
        for batch in connector(port, Path(folder)).batches("metric_samples", window(days), lambda *_: False):
            rows += batch.frame.num_rows  # type: ignore[union-attr]
    assert rows == series * STEPS_A_DAY * days


def landed(port: int, series: int, days: int) -> None:
    """Extracted, cast, checked and written."""
    with own_time(), tempfile.TemporaryDirectory(prefix="ullage-prometheus-") as folder:
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


CHILDREN = by_name(parsed, extracted, landed)


def main() -> None:
    """Serve, measure, compare."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--series", type=int, default=1000)
    parser.add_argument("--days", type=int, default=7)
    chosen = parser.parse_args()
    port = port_of(serve, chosen.series, chosen.days)
    samples = chosen.series * STEPS_A_DAY * chosen.days
    found = {}
    print("| work | clock | CPU | peak memory |\n|---|---|---|---|")
    # The connector comes first: its questions are those that are asked again.
    for name, words in (("extracted", "extract"), ("parsed", "download, parse"), ("landed", "extract, land")):
        runs = (
            measured(CHILDREN[name], port, chosen.series, chosen.days, module="benchmarks.prometheus")
            for _ in range(TIMES)
        )
        run = found[name] = quickest(runs)
        print(
            f"| {words} {samples / 1e6:.1f} million samples | {run['seconds']:.1f} s | {run['cpu']:.1f} s "
            f"| {run['gib'] * 1024:.0f} MiB |"
        )
    clock, cpu = (found["extracted"][unit] / found["parsed"][unit] for unit in ("seconds", "cpu"))
    print("\n| figure | by the clock | by CPU time | target |\n|---|---|---|---|")
    print(f"| extract ÷ download and parse | {clock:.2f} | {cpu:.2f} | ≤ {LIMIT_RATIO} |")
    print(f"| peak memory, landing included, MiB | {found['landed']['gib'] * 1024:.0f} | | ≤ {LIMIT_MIB} |")


if __name__ == "__main__" and not run_child(CHILDREN):
    main()
