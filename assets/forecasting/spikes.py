"""Single steps far above what is usual: how often they come and how high they are.

Quantiles from q0.1 to q0.9 say nothing of what comes once in a hundred days, but the first day at or over usable
capacity is often just such a day.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from assets.forecasting.frames import FloatArray

#: What comes more often than once in so many steps is in the quantiles already.
RARE = 20
#: Steps that the others' evidence counts for: a year of days.
PRIOR_STEPS = 365


@dataclass(frozen=True)
class Spikes:
    """`chance` [series] that a step is a spike, `height` [series] of one as a part of the forecast's median."""

    chance: FloatArray
    height: FloatArray


def no_spikes(count: int) -> Spikes:
    """Of series that have shown nothing."""
    return Spikes(np.zeros(count), np.zeros(count))


def estimate_spikes(number: FloatArray, size: FloatArray, level: FloatArray, steps: FloatArray) -> Spikes:
    """From the `number` of spikes of each series in so many `steps` and their mean `size` above a usual `level`.

    All [series]. A series is taken to be like the others until `PRIOR_STEPS` have told otherwise; one that has shown
    none has spikes of the middle size. A series whose level is not above zero has none.
    """
    rate = number / np.maximum(steps, 1.0)
    is_rare = rate * RARE <= 1
    usual = float(rate[is_rare].mean()) if is_rare.any() else 0.0
    chance = (number + PRIOR_STEPS * usual) / (steps + PRIOR_STEPS)
    part = size / np.where(level > 0, level, 1.0)
    shown = is_rare & (number > 0) & (level > 0)
    middle = float(np.median(part[shown])) if shown.any() else 0.0
    return Spikes(
        chance=np.where(is_rare & (level > 0), chance, 0.0),
        height=np.where(shown, part, np.where(level > 0, middle, 0.0)),
    )
