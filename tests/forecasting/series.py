"""Synthetic daily series whose truth is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

START = pd.Timestamp("2026-01-01")
WEEK = np.array([3.0, 4.0, 5.0, 4.0, 2.0, -8.0, -10.0])


def history(values: Mapping[str, Sequence[float]], freq: str = "D") -> pd.DataFrame:
    """Frame `unique_id, ds, y` of series that all start at `START`."""
    parts = [
        pd.DataFrame({"unique_id": name, "ds": pd.date_range(START, periods=len(y), freq=freq), "y": y})
        for name, y in values.items()
    ]
    return pd.concat(parts, ignore_index=True)


def trended(count: int, days: int, seed: int = 1, noise: float = 2.0) -> dict[str, np.ndarray]:
    """Level + trend + week + noise, each series with its own."""
    random = np.random.default_rng(seed)
    time = np.arange(days)
    return {
        f"s{number:03d}": random.uniform(40, 80)
        + random.uniform(0, 0.5) * time
        + random.uniform(0.2, 1.0) * WEEK[time % 7]
        + random.normal(0, noise, days)
        for number in range(count)
    }
