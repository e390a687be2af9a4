"""Memory and time of a day's samples through the Zabbix connector: `python -m benchmarks.zabbix`.

A server in a process of its own answers `history.get` for items of one metric, a value a minute. What downloading and
parsing such answers alone, extracting and landing take is measured side by side, each in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import httpx

from assets.connectors.base import Batch, Window
from assets.connectors.zabbix import ZabbixConnector, ZabbixSource
from assets.landing.contracts import contract
from assets.landing.land import land
from assets.landing.store import Store
from benchmarks import measuring
from benchmarks.measuring import Handler, by_name, measured, own_time, port_of, run_child

LIMIT_MIB = 512
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
                # No two values and no two moments alike: nothing can be kept once.
                mixed = (clock * 2654435761 + number * 40503) % 10**9
                value = f"{mixed % 10**6 / 10**4:.4f}"
                rows.append({"itemid": str(number), "clock": str(clock), "ns": str(mixed), "value": value})
            if len(rows) >= limit:
                break
        return rows

    def trends(params: dict[str, Any]) -> list[dict[str, str]]:
        """Of every hour, as the server keeps them beside history."""
        first = -(-params["time_from"] // 3600) * 3600
        return [
            {"itemid": str(number), "clock": str(clock), "num": "60", "value_avg": "50.1"}
            for clock in range(first, params["time_till"] + 1, 3600)
            for number in range(1, items + 1)
        ]

    class Answering(Handler):
        def do_POST(self) -> None:
            asked = json.loads(self.asked())
            result: Any = {
                "apiinfo.version": lambda _params: "7.4.0",
                "item.get": lambda _params: [found(number) for number in range(1, items + 1)],
                "trend.get": trends,
                "history.get": history,
            }[asked["method"]](asked["params"])
            self.give(json.dumps({"jsonrpc": "2.0", "result": result, "id": asked["id"]}).encode())

    measuring.serve(pipe, Answering)


def alone(port: int, items: int, days: int) -> None:
    """Download and parse the same values, ten thousand at a time."""
    span = max(1, 10_000 // items) * 60
    with own_time(), httpx.Client(trust_env=False) as client:
        for first in range(FIRST, FIRST + days * 86_400, span):
            params = {"history": 0, "time_from": first, "time_till": first + span - 1}
            body = {"jsonrpc": "2.0", "method": "history.get", "params": params, "id": 1}
            client.post(f"http://127.0.0.1:{port}/api_jsonrpc.php", json=body).json()


def connector(port: int, folder: Path) -> ZabbixConnector:
    """The connector of one query, which keeps its answers in `folder` as a run does."""
    os.environ["BENCH_TOKEN"] = "none"  # noqa: S105 (the server asks for none)
    given = {"type": "zabbix", "name": "zabbix", "token_env": "BENCH_TOKEN", "lookback_days": 0}
    queries = [{"metric": "cpu", "item_key": "cpu"}]
    url = f"http://127.0.0.1:{port}"
    source = ZabbixSource.model_validate({**given, "url": url, "queries": queries})
    return ZabbixConnector(source, spool=folder / "spool")


def window(days: int) -> Window:
    """The days that are served."""
    return Window(START.date(), (START + timedelta(days=days - 1)).date())


def extracted(port: int, items: int, days: int) -> None:
    """The connector's batches, ready to land."""
    rows = 0
    with own_time(), tempfile.TemporaryDirectory(prefix="ullage-zabbix-") as folder:
        for batch in connector(port, Path(folder)).batches("metric_samples", window(days), lambda *_: False):
            assert isinstance(batch, Batch)
            rows += len(batch.frame)
            batch.landed()
    assert rows == items * 1440 * days, rows


def landed(port: int, items: int, days: int) -> None:
    """Extracted, cast, checked and written."""
    with own_time(), tempfile.TemporaryDirectory(prefix="ullage-zabbix-") as folder:
        summary = land(
            connector(port, Path(folder)).batches("metric_samples", window(days), lambda *_: False),
            contract("metric_samples"),
            Store(Path(folder)),
            source="zabbix",
            plan=None,
            extracted_at=START + timedelta(days=days),
            code_version="bench",
            config_hash="bench",
            max_quarantined_ratio=0.0,
        )
    assert summary.rows_landed == items * 1440 * days, summary


CHILDREN = by_name(alone, extracted, landed)


def main() -> None:
    """Print what downloading, extracting and landing took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=500)
    parser.add_argument("--days", type=int, default=2)
    chosen = parser.parse_args()
    port = port_of(serve, chosen.items)
    print(f"{chosen.items * 1440 * chosen.days:,} samples of {chosen.items} items, {chosen.days} days")
    print(f"{'work':<34} {'CPU s':>7} {'peak MiB':>9} {'limit':>6}")
    for words, child in (
        ("download and parse alone", alone),
        ("extract", extracted),
        ("extract and land", landed),
    ):
        run = measured(child, port, chosen.items, chosen.days, module="benchmarks.zabbix")
        print(f"{words:<34} {run['cpu']:>7.1f} {run['gib'] * 1024:>9.0f} {LIMIT_MIB:>6}")


if __name__ == "__main__" and not run_child(CHILDREN):
    main()
