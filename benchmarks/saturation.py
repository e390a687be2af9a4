"""How true saturation dates come, beside a straight line through the last 90 days: `make bench`.

Prints the table of docs/forecasting.md. Daily demand of simulated resources; dates are forecast as of several days, and
the days that then came say who was right. A straight line through the last 90 days is what Prometheus' `predict_linear`
and Zabbix' `timeleft` do. One that knew the true growth, week and size of the noise shows what is chance.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

import numpy as np
import pandas as pd

from assets.forecasting.forecast import forecast_panel
from assets.forecasting.frames import DEFAULT_QUANTILES, BoolArray, FloatArray, build_panel
from assets.forecasting.saturation import first_passages
from assets.forecasting.straight_line import line_steps

#: One estate of 400 resources tells the ratio to a few hundredths only.
SEEDS = (20261122, 7, 99, 1, 2, 3)
SERIES = 400
DAYS = 365
HORIZON = 90
ORIGINS = (240, 210, 180, 150)
START = pd.Timestamp("2025-01-01")
PATHS = 500
SPIKE, SPIKE_CHANCE = 0.2, 0.005
GROWTHS = ("linear", "exponential", "levelling off", "shifted")


@dataclass(frozen=True)
class Answers:
    """Of each forecast: the day it came true (HORIZON + 1: not within), the simulated days, that of the straight line.

    `knowing` is the median day of one that knows all but the noise.
    """

    truth: FloatArray
    steps: FloatArray
    line: FloatArray
    knowing: FloatArray
    growth: np.ndarray


@dataclass(frozen=True)
class Estate:
    """Demand `values` [series, day] are `usual` ones with noise of the relative size `noise` [series]."""

    values: FloatArray
    usual: FloatArray
    noise: FloatArray
    usable: FloatArray
    growth: np.ndarray


def demand(random: np.random.Generator) -> Estate:
    """Demand, usable capacity and the kind of growth of every series.

    Level with growth, a working week, noise of a day that resembles its neighbours, a few outliers, in some a level
    shift before the first forecast. Usable capacity is a random multiple of the highest demand, without noise, by then:
    nothing that is to come decides on it, so some run out and some do not.
    """
    day = np.arange(DAYS)
    growth = random.integers(0, len(GROWTHS), SERIES)
    total = random.uniform(0.15, 1.2, SERIES)[:, None]
    share = day / DAYS
    shapes = np.stack([share, (np.exp(1.5 * share) - 1) / (np.e**1.5 - 1), 1 - np.exp(-2.5 * share), share])
    trend = 1 + total * shapes[growth]
    shift_day = random.integers(60, ORIGINS[-1], SERIES)
    trend += np.where((growth == 3)[:, None] & (day >= shift_day[:, None]), 0.25, 0.0)
    week = np.where((day % 7) < 5, 1.0, 1 - random.choice([0.0, 0.05, 0.15, 0.4], SERIES)[:, None])
    alike = _alike(random.standard_normal((SERIES, DAYS)))
    noise = random.uniform(0.01, 0.06, SERIES)
    spikes = SPIKE * (random.random((SERIES, DAYS)) < SPIKE_CHANCE)
    usual = trend * week
    usable = usual[:, : ORIGINS[-1]].max(axis=1) * random.uniform(1.05, 1.5, SERIES)
    return Estate(usual * (1 + noise[:, None] * alike + spikes), usual, noise, usable, growth)


def _alike(noise: FloatArray) -> FloatArray:
    """Of independent noise [..., day] such that resembles its neighbours."""
    for step in range(1, noise.shape[-1]):
        noise[..., step] = 0.4 * noise[..., step - 1] + np.sqrt(1 - 0.4**2) * noise[..., step]
    return noise


def median_day_knowing(estate: Estate, origin: int, seed: int) -> FloatArray:
    """Median first day over usable capacity [series] of what may come after `origin`, all but the noise being known."""
    random = np.random.default_rng([seed, origin])
    result = np.empty(SERIES)
    for series in range(SERIES):
        noise = estate.noise[series] * _alike(random.standard_normal((PATHS, HORIZON)))
        spikes = SPIKE * (random.random((PATHS, HORIZON)) < SPIKE_CHANCE)
        over = estate.usual[series, origin : origin + HORIZON] * (1 + noise + spikes) >= estate.usable[series]
        days = np.where(over.any(axis=1), over.argmax(axis=1) + 1, HORIZON + 1)
        result[series] = np.quantile(days, 0.5, method="inverted_cdf")
    return result


def replay(seeds: tuple[int, ...] = SEEDS) -> Answers:
    """Every forecast as of every origin of a series that has not run out by then, of one estate a seed."""
    parts: list[list[np.ndarray]] = [[], [], [], [], []]
    for seed in seeds:
        _replay_estate(seed, parts)
    return Answers(*(np.concatenate(part) for part in parts))


def _replay_estate(seed: int, parts: list[list[np.ndarray]]) -> None:
    estate = demand(np.random.default_rng(seed))
    values, usable = estate.values, estate.usable
    dates = pd.date_range(START, periods=DAYS)
    names = [f"s{number:03d}" for number in range(SERIES)]
    history = pd.DataFrame(
        {"unique_id": np.repeat(names, DAYS), "ds": np.tile(dates, SERIES), "y": values.ravel(), "lower": 0.0}
    )
    limits = pd.DataFrame({"unique_id": names, "ds": START, "usable": usable})
    for origin in ORIGINS:
        panel = build_panel(history, "D", end=dates[origin - 1])
        made = forecast_panel(panel, HORIZON, DEFAULT_QUANTILES, seed=1)
        found = first_passages(made, limits, seed=1)
        over = values[:, origin : origin + HORIZON] >= usable[:, None]
        truth = np.where(over.any(axis=1), over.argmax(axis=1) + 1, HORIZON + 1)
        fresh = ~(values[:, :origin] >= usable[:, None]).any(axis=1) & found.is_known
        line = line_steps(panel.values, np.repeat(usable[:, None], HORIZON, axis=1))
        knowing = median_day_knowing(estate, origin, seed)
        for part, rows in zip(parts, (truth, found.steps, line, knowing, estate.growth), strict=True):
            part.append(rows[fresh])


def matters(answers: Answers) -> BoolArray:
    """Forecasts where somebody said that it runs out within the horizon, or it did."""
    likely = (answers.steps <= HORIZON).mean(axis=1) >= 0.5
    return np.asarray(likely | (answers.line <= HORIZON) | (answers.truth <= HORIZON), dtype=np.bool_)


def expected(answers: Answers) -> BoolArray:
    """Forecasts that say something of a date: chosen by what was said, never by what came."""
    return np.asarray((answers.steps <= HORIZON).mean(axis=1) >= 0.2, dtype=np.bool_)


def coverage(steps: FloatArray, truth: FloatArray) -> float:
    """Share of truths between p10 and p90, as the probability integral transform tells it.

    A day that has not come within the horizon counts by the part of what is left of the distribution that lies within;
    days are whole, so a day counts by the part of its own probability that does (Czado et al. 2009).
    """
    below = (steps < truth[:, None]).mean(axis=1)
    upto = np.where(truth > HORIZON, 1.0, (steps <= truth[:, None]).mean(axis=1))
    inside = np.clip(np.minimum(upto, 0.9) - np.maximum(below, 0.1), 0, None)
    point = (below >= 0.1) & (below <= 0.9)
    return float(np.where(upto > below, inside / np.maximum(upto - below, 1e-12), point).mean())


def dates_within(steps: FloatArray, truth: FloatArray, sure: float = 0.9) -> tuple[float, int]:
    """Share of truths between the p10 and p90 dates, of forecasts that are sure of saturation within the horizon."""
    known = (steps <= HORIZON).mean(axis=1) >= sure
    low, high = np.quantile(steps[known], (0.1, 0.9), axis=1, method="inverted_cdf")
    return float(((truth[known] >= low) & (truth[known] <= high)).mean()), int(known.sum())


def main() -> None:
    """Replay, score, print one row a method and kind of growth."""
    answers = replay()
    median = np.quantile(answers.steps, 0.5, axis=1, method="inverted_cdf")
    print(
        "| demand | forecasts | median error of the date, days | of a straight line | ratio | mean error "
        "| of a straight line | median error of one that knows all but the noise | p10–p90 covers |\n"
        "|---|---|---|---|---|---|---|---|---|"
    )
    for number, name in [*enumerate(GROWTHS), (None, "all")]:
        chosen = matters(answers) & (number is None or answers.growth == number)
        ours, line, knowing = (
            np.abs(found - answers.truth)[chosen] for found in (median, answers.line, answers.knowing)
        )
        row = (
            np.median(ours),
            np.median(line),
            np.median(ours) / max(np.median(line), 1e-9),
            ours.mean(),
            line.mean(),
        )
        asked = expected(answers) & (number is None or answers.growth == number)
        covered = coverage(answers.steps[asked], answers.truth[asked])
        print(
            f"| {name} | {chosen.sum()} | {row[0]:.1f} | {row[1]:.1f} | {row[2]:.2f} "
            f"| {row[3]:.1f} | {row[4]:.1f} | {np.median(knowing):.1f} | {covered:.0%} |"
        )
    share, count = dates_within(answers.steps, answers.truth)
    print(
        f"\nOf {count} forecasts sure (≥ 90 %) of saturation within {HORIZON} days, p10 to p90 holds {share:.0%}."
    )
    print("\n| probability of saturation within | forecast | came | forecasts |\n|---|---|---|---|")
    for days in (30, 60, 90):
        said = (answers.steps <= days).mean(axis=1)
        for low, high in ((0, 0.2), (0.2, 0.4), (0.4, 0.6), (0.6, 0.8), (0.8, 1.0001)):
            chosen = (said >= low) & (said < high)
            if chosen.any():
                came = (answers.truth[chosen] <= days).mean()
                print(f"| {days} days | {said[chosen].mean():.0%} | {came:.0%} | {chosen.sum()} |")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
