"""Made-up hourly series with the character of operations data: what the prior trees are trained on.

Each is a random mixture of what servers and services do: daily and weekly seasons of any shape, noise of any colour,
level shifts, spikes, batch jobs, on and off, fill and purge, dropouts, limits, counts, gaps. Series of one batch are
alike, as those of one estate are. No measured value gets in. After the kernel mixtures of Ansari et al., "Chronos:
learning the language of time series", 2024.
"""

from __future__ import annotations

import numpy as np
from scipy.signal import lfilter

from assets.forecasting.frames import FloatArray, IntArray

DAY, WEEK = 24, 168
#: Hours ahead of UTC: where people work, and stamps that are local time already.
TIME_ZONES = (-8, -7, -6, -5, -3, 0, 0, 0, 0, 1, 2, 3, 5, 8, 9)
#: Part of the series whose week has nothing to do with the calendar.
OWN_CALENDAR = 0.1
#: How common each part is in a batch: the two numbers of a beta distribution.
_COMMON = {
    "day": (2.0, 1.0),
    "week": (1.5, 1.5),
    "other_period": (0.5, 4.0),
    "wander": (1.0, 4.0),
    "trend": (1.0, 4.0),
    "shift": (1.0, 2.0),
    "held": (1.0, 2.0),
    "spike": (1.0, 1.5),
    "burst": (1.0, 3.0),
    "batch_job": (1.0, 3.0),
    "on_off": (0.5, 4.0),
    "fill_and_purge": (0.5, 5.0),
    "idle": (0.6, 4.0),
    "multiplied": (1.5, 1.5),
    "limit": (0.7, 4.0),
    "dropout": (0.7, 3.0),
    "count": (0.6, 3.0),
}
_TINY = 1e-9
Random = np.random.Generator


def made_up(seed: int, number: int, count: int, width: int) -> tuple[FloatArray, IntArray]:
    """Batch `number` of the corpus of a seed: `count` series of `width` hours [series, time], NaN where missing.

    And hours from Monday midnight (UTC) to the first of them, one a series: days begin and end in its own time zone.
    """
    random = np.random.default_rng([seed, number])
    common = {part: float(random.beta(*shape)) for part, shape in _COMMON.items()}
    loudness = float(random.normal(-0.9, 0.8))
    series, phases = zip(*(_series(random, common, loudness, width) for _ in range(count)), strict=True)
    return np.stack(series), np.array(phases, dtype=np.int64)


def _series(random: Random, common: dict[str, float], loudness: float, width: int) -> tuple[FloatArray, int]:
    has = {part: bool(random.random() < share) for part, share in common.items()}
    first = int(random.integers(WEEK))
    time = first + np.arange(float(width))
    phase = (first - int(random.choice(TIME_ZONES))) % WEEK
    if random.random() < OWN_CALENDAR:
        phase = int(random.integers(WEEK))
    values = _seasons(random, has, time)
    values = values + _noise(random, values, np.exp(loudness + random.normal(0, 0.9)))
    values = _levels(random, has, values)
    values = _events(random, has, values, time)
    return _as_measured(random, has, values), phase


def _seasons(random: Random, has: dict[str, bool], time: FloatArray) -> FloatArray:
    """Days, weeks and other periods; working days differ from weekends, and days a little from each other."""
    values, week = np.zeros(len(time)), np.ones(len(time))
    weekday = ((time // DAY) % 7).astype(int)
    if has["week"]:
        if random.random() < 0.7:
            saturday = random.uniform(0.1, 1.0)
            week = np.where(
                weekday == 5, saturday, np.where(weekday == 6, saturday * random.uniform(0.8, 1.1), 1.0)
            )
        else:
            week = np.exp(random.normal(size=7) * random.uniform(0.05, 0.4))[weekday]
    if has["day"]:
        shape = _period(random, DAY, time)
        if random.random() < 0.3:
            shape = shape + random.uniform(0.2, 0.8) * _period(random, random.choice([DAY, DAY / 2]), time)
        if random.random() < 0.6:
            shape = shape - shape.min()
        days = _autoregressive(random, len(time) // DAY + 1, random.choice([0.0, 0.5, 0.9]), 0)
        strength = np.exp(days * random.choice([0.0, 0.05, 0.15, 0.4]))[np.arange(len(time)) // DAY]
        values = values + shape * week * strength * np.exp(random.normal(0, 0.4))
    elif has["week"]:
        values = values + (week - 1) * np.exp(random.normal(0, 0.5))
    if random.random() < 0.12:
        values = values + _period(random, WEEK, time) * np.exp(random.normal(-0.7, 0.6))
    if has["other_period"]:
        period = float(random.choice([3, 4, 5, 6, 8, 12, 36, 48, random.uniform(3, 80)]))
        values = values + _period(random, period, time) * np.exp(random.normal(-0.5, 0.6))
    return values


def _period(random: Random, period: float, time: FloatArray) -> FloatArray:
    """One period of a random shape, repeated: waves, working hours, a peak, or a wander that closes."""
    phase, kind = (time % period) / period, random.integers(4)
    away = np.abs((phase - random.random() + 0.5) % 1 - 0.5)
    if kind == 0:
        shape, fading = np.zeros(len(time)), random.uniform(0.3, 1.5)
        for wave in range(1, int(random.integers(2, 6))):
            shape = shape + random.normal() / wave**fading * np.sin(
                2 * np.pi * (wave * phase + random.random())
            )
    elif kind == 1:
        edge = (away - random.uniform(0.07, 0.3)) / random.uniform(0.01, 0.1)
        shape = 1 / (1 + np.exp(np.clip(edge, -30, 30)))
    elif kind == 2:
        shape = random.choice([1.0, 1.0, 1.0, -1.0]) * np.exp(-((away / random.uniform(0.02, 0.12)) ** 2))
    else:
        steps = max(int(period), 2)
        walk = np.cumsum(random.normal(size=steps))
        shape = (walk - np.linspace(walk[0], walk[-1], steps))[(time % period).astype(int) % steps]
    return np.asarray((shape - shape.mean()) / max(float(shape.std()), _TINY), dtype=float)


def _autoregressive(random: Random, width: int, keep: float, tails: int) -> FloatArray:
    """AR(1) of variance about 1 with normal, heavy or one-sided shocks."""
    size = width + 50
    shocks = (
        random.normal(size=size),
        random.standard_t(3, size=size) / 1.7,
        random.exponential(size=size) - 1,
    )
    return np.asarray(lfilter([np.sqrt(1 - keep**2)], [1, -keep], shocks[tails])[50:], dtype=float)


def _noise(random: Random, values: FloatArray, size: float) -> FloatArray:
    """Noise of any colour; in some series it comes and goes, or grows with the level."""
    width, kind = len(values), random.random()
    if kind < 0.55:
        keep = random.choice([0.0, 0.2, 0.5, 0.7, 0.85, 0.95, 0.98])
        noise = _autoregressive(random, width, keep, int(random.integers(3)))
    elif kind < 0.8:
        pitch = np.fft.rfftfreq(width)
        pitch[0] = 1 / width
        waves = random.normal(size=len(pitch)) + 1j * random.normal(size=len(pitch))
        noise = np.fft.irfft(waves * pitch ** (-random.uniform(0, 1.8) / 2), width)
        noise = (noise - noise.mean()) / max(float(noise.std()), _TINY)
    else:
        slow = _autoregressive(random, width, random.choice([0.8, 0.95, 0.99]), 0)
        noise = 0.7 * (slow + _autoregressive(random, width, 0.0, int(random.integers(3))))
    if random.random() < 0.25:
        noise = noise * np.exp(
            _autoregressive(random, width, random.choice([0.9, 0.98]), 0) * random.uniform(0.2, 1)
        )
    if random.random() < 0.3:
        above = values - values.min()
        noise = noise * (random.uniform(0.1, 1) + above / (above.mean() + _TINY)) / 1.5
    return np.asarray(size * noise, dtype=float)


def _levels(random: Random, has: dict[str, bool], values: FloatArray) -> FloatArray:
    """What moves the level: wander, trend, shifts, states that are left and entered again, fill and purge."""
    width, size, time = len(values), float(values.std()) + _TINY, np.arange(len(values))
    if has["wander"]:
        values = values + np.cumsum(random.normal(size=width)) * size * random.choice([0.01, 0.03, 0.1, 0.2])
    if has["trend"]:
        values = values + (time - width / 2) / WEEK * size * random.normal(0, 0.4)
    if has["shift"]:
        for _ in range(1 + random.poisson(width / random.choice([100, 300, 700]))):
            values = values + (time >= random.integers(width)) * size * random.normal() * random.choice(
                [0.5, 1.5, 4]
            )
    if has["held"]:
        for start, end in _episodes(random, width, 1 / random.choice([100, 300])):
            values[start:end] += size * random.normal() * random.choice([1, 3])
    if has["on_off"]:
        mean = random.choice([3, 8, 24, 60], 2)
        lengths = 1 + random.exponential(np.tile(mean, width // 2)).astype(int)
        is_on = np.repeat((np.arange(len(lengths)) + random.integers(2)) % 2, lengths)[:width]
        values = values + is_on * size * np.exp(random.normal(0.5, 0.7))
    if has["fill_and_purge"]:
        period = random.uniform(10, 250)
        lengths = np.maximum(
            random.normal(period, period * random.choice([0, 0.05, 0.3]), int(width / period) * 3 + 5), 4
        )
        purges = np.concatenate([[-period], np.cumsum(lengths) - random.uniform(0, period)])
        last = purges[np.maximum(np.searchsorted(purges, time, side="right") - 1, 0)]
        values = values + (time - last) / period * size * np.exp(random.normal(0.5, 0.7))
    return np.asarray(values, dtype=float)


def _episodes(random: Random, width: int, rate: float) -> list[tuple[int, int]]:
    """Starts and ends at random times; how long they last is Pareto: most are short, some stay."""
    count = int(random.poisson(rate * width))
    lasting = np.minimum(1 + random.pareto(random.uniform(0.5, 1.5), size=count), 400).astype(int)
    return [
        (int(start), int(start + length))
        for start, length in zip(random.integers(0, width, count), lasting, strict=True)
    ]


def _events(random: Random, has: dict[str, bool], values: FloatArray, time: FloatArray) -> FloatArray:
    """What stands out: spikes, bursts that ebb away, batch jobs on a timetable; some machines do nothing else."""
    width, size = len(values), float(values.std()) + _TINY
    if has["idle"]:
        values = (values - np.median(values)) * random.choice([0.02, 0.1, 0.3]) / size
        size = max(float(values.std()), 1e-3) * random.uniform(1, 5)
    rate = np.exp(random.normal(-4.5, 1.2))
    if has["spike"]:
        height = random.choice([1.0, 1.0, 1.0, -1.0]) * size * np.exp(random.normal(1.3, 0.8))
        lasting = random.choice([0, 0, 1, 3])
        for start in random.integers(0, width, random.poisson(rate * width)):
            values[start : start + 1 + random.poisson(lasting)] += height * np.exp(random.normal(0, 0.6))
    if has["burst"]:
        rise, ebb = random.choice([0, 0, 2, 6]), random.choice([2, 5, 12, 30])
        for start in random.integers(0, width, random.poisson(rate / 2 * width)):
            since = np.arange(width) - start
            wave = np.where(
                since < 0,
                np.exp(np.clip(since, -300, 0) / max(rise, 0.1)),
                np.exp(-np.maximum(since, 0) / ebb),
            )
            values = values + size * np.exp(random.normal(1, 0.8)) * wave
    if has["batch_job"]:
        period = float(random.choice([6, 12, 24, 24, 24, 48, 168, 25, random.uniform(5, 60)]))
        lasting, first, left_out = (
            random.integers(1, 5),
            random.uniform(0, period),
            random.choice([0, 0, 0.1, 0.3]),
        )
        run = np.floor((time - first) / period).astype(int)
        is_left_out = (random.random(int(run.max() - run.min()) + 1) < left_out)[run - run.min()]
        work = size * np.exp(random.normal(1, 0.7)) * np.exp(0.1 * random.normal(size=width))
        values = values + np.where(((time - first) % period < lasting) & ~is_left_out, work, 0.0)
    return np.asarray(values, dtype=float)


def _as_measured(random: Random, has: dict[str, bool], values: FloatArray) -> FloatArray:
    """As a gauge, a ratio or a count shows it: not below zero, within limits, rounded, in any unit, with gaps."""
    width, kind = len(values), random.random()
    score = (values - np.median(values)) / (values.std() + _TINY)
    if has["multiplied"]:
        shown = np.exp(np.clip(score * random.uniform(0.1, 0.9), -6, 6))
    elif kind < 0.5:
        shown = score - score.min() + random.exponential() * random.choice([0.1, 1, 5, 20])
    elif kind < 0.75:
        shown = 1 / (1 + np.exp(-np.clip(score * random.uniform(0.3, 1.5) + random.normal(0, 2), -30, 30)))
    else:
        shown = np.maximum(score + random.normal(0.5, 1.5), 0.0)
    if has["limit"]:
        top = np.quantile(shown, random.uniform(0.6, 0.97))
        shown = np.minimum(shown, top)
        if random.random() < 0.3:
            shown = np.maximum(shown, np.quantile(shown, random.uniform(0.05, 0.4)))
    if has["dropout"]:
        left = random.choice([0, 0, 0, 0.05, 0.3])
        for start, end in _episodes(random, width, 1 / random.choice([60, 200, 500])):
            shown[start:end] *= left
    shown = shown / (np.abs(shown).mean() + _TINY)
    kind = random.random()
    if has["count"]:
        many = shown * random.choice([0.3, 1, 5, 30, 200])
        shown = random.poisson(np.clip(many, 0, 1e6)).astype(float) if kind < 0.6 else np.round(many)
    elif kind < 0.1:
        shown = np.round(shown * 20) / 20
    elif kind < 0.18:
        held = random.random(width) < random.choice([0.5, 0.8, 0.95])
        shown = shown[np.maximum.accumulate(np.where(held, 0, np.arange(width)))]
    if random.random() < 0.15:
        shown[random.random(width) < random.choice([0.005, 0.03, 0.1])] = np.nan
    if random.random() < 0.08:
        first = random.integers(width)
        shown[first : first + random.integers(2, 40)] = np.nan
    return np.asarray(shown * 10.0 ** random.uniform(-2, 5), dtype=float)
