"""The date that a straight line through the last 90 days gives: what most monitoring tools forecast, to compare with.

Prometheus' `predict_linear` and Zabbix' `timeleft` fit a line by least squares and see when it meets the limit.
"""

from __future__ import annotations

import numpy as np

from assets.forecasting.frames import FloatArray, IntArray

WINDOW = 90


def line_steps(values: FloatArray, usable: FloatArray) -> IntArray:
    """First step at which the line of each series is at or over `usable` [series, horizon].

    `values` is [series, time]; the last `WINDOW` steps count, NaN left out. horizon + 1 where the line stays below, or
    where fewer than two values make none.
    """
    recent = values[:, -WINDOW:]
    width, horizon = recent.shape[1], usable.shape[1]
    seen = np.isfinite(recent)
    count = np.maximum(seen.sum(axis=1), 1)
    time = np.arange(width) - (width - 1.0)  # 0 is the last step
    held = np.where(seen, recent, 0.0)
    mean_time = (seen * time).sum(axis=1) / count
    mean = held.sum(axis=1) / count
    spread = np.where(seen, time - mean_time[:, None], 0.0)
    square = (spread**2).sum(axis=1)
    slope = (spread * held).sum(axis=1) / np.where(square > 0, square, np.nan)
    ahead = mean[:, None] + slope[:, None] * (np.arange(1, horizon + 1) - mean_time[:, None])
    over = ahead >= usable
    return np.where(over.any(axis=1), over.argmax(axis=1) + 1, horizon + 1).astype(np.int64)
