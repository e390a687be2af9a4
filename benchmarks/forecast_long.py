"""How daily forecasts of a year hold from two months to three years of history: `make bench`.

Prints the table of docs/forecasting.md: error of the median beside the last week repeated, and what the 80 % interval
covers, by days ahead. Series are simulated: a trend, a year, a working week, a random walk, noise of a day.
"""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd

from assets.forecasting.forecast import forecast_panel
from assets.forecasting.frames import DEFAULT_QUANTILES, FloatArray, build_panel
from assets.forecasting.seasonal_naive import repeat

SEED = 20261123
SERIES = 120
HORIZON = 365
HISTORIES = (60, 120, 250, 330, 500, 1000)
BANDS = ((31, 90), (91, 180), (181, 365))
START = pd.Timestamp("2022-01-01")


def demand() -> FloatArray:
    """Daily demand [series, day], long enough for the longest history and the horizon."""
    random = np.random.default_rng(SEED)
    days = np.arange(max(HISTORIES) + HORIZON)

    def each(low: float, high: float) -> FloatArray:
        return random.uniform(low, high, (SERIES, 1))

    trend = 100 + each(-0.02, 0.12) * days
    year = each(0, 20) * np.sin(2 * np.pi * (days / 365.25 + each(0, 1)))
    week = np.where(days % 7 < 5, 1.0, 1 - each(0, 0.3))
    walk = np.cumsum(each(0, 0.5) * random.standard_normal((SERIES, len(days))), axis=1)
    noise = 1 + each(0.01, 0.04) * random.standard_normal((SERIES, len(days)))
    return np.maximum((trend + year + walk) * week * noise, 0.0)


def row(values: FloatArray, history: int) -> list[tuple[float, float]]:
    """Error beside the last week repeated (geometric mean over series), and coverage, of each band."""
    end = max(HISTORIES)
    known, truth = values[:, end - history : end], values[:, end : end + HORIZON]
    names = np.repeat([f"s{number:03d}" for number in range(SERIES)], history)
    dates = np.tile(pd.date_range(START, periods=history), SERIES)
    panel = build_panel(pd.DataFrame({"unique_id": names, "ds": dates, "y": known.ravel()}), "D")
    made = forecast_panel(panel, HORIZON, DEFAULT_QUANTILES, SEED)
    middle = made.values[:, :, DEFAULT_QUANTILES.index(0.5)]
    inside = (truth >= made.values[:, :, 0]) & (truth <= made.values[:, :, -1])
    own, naive = np.abs(middle - truth), np.abs(repeat(known[:, -7:], HORIZON) - truth)
    found = []
    for first, last in BANDS:
        days = slice(first - 1, last)
        ratio = np.exp(np.log(own[:, days].mean(axis=1) / naive[:, days].mean(axis=1)).mean())
        found.append((float(ratio), float(inside[:, days].mean())))
    return found


def main() -> None:
    """One column a length of history."""
    values = demand()
    found = [row(values, history) for history in HISTORIES]
    print("| history, days | " + " | ".join(f"{history:,}" for history in HISTORIES) + " |")
    print("|---|" + "---|" * len(HISTORIES))
    for number, (first, last) in enumerate(BANDS):
        print(
            f"| error, days {first} to {last} | "
            + " | ".join(f"{one[number][0]:.2f}" for one in found)
            + " |"
        )
    for number, (first, last) in enumerate(BANDS):
        print(
            f"| covers, days {first} to {last} | "
            + " | ".join(f"{one[number][1]:.0%}" for one in found)
            + " |"
        )
    sys.stdout.flush()


if __name__ == "__main__":
    main()
