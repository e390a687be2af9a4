"""What a series has been like lately, step by step ahead: what the prior trees read beside `View.features`.

All of it is free of scale and of the panel around it, so that trees trained on other series can read it.
"""

from __future__ import annotations

import numpy as np

from assets.forecasting.excursions import Excursions
from assets.forecasting.experts import SATURDAY, Decomposition, expert_names, kinds_of_days
from assets.forecasting.frames import FloatArray, IntArray
from assets.forecasting.seasonal_naive import nan_mean

#: Same phase of so many short seasons and of so many long ones.
SHORT_BACK, LONG_BACK = 7, 2
#: Means of the last values, over these parts of a short season (1 step at least).
RECENT_STEPS = (1, 3, 6, 12, 24, 48)


def behaviour_names(periods: tuple[int, ...]) -> list[str]:
    """Names of the columns of `behaviour`, in their order."""
    return [
        *(f"same phase, {number + 1} short seasons back" for number in range(SHORT_BACK)),
        *(f"same phase, {number + 1} long seasons back" for number in range(LONG_BACK)),
        *(f"mean of the last {steps} steps" for steps in RECENT_STEPS),
        *(f"error of {name} beside the best" for name in expert_names(periods)),
        "chance that a jump stays",
        "level of a jump",
        "age of a jump",
        "steps of history",
        "origins of evidence",
        "spread of the last short season",
        "spread of the last three short seasons",
        "spread of all",
        "autocorrelation of what is left",
        "tail of what is left",
        "outliers",
        "steps since an outlier",
        "level shifts",
        "repeated values",
        "values at the top",
        "move a step",
        "last less the mean, of what is left",
        "days into the week",
        "weekend days seen",
        "working days seen",
        "weekends less working days",
    ]


def behaviour(
    known: FloatArray,
    parts: Decomposition,
    reference: FloatArray,
    scale: FloatArray,
    error: FloatArray,
    jump: Excursions,
    evidence: int,
    periods: tuple[int, ...],
) -> np.ndarray:
    """Features [series, horizon, feature] of a panel [series, time], distances in units of `scale`.

    `error` [expert, series, horizon] is the mean absolute error of each cheap forecast so far.
    """
    (count, width), horizon = known.shape, reference.shape[1]
    short, long = periods[0], periods[-1]
    columns: list[FloatArray] = []

    def distance(values: FloatArray) -> FloatArray:
        return (values - reference) / scale[:, None]

    ahead = np.arange(horizon)
    for period, backs in ((short, SHORT_BACK), (long, LONG_BACK)):
        for back in range(backs):
            at = width - period * (1 + back) + ahead % period
            columns.append(distance(np.where(at >= 0, known[:, np.maximum(at, 0)], np.nan)))
    columns += [
        distance(np.broadcast_to(nan_mean(known[:, -steps:])[:, None], reference.shape))
        for steps in RECENT_STEPS
    ]
    best = error.min(axis=0) + 1e-3 * scale[:, None]
    columns += [np.log((one + 1e-3 * scale[:, None]) / best) for one in error]
    columns += [jump.stay, np.where(jump.stay > 0, distance(jump.centre), 0.0)]
    seen = ~np.isnan(known)
    rest = np.where(seen, parts.base - nan_mean(np.where(seen, parts.base, np.nan))[:, None], 0.0)
    spread = np.sqrt((rest**2).mean(axis=1)) + 1e-9 * scale
    off = seen & (np.abs(rest) > 6 * 1.4826 * parts.noise[:, None] + 1e-9 * spread[:, None])
    since = np.where(off.any(axis=1), off[:, ::-1].argmax(axis=1), width)
    diff = np.abs(np.diff(known, axis=1))
    top = np.where(seen, known, -np.inf).max(axis=1)
    state = [
        jump.age,
        np.full(count, np.log(width / short)),
        np.full(count, float(evidence)),
        _spread(known[:, -short:]) / scale,
        _spread(known[:, -3 * short :]) / scale,
        _spread(known) / scale,
        (rest[:, 1:] * rest[:, :-1]).mean(axis=1) / spread**2,
        spread / (parts.noise + 0.01 * spread),
        off.mean(axis=1),
        np.log1p(since),
        parts.steps,
        nan_mean(np.where(np.isnan(diff), np.nan, (diff == 0).astype(float))),
        (known >= top[:, None] - 0.01 * np.abs(top[:, None])).mean(axis=1),
        nan_mean(diff) / scale,
        rest[:, -1] / scale,
    ]
    columns += [np.broadcast_to(column[:, None], reference.shape) for column in state]
    return np.clip(np.stack([column.astype(np.float32) for column in columns], axis=2), -1e6, 1e6)


def week_behaviour(
    known: FloatArray,
    weight: FloatArray,
    scale: FloatArray,
    periods: tuple[int, ...],
    horizon: int,
    week_phase: IntArray | None,
) -> np.ndarray:
    """Features [series, horizon, feature]: what day it will be, and what the series has shown of such days."""
    (count, width), day = known.shape, periods[0]
    kinds = kinds_of_days(known, weight, periods, horizon, week_phase)
    into = weekends = working = np.full(count, np.nan)[:, None]
    if week_phase is not None:
        steps = (week_phase[:, None] + np.arange(width + horizon)) % (7 * day) / day
        into, past = steps[:, width:], steps[:, :width]
        seen = ~np.isnan(known)
        weekends = (seen & (past >= SATURDAY)).sum(axis=1, keepdims=True) / day
        working = (seen & (past < SATURDAY)).sum(axis=1, keepdims=True) / day
    columns = (into, weekends, working, (kinds.difference / scale)[:, None])
    shape = (count, horizon)
    return np.stack([np.broadcast_to(column, shape).astype(np.float32) for column in columns], axis=2)


def _spread(values: FloatArray) -> FloatArray:
    return nan_mean(np.abs(values - nan_mean(values)[:, None]))
