"""Memory and time of a day's samples through the Zabbix connector: `python -m benchmarks.zabbix`.

A server in a process of its own answers `history.get` for items of one metric, a value a minute; this process asks,
spools and lands them. The same answers are downloaded and parsed alone, beside it in the same run.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import resource
import tempfile
import time
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import httpx

from assets.connectors.base import Batch, Window
from assets.connectors.zabbix import ZabbixConnector, ZabbixSource
from assets.landing.contracts import contract
from assets.landing.land import land
from assets.landing.store import Store

START = datetime(2026, 1, 1, tzinfo=UTC)
FIRST = int(START.timestamp())


def serve(pipe: Connection, items: int) -> None:
    """`items` floats on as many hosts, all measured at the same second of each minute."""

    def found(number: int) -> dict[str, Any]:
        raw = {
            "itemid": str(number),
            "hostid": str(number),
            "key_": "cpu",
            "value_type": "0",
            "units": "%",
            "delay": "1m",
        }
        host = {"host": f"host-{number:05d}", "name": "", "status": "0"}
        return {**raw, "status": "0", "state": "0", "master_itemid": "0", "hosts": [host]}

    def history(params: dict[str, Any]) -> list[dict[str, str]]:
        rows: list[dict[str, str]] = []
        limit = params.get("limit", 10**9)
        for clock in range(-(-params["time_from"] // 60) * 60, params["time_till"] + 1, 60):
            for number in range(1, min(items, limit - len(rows)) + 1):
                value = f"{(clock + number) % 97}.25"
                rows.append({"itemid": str(number), "clock": str(clock), "ns": "123456789", "value": value})
            if len(rows) >= limit:
                break
        return rows

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
            result: Any = {
                "apiinfo.version": lambda _params: "7.4.0",
                "item.get": lambda _params: [found(number) for number in range(1, items + 1)],
                "trend.get": lambda _params: [],
                "history.get": history,
            }[asked["method"]](asked["params"])
            body = json.dumps({"jsonrpc": "2.0", "result": result, "id": asked["id"]}).encode()
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


def alone(url: str, days: int, items: int) -> None:
    """Download and parse the same values, ten thousand at a time."""
    span = max(1, 10_000 // items) * 60
    with httpx.Client(trust_env=False) as client:
        for first in range(FIRST, FIRST + days * 86_400, span):
            params = {"history": 0, "time_from": first, "time_till": first + span - 1}
            body = {"jsonrpc": "2.0", "method": "history.get", "params": params, "id": 1}
            client.post(f"{url}/api_jsonrpc.php", json=body).json()


def peak_mib() -> float:
    """Highest resident memory of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Print what downloading, extracting and landing took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=500)
    parser.add_argument("--days", type=int, default=2)
    chosen = parser.parse_args()
    ours, theirs = multiprocessing.Pipe()
    spawn = multiprocessing.get_context("spawn")
    spawn.Process(target=serve, args=(theirs, chosen.items), daemon=True).start()
    url = f"http://127.0.0.1:{ours.recv()}"
    os.environ["BENCH_TOKEN"] = "none"  # noqa: S105 (the server asks for none)
    given = {"type": "zabbix", "name": "zabbix", "url": url, "token_env": "BENCH_TOKEN", "lookback_days": 0}
    source = ZabbixSource.model_validate({**given, "queries": [{"metric": "cpu", "item_key": "cpu"}]})
    window = Window(START.date(), (START + timedelta(days=chosen.days - 1)).date())
    samples = chosen.items * 1440 * chosen.days
    print(f"{samples:,} samples of {chosen.items} items, {chosen.days} days")
    print(f"{'work':<34} {'CPU s':>7} {'peak MiB':>9}")

    def report(work: str, began: float) -> None:
        print(f"{work:<34} {time.process_time() - began:>7.1f} {peak_mib():>9.0f}")

    began = time.process_time()
    alone(url, chosen.days, chosen.items)
    report("download and parse alone", began)
    with tempfile.TemporaryDirectory(prefix="ullage-zabbix-") as folder:
        began = time.process_time()
        came = 0
        for batch in ZabbixConnector(source, spool=Path(folder) / "spool").batches(
            "metric_samples", window, lambda *_: False
        ):
            assert isinstance(batch, Batch)
            came += len(batch.frame)
            batch.landed()
        assert came == samples, came
        report("extract", began)
        began = time.process_time()
        connector = ZabbixConnector(source, spool=Path(folder) / "spool")
        summary = land(
            connector.batches("metric_samples", window, lambda *_: False),
            contract("metric_samples"),
            Store(Path(folder)),
            source="zabbix",
            plan=None,
            extracted_at=START + timedelta(days=chosen.days),
            code_version="bench",
            config_hash="bench",
            max_quarantined_ratio=0.0,
        )
        report("extract and land", began)
    assert summary.rows_landed == samples, summary
    print(connector.traffic.line())


if __name__ == "__main__":
    main()
