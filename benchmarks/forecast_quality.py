"""How good forecasts are beside seasonal naive, on real series and on the demo estate: `make bench`.

Prints the table of docs/forecasting.md. Ratios are geometric means over series; under 1 is better than seasonal naive.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

from assets.forecasting.backtest import backtest
from orchestration.code_version import ROOT

SEED = 1
DEMO = ROOT / ".ullage" / "demo" / "published" / "current" / "ullage.duckdb"
DEMO_SERIES = """
select 'ci/' || ci_id || '/' || resource as unique_id, cast(observed_date as timestamp) as ds, demand_value as y
from marts.fct_resource_utilisation_daily
union all
select 'pool/' || pool_id, cast(observed_date as timestamp), demand_value from marts.fct_pool_demand_daily
"""


def hourly(files: list[Path], stamp: str, value: str) -> pd.DataFrame:
    """Hourly means of CSV series: `unique_id` (file name), `ds` (naive UTC), `y`."""
    parts = []
    for path in files:
        raw = pd.read_csv(path)
        stamps = pd.to_datetime(raw[stamp], utc=True, format="mixed").dt.tz_localize(None)
        means = raw[value].groupby(stamps.dt.floor("h")).mean()
        parts.append(pd.DataFrame({"unique_id": path.name, "ds": means.index, "y": means.to_numpy()}))
    return pd.concat(parts, ignore_index=True)


def sets(data: Path) -> Iterator[tuple[str, pd.DataFrame, str, int, int]]:
    """Name, history, frequency, horizon and windows of each set that is there."""
    if data.is_dir():
        cloud = sorted((data / "cloud_monitoring").rglob("*.csv.gz"))
        yield "Microsoft cloud monitoring", hourly(cloud, "TimeStamp", "Value"), "h", 48, 5
        yield (
            "AWS CloudWatch (NAB)",
            hourly(sorted((data / "nab_aws").glob("*.csv")), "timestamp", "value"),
            "h",
            48,
            5,
        )
    if DEMO.exists():
        with duckdb.connect(str(DEMO), read_only=True) as connection:
            yield "simulated estate (make demo)", connection.execute(DEMO_SERIES).df(), "D", 30, 3


def main() -> None:
    """Score every set and print one row each."""
    data = Path(os.environ.get("ULLAGE_SAMPLE_DATA", ROOT.parent / "shared" / "data"))
    print("| set | series, protocol | MASE ratio | WQL ratio | 80 % covers |\n|---|---|---|---|---|")
    for name, history, freq, horizon, windows in sets(data):
        scores = backtest(history, horizon, freq, seed=SEED, windows=windows)
        # A geometric mean needs scores above zero: a series that repeats exactly scores 0 against 0.
        scored = scores[(scores[["wql", "mase", "naive_wql", "naive_mase"]] > 0).all(axis=1)]
        ratios = {m: float(np.exp(np.log(scored[m] / scored[f"naive_{m}"]).mean())) for m in ("mase", "wql")}
        unit = "hourly" if freq == "h" else "daily"
        print(
            f"| {name} | {len(scored)} {unit}, {windows} × {horizon} {freq.lower()} | {ratios['mase']:.2f} "
            f"| {ratios['wql']:.2f} | {scored['coverage_80_ratio'].mean():.0%} |"
        )


if __name__ == "__main__":
    main()
