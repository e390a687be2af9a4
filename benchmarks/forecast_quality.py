"""How good forecasts are beside seasonal naive and other methods, on the same windows: `make bench`.

Prints the tables of docs/forecasting.md. MASE and scaled quantile loss (twice the mean pinball loss over q0.1 … q0.9)
are divided by the in-sample seasonal-naive error; geometric means over series of their means over windows.
The other methods run in `.venv-bench`. `--quick`: seasonal naive only. `--shift N`: windows that end N days earlier,
hourly sets and flaircast only.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

from assets.forecasting.backtest import backtest
from assets.forecasting.forecast import forecast_panel
from assets.forecasting.frames import DEFAULT_QUANTILES, FloatArray, Panel, build_panel
from assets.forecasting.quantiles import pinball
from assets.forecasting.seasonal_naive import nan_mean, seasonal_error, seasonal_naive
from orchestration.code_version import ROOT

SEED = 1
HORIZON, WINDOWS, SEASON = 48, 5, 24
ESTATE_SERIES = 60
BOOTSTRAPS = 10_000
PEERS = ("flaircast", "MSTL", "AutoTheta", "AutoETS", "AutoARIMA")
PEER_PYTHON = ROOT / ".venv-bench" / "bin" / "python"
DEMO = ROOT / ".ullage" / "demo" / "published" / "current" / "ullage.duckdb"
DEMO_DAILY = """
select 'ci/' || ci_id || '/' || resource as unique_id, cast(observed_date as timestamp) as ds, demand_value as y
from marts.fct_resource_utilisation_daily
union all
select 'pool/' || pool_id, cast(observed_date as timestamp), demand_value from marts.fct_pool_demand_daily
"""
DEMO_HOURLY = """
select 'ci/' || ci_id || '/' || resource as unique_id, hour_at as ds, demand_avg as y
from marts.fct_resource_utilisation_hourly
"""
Answers = list[FloatArray]
Forecaster = Callable[[Panel], FloatArray]


def hourly(files: list[Path], stamp: str, value: str) -> pd.DataFrame:
    """Hourly means of CSV series: `unique_id` (file name), `ds` (naive UTC), `y`."""
    parts = []
    for path in files:
        raw = pd.read_csv(path)
        stamps = pd.to_datetime(raw[stamp], utc=True, format="mixed").dt.tz_localize(None)
        means = raw[value].groupby(stamps.dt.floor("h")).mean()
        parts.append(pd.DataFrame({"unique_id": path.name, "ds": means.index, "y": means.to_numpy()}))
    return pd.concat(parts, ignore_index=True)


def demo(query: str) -> pd.DataFrame:
    """Rows of the published demo estate."""
    with duckdb.connect(str(DEMO), read_only=True) as connection:
        return connection.execute(query).df()


def sets(data: Path) -> Iterator[tuple[str, pd.DataFrame]]:
    """Name and hourly history of each set that is there; of the simulated estate, every sixth series or so."""
    if data.is_dir():
        cloud = sorted((data / "cloud_monitoring").rglob("*.csv.gz"))
        yield "Microsoft cloud monitoring", hourly(cloud, "TimeStamp", "Value")
        nab = sorted((data / "nab_aws").glob("*.csv"))
        yield "AWS CloudWatch (NAB)", hourly(nab, "timestamp", "value")
    if DEMO.exists():
        history = demo(DEMO_HOURLY)
        names = sorted(history["unique_id"].unique())
        chosen = names[:: max(1, len(names) // ESTATE_SERIES)][:ESTATE_SERIES]
        yield "simulated estate", history[history["unique_id"].isin(chosen)]


def windows(panel: Panel) -> list[tuple[Panel, FloatArray]]:
    """History and truth of each window, the latest first."""
    width = panel.values.shape[1]
    starts = [width - HORIZON * number for number in range(1, WINDOWS + 1)]
    return [(panel.until(width - start), panel.values[:, start : start + HORIZON]) for start in starts]


def ours(panel: Panel) -> FloatArray:
    """Quantiles [series, horizon, level] of Ullage."""
    return forecast_panel(panel, HORIZON, DEFAULT_QUANTILES, SEED).values


def naive(period: int) -> Forecaster:
    """Seasonal naive of one season."""
    return lambda panel: seasonal_naive(panel.values, period, HORIZON, DEFAULT_QUANTILES)


def peer(name: str) -> Callable[[Panel], tuple[FloatArray, float]]:
    """Quantiles and CPU seconds of a method of `.venv-bench`; what it fails on counts as its seasonal naive."""

    def run(panel: Panel) -> tuple[FloatArray, float]:
        with tempfile.TemporaryDirectory() as folder:
            source, target = Path(folder) / "in.npz", Path(folder) / "out.npz"
            # They take no gaps: inside a history those are bridged, at its end the last value goes on.
            filled = pd.DataFrame(panel.values.T).interpolate(limit_area="inside").ffill().to_numpy().T
            started = np.isfinite(filled).sum(axis=1) > 2 * SEASON
            levels = np.array(DEFAULT_QUANTILES)
            np.savez(source, values=filled[started], horizon=HORIZON, levels=levels)
            script = Path(__file__).with_name("peers.py")
            subprocess.run([PEER_PYTHON, script, source, target, name], check=True, stderr=subprocess.DEVNULL)
            result = np.load(target)
            answers = seasonal_naive(panel.values, SEASON, HORIZON, DEFAULT_QUANTILES)
            made = result["answers"]
            rows = np.flatnonzero(started)[np.isfinite(made).all(axis=(1, 2))]
            answers[rows] = made[np.isfinite(made).all(axis=(1, 2))]
        return answers, float(result["cpu_seconds"])

    return run


def score(answer: FloatArray, history: FloatArray, truth: FloatArray) -> FloatArray:
    """MASE, scaled quantile loss and coverage of each series [3, series], NaN where it cannot be scored."""
    scale = seasonal_error(history, SEASON)
    enough = np.isfinite(history).sum(axis=1) > 2 * SEASON
    actual = np.where(np.isfinite(answer).all(axis=2), truth, np.nan)
    unit = np.where((scale > 0) & enough & np.isfinite(actual).any(axis=1), scale, np.nan)
    inside = np.where(
        np.isfinite(actual), (actual >= answer[:, :, 0]) & (actual <= answer[:, :, -1]), np.nan
    ).astype(float)
    middle = np.abs(answer[:, :, DEFAULT_QUANTILES.index(0.5)] - actual)
    loss = 2 * pinball(answer, actual, DEFAULT_QUANTILES)
    return np.stack(
        [nan_mean(middle) / unit, nan_mean(loss) / unit, np.where(unit > 0, nan_mean(inside), np.nan)]
    )


def summary(scores: list[FloatArray]) -> tuple[float, float, float, int]:
    """Geometric means of MASE and scaled quantile loss, mean coverage, and number of series that were scored."""
    mean = means(scores)
    # A geometric mean needs scores above zero: a series that repeats exactly scores 0 against 0.
    good = (mean[:2] > 0).all(axis=0)
    mase, loss = np.exp(np.log(mean[:2, good]).mean(axis=1))
    return float(mase), float(loss), float(mean[2, good].mean()), int(good.sum())


def means(scores: list[FloatArray]) -> FloatArray:
    """Means over windows [measure, series]."""
    return np.stack([nan_mean(np.stack(measure, axis=1)) for measure in zip(*scores, strict=True)])


def with_hindsight(found: list[list[FloatArray]]) -> tuple[float, float]:
    """MASE and scaled quantile loss if it were known beforehand which of the methods is best for each series."""
    mase, loss, *_ = summary([np.minimum.reduce([means(scores) for scores in found])])
    return mase, loss


def beside(own: list[FloatArray], other: list[FloatArray], number: int) -> str:
    """Our measure divided by another's, geometric mean over series, and its 90 % interval (bootstrap of the series)."""
    both = np.stack([means(own)[number], means(other)[number]])
    logs = np.diff(np.log(both[:, (both > 0).all(axis=0)]), axis=0)[0]
    drawn = np.random.default_rng(SEED).choice(-logs, (BOOTSTRAPS, len(logs))).mean(axis=1)
    low, high = np.exp(np.quantile(drawn, (0.05, 0.95)))
    return f"{np.exp(-logs.mean()):.2f} ({low:.2f} to {high:.2f})"


def measure(
    panel: Panel, model: Callable[[Panel], tuple[FloatArray, float]]
) -> tuple[list[FloatArray], float]:
    """Scores of a model on each window, and its CPU milliseconds a forecast series."""
    scores, seconds = [], 0.0
    for history, truth in windows(panel):
        answer, used = model(history)
        seconds += used
        scores.append(score(answer, history.values, truth))
    return scores, 1000 * seconds / (WINDOWS * len(panel.ids))


def in_upsets(own: list[FloatArray], other: list[FloatArray]) -> str:
    """Our quantile loss beside another's (geometric means), apart for series in which one window makes most of it.

    There something happened that history does not tell of: one window has more than half of the other's loss.
    """
    mine, theirs = (np.stack([window[1] for window in scores], axis=1) for scores in (own, other))
    scored = np.isfinite(theirs).sum(axis=1) > 1
    is_upset = scored & (np.nanmax(theirs, axis=1, initial=0) > 0.5 * np.nansum(theirs, axis=1))
    ratio = np.log(nan_mean(mine) / nan_mean(theirs))
    texts = []
    for kind, chosen in (("with an upset", is_upset), ("without", ~is_upset)):
        solid = chosen & np.isfinite(ratio)
        mean = float(np.exp(ratio[solid].mean())) if solid.any() else np.nan
        texts.append(f"{mean:.2f} in {solid.sum()} series {kind}")
    return ", ".join(texts)


def timed(model: Forecaster) -> Callable[[Panel], tuple[FloatArray, float]]:
    """The same model with its CPU seconds, training included."""

    def run(panel: Panel) -> tuple[FloatArray, float]:
        started = time.process_time()
        answer = model(panel)
        return answer, time.process_time() - started

    return run


def table(name: str, panel: Panel, peers: tuple[str, ...]) -> None:
    """Print one set: a row a method, ours last, and our ratio to the best of the others."""
    models = {"seasonal naive 24": timed(naive(24)), "seasonal naive 168": timed(naive(168))}
    models |= {peer_name: peer(peer_name) for peer_name in peers}
    found = {label: measure(panel, model) for label, model in {**models, "Ullage": timed(ours)}.items()}
    rows = {label: (*summary(scores), spent) for label, (scores, spent) in found.items()}
    own = rows.pop("Ullage")
    best = [min(rows, key=lambda label: rows[label][position]) for position in (0, 1)]
    print(f"\n**{name}**: {own[3]} hourly series, {WINDOWS} × {HORIZON} h\n")
    print("| method | MASE | quantile loss | 80 % covers | CPU ms a series |\n|---|---|---|---|---|")
    for label, row in {**rows, "Ullage": own}.items():
        print(f"| {label} | {row[0]:.3f} | {row[1]:.3f} | {row[2]:.0%} | {row[4]:.1f} |")
    ratios = [beside(found["Ullage"][0], found[label][0], number) for number, label in enumerate(best)]
    print(f"| Ullage ÷ best other (90 % interval over series) | {ratios[0]} | {ratios[1]} | | |")
    known = with_hindsight([scores for scores, _ in found.values()])
    shares = [known[number] / rows[label][number] for number, label in enumerate(best)]
    label = "best of all for each series, known afterwards ÷ best other"
    print(f"| {label} | {shares[0]:.2f} | {shares[1]:.2f} | | |")
    strongest = best[1]
    print(
        f"\nQuantile loss beside {strongest}: {in_upsets(found['Ullage'][0], found[strongest][0])}",
        flush=True,
    )


def daily() -> None:
    """Daily demand of the demo estate, as the pipeline forecasts it, beside seasonal naive."""
    scores = backtest(demo(DEMO_DAILY), 30, "D", seed=SEED, windows=3)
    scored = scores[(scores[["wql", "mase", "naive_wql", "naive_mase"]] > 0).all(axis=1)]
    ratio = {m: float(np.exp(np.log(scored[m] / scored[f"naive_{m}"]).mean())) for m in ("mase", "wql")}
    print(
        f"\n**simulated estate, daily demand**: {len(scored)} series, 3 × 30 d: MASE {ratio['mase']:.2f} and quantile "
        f"loss {ratio['wql']:.2f} of seasonal naive's, 80 % covers {scored['coverage_80_ratio'].mean():.0%}"
    )


def main() -> None:
    """Score every set."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--shift", type=int, default=0)
    asked = parser.parse_args()
    data = Path(os.environ.get("ULLAGE_SAMPLE_DATA", ROOT.parent / "shared" / "data"))
    peers = PEERS if PEER_PYTHON.exists() and not asked.quick else ()
    for name, history in sets(data):
        panel = build_panel(history, "h")
        if asked.shift:
            table(f"{name}, {asked.shift} days earlier", panel.until(24 * asked.shift), peers[:1])
            continue
        table(name, panel, peers)
    if DEMO.exists() and not asked.shift:
        daily()


if __name__ == "__main__":
    main()
