"""How long forecasts of ten thousand series take, and how much memory: `make bench`.

Simulated series with a day, a week, a trend and noise of their own. Each case runs in a process of its own, so that
its peak memory is its own. The CPU time of the other methods is taken on a few of the same series.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from assets.forecasting.forecast import forecast_panel
from assets.forecasting.frames import DEFAULT_QUANTILES, FloatArray, Panel
from assets.forecasting.saturation import first_passages, saturation
from orchestration.code_version import ROOT

SERIES, SEED = 10_000, 1
PEER_SERIES = 40
PEER_PYTHON = ROOT / ".venv-bench" / "bin" / "python"
CASES = {"hourly": ("h", 28 * 24, 48), "daily": ("D", 730, 90)}


def simulated(freq: str, width: int) -> FloatArray:
    """Values [series, time], the same ones in each run."""
    random = np.random.default_rng(SEED)
    time_ = np.arange(width)
    short, long = (24, 168) if freq == "h" else (7, 365)
    level = random.lognormal(3, 1, (SERIES, 1))
    shape = 1 + 0.3 * np.sin(2 * np.pi * (time_ / short + random.random((SERIES, 1))))
    shape += 0.2 * np.sin(2 * np.pi * (time_ / long + random.random((SERIES, 1))))
    shape += random.normal(0, 0.3, (SERIES, 1)) * time_ / width
    return np.asarray(np.maximum(level * (shape + random.normal(0, 0.1, (SERIES, width))), 0.0), dtype=float)


def measure(case: str) -> None:
    """Run one case and print its row."""
    freq, width, horizon = CASES[case]
    values = simulated(freq, width)
    panel = Panel(
        ids=tuple(f"s{number:05d}" for number in range(SERIES)),
        values=values,
        last=np.full(SERIES, 20_000, dtype=np.int64),
        step=pd.Timedelta(1, "D" if freq == "D" else "h"),
        lower=np.full(SERIES, -np.inf),
        upper=np.full(SERIES, np.inf),
        notes=tuple(() for _ in range(SERIES)),
    )
    wall, cpu = time.perf_counter(), time.process_time()
    made = forecast_panel(panel, horizon, DEFAULT_QUANTILES, SEED)
    if freq == "D":
        usable = pd.DataFrame(
            {"unique_id": panel.ids, "ds": panel.dates(1)[0, 0], "usable": 1.3 * values.max(axis=1)}
        )
        saturation(first_passages(made, usable, SEED), dict.fromkeys(panel.ids, 30))
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    text = f"{SERIES:,} {case} series × {width} steps, {horizon} ahead" + (", dates included" * (freq == "D"))
    print(f"| {text} | {wall:.0f} s | {cpu:.0f} s | {peak:.1f} GiB |", flush=True)


def million_rows() -> None:
    """`ullage forecast` on a Parquet file of a million rows: reading, forecast, model card and writing."""
    freq, width, horizon = CASES["hourly"]
    count = -(-1_000_000 // width)
    values = simulated(freq, width)[:count]
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "in.parquet", Path(folder) / "out.parquet"
        stamps = pd.date_range("2026-01-01", periods=width, freq=freq)
        names = [f"s{number:05d}" for number in range(count)]
        rows = {"unique_id": np.repeat(names, width), "ds": np.tile(stamps, count), "y": values.ravel()}
        pd.DataFrame(rows).to_parquet(source)
        del rows
        before, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        command = [sys.executable, "-m", "orchestration.cli", "forecast", str(source), "--out", str(target)]
        subprocess.run(
            [*command, "--horizon", str(horizon), "--freq", freq, "--json"],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        wall, used = time.perf_counter() - wall, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime
    text = f"`ullage forecast`, a file of {count * width:,} rows ({count:,} hourly series), {horizon} ahead"
    print(f"| {text} | {wall:.0f} s | {cpu:.0f} s | {used.ru_maxrss / 2**20:.1f} GiB |", flush=True)


def peers() -> None:
    """CPU time of the other methods for as many hourly series, from a few."""
    freq, width, horizon = CASES["hourly"]
    values = simulated(freq, width)[:PEER_SERIES]
    for name in ("flaircast", "AutoETS"):
        with tempfile.TemporaryDirectory() as folder:
            source, target = Path(folder) / "in.npz", Path(folder) / "out.npz"
            np.savez(source, values=values, horizon=horizon, levels=np.array(DEFAULT_QUANTILES))
            script = Path(__file__).with_name("peers.py")
            subprocess.run([PEER_PYTHON, script, source, target, name], check=True)
            seconds = float(np.load(target)["cpu_seconds"]) * SERIES / PEER_SERIES
        print(f"| {name}, the hourly series, from {PEER_SERIES} of them | | {seconds:.0f} s | |", flush=True)


def main() -> None:
    """Print the table."""
    if len(sys.argv) > 1:
        measure(sys.argv[1])
        return
    print("\n| case | wall clock | CPU | peak memory |\n|---|---|---|---|", flush=True)
    # First, so that its peak memory is not that of a larger child before it.
    million_rows()
    for case in CASES:
        subprocess.run([sys.executable, "-m", "benchmarks.forecast_speed", case], check=True)
    if PEER_PYTHON.exists():
        peers()


if __name__ == "__main__":
    main()
