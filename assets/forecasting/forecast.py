"""Quantile forecasts of many series at once: `forecast` for frames, `forecast_panel` for what runs on arrays.

Every series gets an answer from the best model its history allows, and a note on whatever made it worse.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from assets.forecasting.dependence import Dependence, estimate_dependence
from assets.forecasting.excursions import mix
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
from assets.forecasting.learner import ORIGINS, Learned, choose_origins, learn
from assets.forecasting.mixture import View, views
from assets.forecasting.prior import prior_answer, prior_serves
from assets.forecasting.quantiles import LEVELS, interpolate
from assets.forecasting.regressors import take_off
from assets.forecasting.seasonal_naive import seasonal_naive
from assets.forecasting.simple import recent_level, straight_lines
from assets.forecasting.spikes import Spikes, estimate_spikes, no_spikes

LEARNED = "quantile_trees"
PRIOR = "prior_trees"
NAIVE = "seasonal_naive"
RECENT = "recent_level"
CONSTANT = "constant"
STRAIGHT = "straight_line"
NONE = "none"
INTERMITTENT_SHARE = 0.4
#: Fewer series are forecast sooner than another process has started.
MANY_SERIES = 200
#: A series that has been silent for this many seasons is taken to be switched off.
SILENT_SEASONS = 4
#: How much worse than seasonal naive on held-back history counts as worse: a few windows are noisy evidence.
WORSE_RATIO = 1.2
#: Beyond what history can teach, a trend halves after this many times the history's length.
TREND_LIVES = 2.0
#: Share of the variance of errors there that a wrong slope makes (it grows with the square of time).
SLOPE_SHARE = 0.2
#: 80 % interval of normal noise in units of its median absolute size, and as how much of an interval it counts at most.
NOISE_WIDTH, MOST_NOISE = 3.8, 0.95
#: What nobody has judged is wider: by this part of the variance (but noise) for each time as far as was judged, or as
#: `JUDGED_SEASONS` if that is more.
UNJUDGED_SHARE, JUDGED_SEASONS = 0.5, 4


@dataclass(frozen=True)
class PanelForecast:
    """Forecasts of a panel: `values` [series, horizon, quantile], one model name and note text a series.

    `dependence` and `spikes` tell how quantiles of steps become paths (`assets/forecasting/paths.py`).
    `learned` is the trained model, None where no series had enough history.
    """

    panel: Panel
    quantiles: tuple[float, ...]
    values: FloatArray
    models: tuple[str, ...]
    notes: tuple[str, ...]
    dependence: Dependence
    spikes: Spikes
    learned: Learned | None = None

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


def forecast_known_ahead(
    history: pd.DataFrame,
    horizon: int,
    freq: str,
    quantiles: Sequence[float] = DEFAULT_QUANTILES,
    seed: int = 0,
    seasons: Sequence[int] = (),
) -> PanelForecast:
    """`forecast` of a frame whose further columns are known regressors, with everything that was learned.

    Rows after the last `y` of a series give the regressors ahead and are no missing values. `seasons` are season
    lengths in steps, shortest first, instead of those of the frequency.

    Raises ForecastInputError like `forecast`, and for seasons below 2 or out of order.
    """
    if list(seasons) != sorted(set(seasons)) or any(season < 2 for season in seasons):
        raise ForecastInputError(
            f"seasons {tuple(seasons)}: give increasing whole numbers of steps from 2 on"
        )
    names = [str(name) for name in history.columns if name not in ("unique_id", "ds", "y", "lower", "upper")]
    past = _without_ahead(history) if {"unique_id", "ds", "y"} <= set(history.columns) else history
    panel = replace(build_panel(past, freq), seasons=tuple(seasons))
    if not names:
        return forecast_panel(panel, horizon, quantiles, seed)
    known = np.stack([_regressor(history, name, panel, horizon, freq) for name in names])
    width = panel.values.shape[1]
    plain, effect, used = take_off(panel, known[:, :, :width], known[:, :, width:])
    # What is left of a demand may lie below zero: bounds hold for the sum.
    free = replace(
        plain, lower=np.where(used, -np.inf, panel.lower), upper=np.where(used, np.inf, panel.upper)
    )
    made = forecast_panel(free, horizon, quantiles, seed)
    lower, upper = natural_bounds(panel)
    values = np.clip(made.values + effect[:, :, None], lower[:, None, None], upper[:, None, None])
    notes = list(made.notes)
    unknown = np.isnan(known[:, :, width:]).sum(axis=(0, 2)) > 0
    for series in range(len(notes)):
        text = "known regressors used: " if used[series] else "known regressors left out, no effect found: "
        parts = [notes[series], text + ", ".join(names)]
        if used[series] and unknown[series]:
            parts.append("regressors are not known for every step ahead: their last value goes on")
        notes[series] = "; ".join(part for part in parts if part)
    return replace(made, panel=panel, values=values, notes=tuple(notes))


def _without_ahead(history: pd.DataFrame) -> pd.DataFrame:
    """The rows up to the last `y` of each series; a series without any keeps its rows."""
    stamps = pd.to_datetime(pd.Series(history["ds"].to_numpy()), utc=True, errors="coerce", format="mixed")
    ids = pd.Series(history["unique_id"].to_numpy())
    last = stamps.where(pd.Series(history["y"].to_numpy()).notna()).groupby(ids).transform("max")
    ahead = (stamps > last).to_numpy() & history["y"].isna().to_numpy()
    return history[~ahead]


def _regressor(history: pd.DataFrame, name: str, panel: Panel, horizon: int, freq: str) -> FloatArray:
    """One regressor on the grid of the panel and on over the horizon [series, time + horizon]."""
    column = history[["unique_id", "ds"]].assign(y=history[name])
    column = column[column["unique_id"].astype(str).isin(panel.ids)]
    width = panel.values.shape[1]
    found = np.full((len(panel.ids), width + horizon), np.nan)
    grid = build_panel(column, freq)
    position = {unique_id: number for number, unique_id in enumerate(grid.ids)}
    for series, unique_id in enumerate(panel.ids):
        number = position[unique_id]
        source = grid.values[number]
        # Column of the target in which the source's last value stands.
        end = width + int(grid.last[number] - panel.last[series])
        first = max(0, end - len(source))
        stop = min(end, width + horizon)
        if stop > first:
            found[series, first:stop] = source[len(source) - end + first : len(source) - end + stop]
    return found


def forecast_panel(panel: Panel, horizon: int, quantiles: Sequence[float], seed: int) -> PanelForecast:
    """Forecast a panel. Raises ForecastInputError for a horizon below 1 or unusable quantiles."""
    quantile_columns(quantiles)
    if horizon < 1:
        raise ForecastInputError(f"horizon {horizon}: give at least one step")
    count, silent = known_count(panel.values), steps_since_last(panel.values)
    gone = (count > 0) & (silent >= SILENT_SEASONS * panel.periods[0])
    few = (count < MIN_POINTS) & ~gone
    draft = _Draft(panel, horizon, len(quantiles))
    learned: Learned | None = None
    if (~gone & ~few).any():
        # One thread: sums then have one order, and waiting threads do not eat a busy machine.
        with threadpool_limits(1):
            learned = _fill(draft, panel, ~gone & ~few, quantiles, seed)
    draft.note(few, f"a forecast needs at least {MIN_POINTS} values, here are {{}}", count)
    draft.note(gone, "silent for the last {} steps: not forecast", silent)
    lower, upper = natural_bounds(panel)
    middle = draft.values[:, :, len(quantiles) // 2]
    held = ((middle < lower[:, None]) | (middle > upper[:, None])).sum(axis=1)
    draft.note(held > 0, "held at a bound on {} of the steps ahead", held)
    return PanelForecast(
        panel=panel,
        quantiles=tuple(float(level) for level in quantiles),
        values=np.clip(draft.values, lower[:, None, None], upper[:, None, None]),
        models=tuple(str(name) for name in draft.models),
        notes=tuple("; ".join(found) for found in draft.notes),
        dependence=estimate_dependence(
            learned.calibration.scores if learned is not None else (), len(panel.ids), panel.periods[0]
        ),
        spikes=_spikes(learned.now, count, panel.periods[0])
        if learned is not None
        else no_spikes(len(panel.ids)),
        learned=learned,
    )


def _spikes(now: View, count: IntArray, period: int) -> Spikes:
    level = now.level[:, :period].mean(axis=1)
    return estimate_spikes(now.spikes, now.spike_size, level, count.astype(float))


def known_count(values: FloatArray) -> IntArray:
    """Number of values in each row that are not missing."""
    return (~np.isnan(values)).sum(axis=1).astype(np.int64)


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


class _Draft:
    """Forecasts in the making: each series is put in once, by the model that its history allows."""

    def __init__(self, panel: Panel, horizon: int, levels: int) -> None:
        self.values = np.full((len(panel.ids), horizon, levels), np.nan)
        self.models = np.full(len(panel.ids), NONE, dtype=object)
        self.notes = [list(found) for found in panel.notes]

    def put(self, chosen: BoolArray, values: FloatArray, model: str) -> None:
        """Take the values [chosen series, horizon, quantile] of one model."""
        self.values[chosen], self.models[chosen] = values, model

    def note(self, chosen: BoolArray, text: str, numbers: IntArray | None = None) -> None:
        """Note something on each chosen series; `{}` in the text becomes its number."""
        for position in np.flatnonzero(chosen):
            self.notes[position].append(text if numbers is None else text.format(numbers[position]))


def _fill(
    draft: _Draft, panel: Panel, enough: BoolArray, quantiles: Sequence[float], seed: int
) -> Learned | None:
    """Forecast the series that have enough points to say anything."""
    horizon, period = draft.values.shape[1], panel.periods[0]
    learned = learn(panel.values, panel.periods, horizon, quantiles, seed, panel.week_phase)
    taken = learned.now if learned is not None else _seen_untaught(panel, horizon)
    line, is_constant, is_line = straight_lines(panel.values, 2 * period + 1, horizon)
    constant, straight = enough & is_constant, enough & is_line
    short = enough & ~constant & ~straight & ~taken.is_ready
    rest = enough & ~constant & ~straight & taken.is_ready
    _describe(panel, taken, enough & ~constant & ~straight, draft.notes)
    for chosen, model in ((constant, CONSTANT), (straight, STRAIGHT)):
        draft.put(chosen, line[chosen][:, :, None], model)
    draft.note(constant, "constant history: the interval has no width")
    draft.note(straight, "history without noise, a straight line: the interval has no width")
    draft.put(short, recent_level(panel.values[short], period, horizon, quantiles), RECENT)
    draft.note(short, "{} values are less than two seasons: recent level only", known_count(panel.values))
    naive = _fill_learned(draft, learned, rest, period, quantiles) if learned is not None else rest
    if learned is None and taken.behaviour.shape[2]:
        draft.put(rest, _prior_values(taken, np.flatnonzero(rest), quantiles), PRIOR)
        draft.note(
            rest,
            "{} values are too few to learn from: trees trained on other series",
            known_count(panel.values),
        )
        return learned
    draft.put(naive, seasonal_naive(panel.values[naive], period, horizon, quantiles), NAIVE)
    if learned is None:
        draft.note(naive, "{} values are too few to learn from: seasonal naive", known_count(panel.values))
    return learned


def _seen_untaught(panel: Panel, horizon: int) -> View:
    """The end of a history that is too short to hold any of it back, with what the prior reads if it serves."""
    width = panel.values.shape[1]
    if not prior_serves(panel.periods, len(panel.ids)):
        return views(panel.values, [width], panel.periods, horizon, panel.week_phase)[0]
    origins = choose_origins(width, panel.periods, horizon, ORIGINS)
    ends = [*origins, width]
    return views(panel.values, ends, panel.periods, horizon, panel.week_phase, with_behaviour=True)[-1]


def _prior_values(taken: View, chosen: IntArray, quantiles: Sequence[float]) -> FloatArray:
    """What the prior says of the chosen series."""
    rows, further = taken.features[chosen], taken.behaviour[chosen]
    count, horizon = rows.shape[:2]
    answer = prior_answer(rows.reshape(-1, rows.shape[2]), further.reshape(-1, further.shape[2]))
    narrow = np.repeat(taken.narrow[chosen], horizon)
    answer = mix(answer, taken.stay[chosen].ravel(), taken.stayed[chosen].ravel(), narrow)
    answer = answer.reshape(count, horizon, len(LEVELS))
    answer = answer * taken.scale[chosen, None, None] + taken.reference[chosen][:, :, None]
    return interpolate(answer, quantiles)


def _fill_learned(
    draft: _Draft, learned: Learned, rest: BoolArray, period: int, quantiles: Sequence[float]
) -> BoolArray:
    """Forecast what the trees are good for; returns the series on which seasonal naive did better."""
    worse = rest & (learned.calibration.errors > WORSE_RATIO * learned.calibration.naive_errors)
    good = rest & ~worse
    draft.put(good, _learned_values(learned, np.flatnonzero(good), period, quantiles), LEARNED)
    draft.note(worse, "falls back to seasonal naive, which did clearly better on held-back history")
    if learned.taught < draft.values.shape[1]:
        text = f"from step {learned.taught + 1} on the history is too short to learn from: "
        draft.note(good, text + "the trend goes on and the interval widens")
    return worse


def _learned_values(
    learned: Learned, chosen: IntArray, period: int, quantiles: Sequence[float]
) -> FloatArray:
    """Answers for the chosen series, carried on beyond what the history could teach."""
    answer = _widen(learned.answer(chosen), learned, chosen, period)
    if learned.reach < answer.shape[1]:
        answer = _carry_on(answer, learned.now, chosen, learned.reach, period, learned.now.origin)
    return interpolate(answer, quantiles)


def _carry_on(
    answer: FloatArray, taken: View, chosen: IntArray, reach: int, period: int, history: int
) -> FloatArray:
    """Beyond `reach`: the same phase of the last season within reach, moved along the trend, and wider.

    Trees cannot extrapolate. How much of the straight line they believed in the last season within reach is how much
    of it goes on, fading: half as steep after each `TREND_LIVES` times the history it was seen in. The interval
    widens between the square root of time (errors that cancel) and time itself (a wrong slope), but for the part of
    its variance that is noise: that is the same on every day.
    """
    middle = LEVELS.index(0.5)
    horizon = answer.shape[1]
    line, level = taken.line[chosen], taken.level[chosen]
    season = slice(max(reach - period, 0), reach)
    rise = (line - level)[:, season]
    believed = ((answer[:, season, middle] - level[:, season]) * rise).sum(axis=1)
    share = np.clip(believed / np.maximum((rise**2).sum(axis=1), 1e-300), 0.0, 1.0)
    keep = 0.5 ** (1 / (TREND_LIVES * history))
    faded = (1 - keep ** np.arange(horizon)) / (1 - keep)
    slope = line[:, -1] - line[:, -1 - period] if horizon > period else line[:, -1] - line[:, 0]
    slope = slope / min(period, max(horizon - 1, 1))
    result = answer.copy()
    for ahead in range(reach, horizon):
        like = max(ahead - period * -(-(ahead - reach + 1) // period), 0)
        further = faded[ahead] - faded[reach] + (reach - like)
        centre = answer[:, like, middle] + share * slope * further
        ratio = (ahead + 1) / (like + 1)
        grown = (1 - SLOPE_SHARE) * ratio + SLOPE_SHARE * ratio**2
        noise = _noise_share(answer[:, like], taken.noise[chosen])
        wider = np.sqrt(noise + (1 - noise) * grown)[:, None]
        result[:, ahead] = centre[:, None] + wider * (answer[:, like] - answer[:, like, [middle]])
    return result


def _widen(answer: FloatArray, learned: Learned, chosen: IntArray, period: int) -> FloatArray:
    """Wider around the median on steps farther ahead than any held-back origin could be judged on."""
    farthest = max(learned.judged, JUDGED_SEASONS * period)
    steps = np.arange(1, answer.shape[1] + 1)
    # Beyond reach the interval of the last season within goes on widening by itself.
    grown = 1 + UNJUDGED_SHARE * np.maximum(np.minimum(steps, learned.reach) / farthest - 1, 0.0)
    noise = _noise_share(answer, learned.now.noise[chosen, None])
    middle = answer[:, :, [LEVELS.index(0.5)]]
    return np.asarray(
        middle + np.sqrt(noise + (1 - noise) * grown)[:, :, None] * (answer - middle), dtype=float
    )


def _noise_share(answer: FloatArray, noise: FloatArray) -> FloatArray:
    """Part of the variance behind quantiles [..., level] that is noise of this median absolute size [...]."""
    width = np.maximum(answer[..., -1] - answer[..., 0], 1e-300)
    return np.asarray(np.minimum(NOISE_WIDTH * noise / width, MOST_NOISE) ** 2, dtype=float)


def _describe(panel: Panel, taken: View, chosen: BoolArray, notes: list[list[str]]) -> None:
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
        if taken.excursion[position]:
            text = "far from the level before for {} steps at the end: may stay, as long as earlier ones did"
            found.append(text.format(int(taken.excursion[position])))
