"""How benchmarks measure: pieces of work in processes of their own, servers beside them, tables of what came out."""

from __future__ import annotations

import json
import multiprocessing
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from orchestration.code_version import ROOT

FOLDER = Path(os.environ.get("ULLAGE_BENCH_FOLDER", ROOT / ".ullage" / "bench"))
OWN_TIME = "own time: "
OWN_PEAK = "own peak of memory: "
Measured = dict[str, Any]


# ------------------------------------------------------------------------------------------------ processes


@contextmanager
def own_time() -> Iterator[None]:
    """Let `measured` count only what is inside: starting Python costs more than a short query does."""
    started, used = time.perf_counter(), _cpu(resource.RUSAGE_SELF)
    yield
    own = {"seconds": time.perf_counter() - started, "cpu": _cpu(resource.RUSAGE_SELF) - used}
    print(OWN_TIME + json.dumps(own))


def _cpu(who: int) -> float:
    usage = resource.getrusage(who)
    return usage.ru_utime + usage.ru_stime


def run_child(children: Mapping[str, Callable[..., None]]) -> bool:
    """Do what `measured` started this process for, if it did."""
    is_child = len(sys.argv) > 2 and sys.argv[1] in children
    if is_child:
        children[sys.argv[1]](*json.loads(sys.argv[2]))
        print(f"{OWN_PEAK}{_peak_kib()}", flush=True)
    return is_child


def _peak_kib() -> int:
    """Of this program alone: what `wait4` tells begins with the peak of the process that started it."""
    status = Path("/proc/self/status").read_text("utf-8")
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM:")).split()[1])


def by_name(*children: Callable[..., None]) -> dict[str, Callable[..., None]]:
    """Pieces of work as `run_child` finds them."""
    return {child.__name__: child for child in children}


def measured(child: Callable[..., None], *arguments: Any, module: str) -> Measured:
    """Run `child` of `module` in a process of its own: `seconds`, `cpu` seconds and `gib` of peak memory."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", module, child.__name__, json.dumps(arguments)]
    log = FOLDER / "last-child.log"
    with log.open("w") as lines:
        started = time.perf_counter()
        process = subprocess.Popen(command, cwd=ROOT, stdout=lines, stderr=lines)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{child.__name__} failed:\n{log.read_text()[-3000:]}")
    said = log.read_text("utf-8").splitlines()
    (peak,) = (int(text.removeprefix(OWN_PEAK)) for text in said if text.startswith(OWN_PEAK))
    own = [text for text in said if text.startswith(OWN_TIME)]
    whole = {"seconds": seconds, "cpu": usage.ru_utime + usage.ru_stime, "gib": peak / 2**20}
    return whole | (json.loads(own[0].removeprefix(OWN_TIME)) if own else {})


def quickest(runs: Iterable[Measured]) -> Measured:
    """The quickest of several runs of the same short work: the machine is never wholly quiet."""
    return min(runs, key=lambda run: run["seconds"])


# ------------------------------------------------------------------------------------------------ servers


class Handler(BaseHTTPRequestHandler):
    """Answers whole bodies of JSON on connections that stay open, and says nothing of it."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def asked(self) -> bytes:
        """The body of the question."""
        return self.rfile.read(int(self.headers["Content-Length"]))

    def give(self, body: bytes, **headers: str) -> None:
        """Send it with status 200; `_` in names of headers stands for `-`."""
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        for name, text in headers.items():
            self.send_header(name.replace("_", "-"), text)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


def serve(pipe: Connection, handler: type[Handler]) -> None:
    """Tell the port, then answer without end."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    pipe.send(server.server_address[1])
    server.serve_forever()


def port_of(server: Callable[..., None], *arguments: Any) -> int:
    """Start `server(pipe, *arguments)` in a process of its own, which ends with this one; gives its port."""
    ours, theirs = multiprocessing.Pipe()
    spawn = multiprocessing.get_context("spawn")
    spawn.Process(target=server, args=(theirs, *arguments), daemon=True).start()
    port: int = ours.recv()
    return port


# ------------------------------------------------------------------------------------------------ tables


# What was measured, and how it compares: rows of the two tables that the benchmark ends with.
MEASURED: list[str] = []
VERDICTS: list[str] = []


def line(what: str, run: Measured) -> None:
    """One measured process."""
    row = f"| {what} | {run['seconds']:.1f} s | {run['cpu']:.1f} s | {run['gib']:.2f} GiB |"
    MEASURED.append(row)
    print(row, file=sys.stderr, flush=True)


def ratio(
    what: str,
    above: Measured,
    above_base: Measured | None,
    below: Measured,
    below_base: Measured | None,
    target: str,
) -> None:
    """(above − its base) ÷ (below − its base), by the clock and by CPU time."""
    clock, cpu = (
        (above[unit] - (above_base[unit] if above_base else 0))
        / (below[unit] - (below_base[unit] if below_base else 0))
        for unit in ("seconds", "cpu")
    )
    verdict(what, clock, target, cpu)


def verdict(what: str, value: float, target: str, by_cpu: float | None = None) -> None:
    """A figure beside its target."""
    bound = float(target.split()[1])
    met = value <= bound if target.startswith("≤") else value >= bound
    digits = 3 if bound < 0.1 else 2
    cpu = "" if by_cpu is None else f"{by_cpu:.{digits}f}"
    VERDICTS.append(f"| {what} | {value:.{digits}f} | {cpu} | {target} | {'yes' if met else 'NO'} |")
    print(VERDICTS[-1], file=sys.stderr, flush=True)


def show() -> None:
    """The tables, ready for the documents."""
    print("\n| work | clock | CPU | peak memory |\n|---|---|---|---|", *MEASURED, sep="\n")
    print(
        "\n| figure | by the clock | by CPU time | target | met |\n|---|---|---|---|---|", *VERDICTS, sep="\n"
    )
