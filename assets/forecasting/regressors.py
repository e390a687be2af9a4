"""Known regressors: what is planned or known ahead (campaigns, headcount, opening days) and moves a series.

Their linear effect is taken off the history before it is forecast and put back on over the horizon, but only for
series on which it foretold seasonal differences it was not fitted on.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from assets.forecasting.frames import BoolArray, FloatArray, Panel

HELD_BACK_SHARE = 1 / 3
#: How much smaller the error on held-back seasonal differences has to become.
EARNED_RATIO = 0.95
_RIDGE = 1e-3


def take_off(panel: Panel, past: FloatArray, future: FloatArray) -> tuple[Panel, FloatArray, BoolArray]:
    """The panel less the effect of regressors, that effect over the horizon [series, horizon], and where it counts.

    `past` is [regressor, series, time], `future` [regressor, series, horizon]; NaN counts as the last known value
    before, 0 when there is none. The effect is fitted on differences to the season before (ridge), so neither
    level nor season is mistaken for it.
    """
    known = _filled(np.concatenate([past, future], axis=2))
    width, period = panel.values.shape[1], panel.periods[0]
    effect = np.zeros(known.shape[1:])
    used = np.zeros(len(panel.ids), dtype=bool)
    for series, values in enumerate(panel.values):
        found = _fit(values, known[:, series, :width], period)
        if found is not None:
            effect[series], used[series] = (
                found @ (known[:, series] - known[:, series, width - 1 : width]),
                True,
            )
    return replace(panel, values=panel.values - effect[:, :width]), effect[:, width:], used


def _filled(known: FloatArray) -> FloatArray:
    seen = np.isfinite(known)
    at = np.maximum.accumulate(np.where(seen, np.arange(known.shape[2]), 0), axis=2)
    return np.nan_to_num(np.take_along_axis(known, at, axis=2))


def _fit(values: FloatArray, known: FloatArray, period: int) -> FloatArray | None:
    """Coefficients of one series, None when they do not earn their place."""
    if len(values) <= period:
        return None
    change, moved = values[period:] - values[:-period], (known[:, period:] - known[:, :-period]).T
    seen = np.isfinite(change)
    change, moved = change[seen], moved[seen]
    split = int(len(change) * (1 - HELD_BACK_SHARE))
    if split < 2 * moved.shape[1] + 5 or not moved[:split].any() or not moved[split:].any():
        return None
    first = _ridge(moved[:split], change[:split])
    error = np.abs(change[split:] - moved[split:] @ first).mean()
    if error > EARNED_RATIO * np.abs(change[split:]).mean():
        return None
    return _ridge(moved, change)


def _ridge(rows: FloatArray, target: FloatArray) -> FloatArray:
    spread = np.sqrt((rows**2).mean(axis=0))
    unit = np.where(spread > 0, spread, 1.0)
    scaled = rows / unit
    square = scaled.T @ scaled + _RIDGE * len(rows) * np.eye(rows.shape[1])
    return np.asarray(np.linalg.solve(square, scaled.T @ target) / unit, dtype=float)
