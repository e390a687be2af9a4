"""A jump in the last hours: will it stay or go back? How long earlier ones lasted tells.

The longer an excursion has lasted, the longer it goes on: durations are taken to be Pareto, with an exponent of each
series that is estimated from its own excursions, those of the panel and a prior (Pareto with a gamma prior on the
exponent: Arnold and Press, "Bayesian inference for Pareto populations", 1983). The forecast is then a mixture of two:
back at the level before, or going on at the new one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from assets.forecasting.experts import Decomposition
from assets.forecasting.frames import BoolArray, FloatArray
from assets.forecasting.quantiles import LEVELS, interpolate
from assets.forecasting.seasonal_naive import nan_median

#: An excursion lies so many robust standard deviations from the line through its series.
FAR = 6.0
#: Exponent of durations before anything is known: half of those that have lasted m steps last 4 m.
USUAL_EXPONENT = 0.5
#: Excursions whose evidence the prior is worth, of a panel and of a series.
PANEL_PRIOR, SERIES_PRIOR = 10.0, 2.0
#: Spread of demand at a level that has fallen: as much smaller as the level, down to this.
LEAST_SPREAD = 0.1
_TINY = 1e-300
_PARTS = tuple((number + 0.5) / 20 for number in range(20))


@dataclass(frozen=True)
class Excursions:
    """What is under way at the end of each series of a panel.

    `age` [series]: steps it has lasted, 0 for none. `stay` [series, horizon]: the chance that it lasts until then.
    `centre` [series, horizon]: the middle of what comes if it does, `narrow` [series] how much narrower it is.
    """

    age: FloatArray
    stay: FloatArray
    centre: FloatArray
    narrow: FloatArray


def find_excursions(parts: Decomposition, seen: BoolArray, period: int, horizon: int) -> Excursions:
    """The excursions under way at the end of a decomposed panel, `seen` [series, time] where it has values."""
    width = parts.base.shape[1]
    back = np.arange(width) - (width - 1.0)
    rest = np.where(seen, parts.base - parts.slope[:, None] * back, np.nan)
    usual = nan_median(rest)[:, None]
    rest = rest - usual
    spread = 1.4826 * nan_median(np.abs(rest))[:, None]
    spread = np.maximum(spread, 1.4826 * parts.noise[:, None]) + 1e-9 * np.abs(usual) + _TINY
    side = np.where(np.abs(rest) > FAR * spread, np.sign(rest), 0.0)
    age = _ages(side)
    longest = max(period // 2, 2)
    exponent = _exponents(age, parts.steps, longest)
    now = np.where((age[:, -1] > 0) & (age[:, -1] <= longest), age[:, -1], 0.0)
    ahead = np.arange(1, horizon + 1.0)
    shape, rate = (value[:, None] for value in exponent)
    lasted = np.maximum(now, 1.0)[:, None]
    stay = (1 + np.log((lasted + ahead) / lasted) / rate) ** -shape
    recent = back[None, :] > -np.maximum(now, 1.0)[:, None]
    offset = np.nan_to_num(nan_median(np.where(recent, rest, np.nan)))
    before = np.nan_to_num(usual[:, 0])
    narrow = np.clip(np.abs(before + offset) / np.maximum(np.abs(before), _TINY), LEAST_SPREAD, 1.0)
    centre = (before + offset)[:, None] + narrow[:, None] * parts.ahead
    return Excursions(now, np.where(now[:, None] > 0, stay, 0.0), centre, narrow)


def _ages(side: FloatArray) -> FloatArray:
    """Steps on the same side up to each point [series, time], 0 within; a missing value is within."""
    width = side.shape[1]
    place = np.broadcast_to(np.arange(width), side.shape)
    changed = np.ones(side.shape, dtype=bool)
    changed[:, 1:] = side[:, 1:] != side[:, :-1]
    start = np.maximum.accumulate(np.where(changed, place, 0), axis=1)
    return np.where(side != 0, place - start + 1.0, 0.0)


def _exponents(age: FloatArray, steps: FloatArray, longest: int) -> tuple[FloatArray, FloatArray]:
    """Shape and rate of the gamma distribution of each series' exponent, from the excursions seen."""
    over = (age[:, :-1] > 0) & (age[:, 1:] != age[:, :-1] + 1)
    ended = over.sum(axis=1).astype(float)
    lived = np.where(over, np.log1p(age[:, :-1]), 0.0).sum(axis=1) + np.log1p(age[:, -1])
    lived = lived + steps * np.log1p(longest)  # a level shift is one that has stayed
    count = (age[:, -1] > 0) + ended + steps
    # A series with a hundred spikes speaks for itself, not for the others.
    share = 1.0 / np.maximum(count, 1.0)
    usual = (PANEL_PRIOR * USUAL_EXPONENT + (share * ended).sum()) / (PANEL_PRIOR + (share * lived).sum())
    return SERIES_PRIOR * usual + ended, SERIES_PRIOR + lived


def mix(answer: FloatArray, stay: FloatArray, centre: FloatArray, narrow: FloatArray) -> FloatArray:
    """Quantiles [row, level] at `LEVELS` of: with the chance `stay` [row] around `centre`, else as in `answer`."""
    result = answer.copy()
    rows = np.flatnonzero(stay > 0)
    if not len(rows):
        return result
    back = interpolate(answer[rows], _PARTS)
    on = centre[rows, None] + narrow[rows, None] * (back - answer[rows, LEVELS.index(0.5), None])
    both = np.concatenate([back, on], axis=1)
    chance = np.repeat(np.column_stack([1 - stay[rows], stay[rows]]), len(_PARTS), axis=1) / len(_PARTS)
    order = np.argsort(both, axis=1, kind="stable")
    both, chance = np.take_along_axis(both, order, 1), np.take_along_axis(chance, order, 1)
    reached = np.cumsum(chance, axis=1) - chance / 2
    for number, level in enumerate(LEVELS):
        high = np.maximum((reached >= level).argmax(axis=1), 1)[:, None]
        first, last = (np.take_along_axis(reached, at, 1) for at in (high - 1, high))
        low, top = (np.take_along_axis(both, at, 1) for at in (high - 1, high))
        share = np.clip((level - first) / np.maximum(last - first, _TINY), 0.0, 1.0)
        result[rows, number] = (low + share * (top - low))[:, 0]
    return result
