"""Memory and time of a million rows through a source that answers in pages: `python -m benchmarks.pages`.

A server in a process of its own gives change requests; another one asks, spools, checks and lands them. Its peak
resident memory is the figure that must stay under 512 MiB.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import tempfile
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from assets.connectors.base import Window
from assets.connectors.servicenow import ServiceNowConnector, ServiceNowSource
from assets.landing.contracts import contract
from assets.landing.land import land
from assets.landing.store import Store
from benchmarks import measuring
from benchmarks.measuring import Handler, by_name, measured, own_time, port_of, run_child

START = datetime(2026, 1, 1, tzinfo=UTC)
LIMIT_MIB = 512


def serve(pipe: Connection, rows: int, days: int) -> None:
    """A table of `rows` changes over `days`, in the order of their number."""
    step = days * 86_400 / rows

    def row(number: int) -> dict[str, Any]:
        moment = (START + timedelta(seconds=int(number * step))).strftime("%Y-%m-%d %H:%M:%S")
        return {
            "sys_id": f"{number:032x}",
            "sys_updated_on": moment,
            "number": f"CHG{number:09d}",
            "type": "normal",
            "state": "3",
            "short_description": f"Patch of host {number % 5000}: update and restart",
            "business_service": f"{number % 40:032x}",
            "cmdb_ci": f"{number % 5000:032x}",
            "opened_at": moment,
            "start_date": moment,
            "end_date": moment,
            "work_start": moment,
            "work_end": moment,
            "close_code": "successful",
        }

    class Answering(Handler):
        def do_GET(self) -> None:
            params = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
            after = re.search(r"sys_id>([0-9a-f]{32})", params["sysparm_query"])
            first = int(after[1], 16) + 1 if after else 0
            last = min(first + int(params["sysparm_limit"]), rows)
            body = json.dumps({"result": [row(number) for number in range(first, last)]}).encode()
            more = {"Link": '<next>;rel="next"'} if last < rows else {}
            self.give(body, X_Total_Count=str(rows - first), **more)

    measuring.serve(pipe, Answering)


def landed(port: int, rows: int, days: int) -> None:
    """Asked, spooled, checked and written."""
    os.environ["BENCH_TOKEN"] = "none"  # noqa: S105 (the server asks for none)
    source = ServiceNowSource.model_validate(
        {
            "type": "servicenow",
            "name": "desk",
            "url": f"http://127.0.0.1:{port}",
            "token_env": "BENCH_TOKEN",
            "page_rows": 10_000,
            "lookback_days": 0,
            "census_every_days": None,
            "tables": {"changes": {}},
        }
    )
    with own_time(), tempfile.TemporaryDirectory(prefix="ullage-pages-") as folder:
        connector = ServiceNowConnector(source, spool=Path(folder) / "spool")
        window = Window(START.date(), (START + timedelta(days=days - 1)).date())
        summary = land(
            connector.batches("changes", window, lambda *_: False),
            contract("changes"),
            Store(Path(folder)),
            source="desk",
            plan=None,
            extracted_at=START + timedelta(days=days),
            code_version="bench",
            config_hash="bench",
            max_quarantined_ratio=0.0,
        )
    assert summary.rows_landed == rows, summary


CHILDREN = by_name(landed)


def main() -> None:
    """Land the rows and print what it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--days", type=int, default=365)
    chosen = parser.parse_args()
    port = port_of(serve, chosen.rows, chosen.days)
    run = measured(landed, port, chosen.rows, chosen.days, module="benchmarks.pages")
    print(f"{'rows':>10} {'CPU s':>8} {'peak MiB':>9} {'limit':>6}")
    print(f"{chosen.rows:>10,} {run['cpu']:>8.1f} {run['gib'] * 1024:>9.0f} {LIMIT_MIB:>6}")


if __name__ == "__main__" and not run_child(CHILDREN):
    main()
