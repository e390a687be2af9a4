"""Quantile forecasts of many series at once: `forecast` for frames, `forecast_panel` for what runs on arrays.

Every series gets an answer from the best model its history allows, and a note on whatever made it worse.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import norm

from assets.forecasting.dependence import Dependence, estimate_dependence
from assets.forecasting.experts import EXPERTS
from assets.forecasting.frames import (
    DEFAULT_QUANTILES,
    MIN_POINTS,
    BoolArray,
    FloatArray,
    ForecastInputError,
    IntArray,
    Panel,
    build_panel,
    quantile_columns,
    quantile_frame,
)
from assets.forecasting.learner import Learned, Snapshot, features, learn, snapshot
from assets.forecasting.quantiles import LEVELS, correct, interpolate
from assets.forecasting.seasonal_naive import nan_median, seasonal_naive

LEARNED = "quantile_trees"
NAIVE = "seasonal_naive"
RECENT = "recent_level"
CONSTANT = "constant"
NONE = "none"
INTERMITTENT_SHARE = 0.4
#: A series that has been silent for this many seasons is taken to be switched off.
SILENT_SEASONS = 4
#: How much worse than seasonal naive on held-back history counts as worse: a few windows are noisy evidence.
WORSE_RATIO = 1.2


@dataclass(frozen=True)
class PanelForecast:
    """Forecasts of a panel: `values` [series, horizon, quantile], one model name and note text a series."""

    panel: Panel
    quantiles: tuple[float, ...]
    values: FloatArray
    models: tuple[str, ...]
    notes: tuple[str, ...]
    dependence: Dependence

    @property
    def is_known(self) -> BoolArray:
        """Which series have a forecast."""
        return np.asarray(np.isfinite(self.values).all(axis=(1, 2)), dtype=np.bool_)

    def frame(self) -> pd.DataFrame:
        """Wide frame `unique_id, ds, q…, model, notes`."""
        return quantile_frame(self.panel, self.values, self.quantiles, self.models, self.notes)


def forecast(
    history: pd.DataFrame,
    horizon: int,
    freq: str,
    quantiles: Sequence[float] = DEFAULT_QUANTILES,
    seed: int = 0,
    end: pd.Timestamp | None = None,
) -> pd.DataFrame:
    """Forecast every series of `history` (`unique_id, ds, y`, optional `lower`, `upper`) `horizon` steps ahead.

    `freq` is a pandas frequency (`D`, `h`, minutes that divide a day); `end` the last stamp of all series, by
    default of each its own. Returns `unique_id, ds, q…, model, notes`, sorted, in the unit of `y`; the same
    input and seed give the same bytes. A series with fewer than three values gets NaN quantiles and a note.

    Raises ForecastInputError when the frame as a whole cannot be read; no single series makes it raise.
    """
    return forecast_panel(build_panel(history, freq, end), horizon, quantiles, seed).frame()


def forecast_panel(panel: Panel, horizon: int, quantiles: Sequence[float], seed: int) -> PanelForecast:
    """Forecast a panel. Raises ForecastInputError for a horizon below 1 or unusable quantiles."""
    quantile_columns(quantiles)
    if horizon < 1:
        raise ForecastInputError(f"horizon {horizon}: give at least one step")
    count = (~np.isnan(panel.values)).sum(axis=1)
    silent = steps_since_last(panel.values)
    gone = (count > 0) & (silent >= SILENT_SEASONS * panel.periods[0])
    enough = (count >= MIN_POINTS) & ~gone
    values = np.full((len(panel.ids), horizon, len(quantiles)), np.nan)
    models = np.full(len(panel.ids), NONE, dtype=object)
    notes = [list(found) for found in panel.notes]
    learned: Learned | None = None
    if enough.any():
        learned = _forecast_known(panel, enough, values, models, notes, quantiles, seed)
    for position in np.flatnonzero(~enough):
        few = f"{count[position]} values: a forecast needs at least {MIN_POINTS}"
        notes[position].append(
            f"silent for the last {silent[position]} steps: not forecast" if gone[position] else few
        )
    lower, upper = natural_bounds(panel)
    values = np.clip(values, lower[:, None, None], upper[:, None, None])
    scores = learned.calibration.scores if learned is not None else ()
    return PanelForecast(
        panel=panel,
        quantiles=tuple(float(level) for level in quantiles),
        values=values,
        models=tuple(str(name) for name in models),
        notes=tuple("; ".join(found) for found in notes),
        dependence=estimate_dependence(scores, len(panel.ids), panel.periods[0]),
    )


def steps_since_last(values: FloatArray) -> IntArray:
    """Steps at the end of each row without a value; the whole width for a row of nothing else."""
    width = values.shape[1]
    seen = ~np.isnan(values[:, ::-1])
    return np.where(seen.any(axis=1), seen.argmax(axis=1), width).astype(np.int64)


def natural_bounds(panel: Panel) -> tuple[FloatArray, FloatArray]:
    """Declared bounds; without a lower one, a series that was never negative is taken not to become so."""
    never_negative = ~(panel.values < 0).any(axis=1)
    lower = np.where(np.isneginf(panel.lower) & never_negative, 0.0, panel.lower)
    return lower, panel.upper


def _forecast_known(
    panel: Panel,
    enough: BoolArray,
    values: FloatArray,
    models: npt.NDArray[np.object_],
    notes: list[list[str]],
    quantiles: Sequence[float],
    seed: int,
) -> Learned | None:
    """Fill `values`, `models` and `notes` of the series that have enough points to say anything."""
    horizon, period = values.shape[1], panel.periods[0]
    learned = learn(panel.values, panel.periods, horizon, quantiles, seed)
    taken = snapshot(panel.values, panel.periods, horizon)
    count = (~np.isnan(panel.values)).sum(axis=1)
    low = np.where(np.isnan(panel.values), np.inf, panel.values).min(axis=1)
    high = np.where(np.isnan(panel.values), -np.inf, panel.values).max(axis=1)
    constant = enough & (low == high)
    short = enough & ~constant & (~taken.is_ready)
    naive = enough & ~constant & ~short
    _describe(panel, taken, enough & ~constant, notes)
    if learned is not None:
        worse = naive & (learned.calibration.errors > WORSE_RATIO * learned.calibration.naive_errors)
        good = naive & ~worse
        values[good] = _learned_values(learned, taken, np.flatnonzero(good), period, quantiles)
        models[good], naive = LEARNED, worse
        for position in np.flatnonzero(worse):
            notes[position].append("falls back to seasonal naive, which did better on held-back history")
        if learned.reach < horizon:
            for position in np.flatnonzero(good):
                notes[position].append(
                    f"from step {learned.reach + 1} on the history is too short to learn from: "
                    "the trend goes on and the interval widens"
                )
    else:
        for position in np.flatnonzero(naive):
            notes[position].append(f"{count[position]} values are too few to learn from: seasonal naive")
    values[naive] = seasonal_naive(panel.values[naive], period, horizon, quantiles)
    models[naive] = NAIVE
    values[short], models[short] = _recent_level(panel.values[short], period, horizon, quantiles), RECENT
    for position in np.flatnonzero(short):
        notes[position].append(f"{count[position]} values are less than two seasons: recent level only")
    values[constant], models[constant] = low[constant][:, None, None], CONSTANT
    for position in np.flatnonzero(constant):
        notes[position].append("constant history: the interval has no width")
    return learned


def _learned_values(
    learned: Learned, taken: Snapshot, chosen: IntArray, period: int, quantiles: Sequence[float]
) -> FloatArray:
    """Answers of the trees for the chosen series, corrected, and carried on beyond their reach."""
    horizon = taken.reference.shape[1]
    series, ahead = np.repeat(chosen, horizon), np.tile(np.arange(horizon), len(chosen))
    answer = learned.trees.predict(features(taken, series, ahead, period))
    answer = correct(answer, learned.calibration.shift[ahead]) * taken.scale[series][:, None]
    answer += taken.reference[series, ahead][:, None]
    shaped = answer.reshape(len(chosen), horizon, len(LEVELS))
    if learned.reach < horizon:
        shaped = _carry_on(shaped, taken, chosen, learned.reach, period)
    return interpolate(shaped, quantiles)


def _carry_on(answer: FloatArray, taken: Snapshot, chosen: IntArray, reach: int, period: int) -> FloatArray:
    """Beyond `reach`: the same phase of the last season within reach, moved along the trend, wider by √time.

    Trees cannot extrapolate. How much of the straight line they believed in the last season within reach is how
    much of it goes on.
    """
    middle = LEVELS.index(0.5)
    horizon = answer.shape[1]
    line = taken.experts[EXPERTS.index("line")][chosen]
    level = taken.experts[EXPERTS.index("level")][chosen]
    season = slice(max(reach - period, 0), reach)
    rise = (line - level)[:, season]
    believed = ((answer[:, season, middle] - level[:, season]) * rise).sum(axis=1)
    share = np.clip(believed / np.maximum((rise**2).sum(axis=1), 1e-300), 0.0, 1.0)
    result = answer.copy()
    for ahead in range(reach, horizon):
        like = max(ahead - period * -(-(ahead - reach + 1) // period), 0)
        centre = answer[:, like, middle] + share * (line[:, ahead] - line[:, like])
        wider = np.sqrt((ahead + 1) / (like + 1))
        result[:, ahead] = centre[:, None] + wider * (answer[:, like] - answer[:, like, [middle]])
    return result


def _recent_level(values: FloatArray, period: int, horizon: int, quantiles: Sequence[float]) -> FloatArray:
    """Median of the last values, normal interval from how much they vary, wider with time."""
    count = np.maximum((~np.isnan(values)).sum(axis=1), 1)
    centre = nan_median(values[:, -period:])
    centre = np.where(np.isnan(centre), nan_median(values), centre)
    spread = np.sqrt(np.nansum((values - centre[:, None]) ** 2, axis=1) / np.maximum(count - 1, 1))
    growth = np.sqrt(1 + np.arange(horizon)[None, :] / count[:, None])
    levels = norm.ppf(np.asarray(quantiles, dtype=float))
    return np.asarray(centre[:, None, None] + (spread[:, None] * growth)[:, :, None] * levels, dtype=float)


def _describe(panel: Panel, taken: Snapshot, chosen: BoolArray, notes: list[list[str]]) -> None:
    """Notes on what the history is like: gaps, silence, zeros, outliers, level shifts."""
    seen = ~np.isnan(panel.values)
    width = seen.shape[1]
    for position in np.flatnonzero(chosen):
        where = np.flatnonzero(seen[position])
        span, found = width - int(where[0]), notes[position]
        silent = width - 1 - int(where[-1])
        if silent:
            found.append(f"no value in the last {silent} steps")
        gaps = span - len(where) - silent
        if gaps:
            found.append(f"{gaps} of {span} steps have no value")
        zeros = float((panel.values[position] == 0).sum() / len(where))
        if zeros >= INTERMITTENT_SHARE:
            found.append(f"intermittent: {zeros:.0%} of the values are zero")
        if taken.outliers[position]:
            found.append(f"outliers given less weight: {int(taken.outliers[position])}")
        if taken.steps[position]:
            found.append(f"level shifts found, earlier history moved: {int(taken.steps[position])}")
