"""A real Prometheus on loopback, with its history back-filled by promtool.

Used by the online-boutique example and by the tests. Production points at its own server and needs none of
this. The programs come from Debian's package `prometheus`.

`python -m examples.real.prometheus_server --data DIR -- COMMAND …` starts the server over the blocks in DIR,
runs the command with its address in ULLAGE_PROMETHEUS_URL, stops the server and hands on the exit code.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType

import httpx

URL_VARIABLE = "ULLAGE_PROMETHEUS_URL"
PACKAGE = "prometheus"


class MissingProgramError(RuntimeError):
    """A program of a Debian package is not installed."""

    def __init__(self, program: str, package: str) -> None:
        super().__init__(f"{program} is not installed. Install the Debian package {package!r}.")
        self.program = program
        self.package = package


def find_program(program: str, package: str) -> str:
    """Absolute path of `program`; raises MissingProgramError that names the Debian package."""
    path = shutil.which(program)
    if path is None:
        raise MissingProgramError(program, package)
    return path


def free_port() -> int:
    """A loopback TCP port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def backfill(openmetrics: Iterable[Path], data: Path, *, block_hours: int = 2) -> None:
    """Turn OpenMetrics files into blocks of at most so many hours under `data`.

    Give one file a day: promtool reads a file anew for each of its blocks. A few samples a day may come as one file
    of months in blocks of months. Raises RuntimeError with promtool's message.
    """
    promtool = find_program("promtool", PACKAGE)
    data.mkdir(parents=True, exist_ok=True)
    for path in openmetrics:
        options = ["--quiet", f"--max-block-duration={block_hours}h"]
        done = subprocess.run(
            [promtool, "tsdb", "create-blocks-from", *options, "openmetrics", str(path), str(data)],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise RuntimeError(f"promtool could not read {path}: {(done.stderr or done.stdout).strip()}")


class PrometheusServer:
    """Prometheus over the blocks in `data`; a context manager. `url` is set while it runs."""

    def __init__(self, data: Path, *, start_seconds: float = 60.0) -> None:
        self._data = data
        self._start_seconds = start_seconds
        self._process: subprocess.Popen[bytes] | None = None
        self.url = ""

    def __enter__(self) -> PrometheusServer:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start and wait for an answer. Raises RuntimeError with the end of the log when none comes."""
        program = find_program("prometheus", PACKAGE)
        self._data.mkdir(parents=True, exist_ok=True)
        config = self._data / "prometheus.yml"
        config.write_text("global: {}\n", encoding="utf-8")
        address = f"127.0.0.1:{free_port()}"
        log_path = self._data / "prometheus.log"
        with log_path.open("wb") as log:
            self._process = subprocess.Popen(
                [
                    program,
                    f"--config.file={config}",
                    f"--storage.tsdb.path={self._data}",
                    "--storage.tsdb.retention.time=100y",
                    f"--web.listen-address={address}",
                    "--log.level=warn",
                ],
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self._data,
            )
        self.url = f"http://{address}"
        self._wait_until_ready(log_path)

    def _wait_until_ready(self, log_path: Path) -> None:
        deadline = time.monotonic() + self._start_seconds
        while time.monotonic() < deadline:
            if self._process is None or self._process.poll() is not None:
                break
            try:
                if httpx.get(f"{self.url}/-/ready", timeout=2.0, trust_env=False).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.05)
        self.stop()
        tail = log_path.read_text(encoding="utf-8", errors="replace")[-2000:]
        raise RuntimeError(f"Prometheus did not start in {self._start_seconds:g} s. Its log ends: {tail}")

    def stop(self) -> None:
        """Stop the process that this object started, and only that one."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command beside the server; returns the command's exit code."""
    name = "python -m examples.real.prometheus_server"
    parser = argparse.ArgumentParser(prog=name, description=main.__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the back-filled blocks")
    parser.add_argument("command", nargs=argparse.REMAINDER, help="-- and the command to run")
    options = parser.parse_args(arguments)
    command = [part for part in options.command if part != "--"]
    if not command:
        parser.error("name the command to run after --")
    with PrometheusServer(options.data) as server:
        environment = {**os.environ, URL_VARIABLE: server.url}
        return subprocess.run(command, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
