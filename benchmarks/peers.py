"""Forecasts of other methods for the same windows: runs in `.venv-bench`, which holds nothing of Ullage.

`peers.py IN.npz OUT.npz MODEL`: IN holds `values` [series, time] without gaps (NaN only before
the start of a series), `horizon` and `levels`; OUT gets `answers` [series, horizon, level] and `cpu_seconds`.
A series on which a model fails gets NaN: the reader counts it as that model's seasonal naive.
"""

from __future__ import annotations

import os
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

# One thread each: CPU time is compared, and waiting threads would be counted.
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import numpy as np  # noqa: E402

SEASON, LONG_SEASON, SAMPLES, SEED = 24, 168, 500, 0
Model = Callable[[np.ndarray, int, np.ndarray], np.ndarray]


def flaircast(history: np.ndarray, horizon: int, levels: np.ndarray) -> np.ndarray:
    """Quantiles of flaircast's sample paths."""
    from flaircast import forecast

    paths = forecast(history, horizon=horizon, freq="H", n_samples=SAMPLES, seed=SEED)
    return np.quantile(paths, levels, axis=0).T


def statistical(name: str) -> Model:
    """A model of statsforecast; its central intervals give the quantiles."""
    from statsforecast import models

    def run(history: np.ndarray, horizon: int, levels: np.ndarray) -> np.ndarray:
        if name == "MSTL":
            long = [SEASON, LONG_SEASON] if len(history) >= 2 * LONG_SEASON else [SEASON]
            model = models.MSTL(season_length=long, trend_forecaster=models.AutoETS(model="ZZN"))
        elif name == "AutoARIMA":
            # Candidates are compared approximately, as R's auto.arima does for series this long; else it takes minutes.
            model = models.AutoARIMA(season_length=SEASON, approximation=True)
        else:
            model = getattr(models, name)(season_length=SEASON)
        central = sorted({round(abs(200 * level - 100)) for level in levels} - {0})
        made = model.forecast(history, horizon, level=central)
        columns = []
        for level in levels:
            width = round(abs(200 * level - 100))
            columns.append(made["mean" if not width else f"{'lo' if level < 0.5 else 'hi'}-{width}"])
        return np.column_stack(columns)

    return run


def main() -> None:
    """Forecast every series of one file with one model."""
    source, target, name = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    given = np.load(source)
    values, horizon, levels = given["values"], int(given["horizon"]), given["levels"]
    model = flaircast if name == "flaircast" else statistical(name)
    warnings.simplefilter("ignore")
    model(np.sin(np.arange(400.0)) + np.arange(400) % 7, horizon, levels)  # compilation is not counted
    answers = np.full((len(values), horizon, len(levels)), np.nan)
    started = time.process_time()
    for position, row in enumerate(values):
        history = row[np.isfinite(row).argmax() :]
        try:
            answers[position] = model(history, horizon, levels)
        except Exception as error:  # a peer may fail on a series; it is counted, not hidden
            print(f"{name} failed on series {position}: {error}", file=sys.stderr)
    np.savez(target, answers=answers, cpu_seconds=time.process_time() - started)


if __name__ == "__main__":
    main()
