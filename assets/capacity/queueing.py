"""Latency against load from production data: where the agreed latency is reached, or why the data do not tell.

R(X) = S / (1 − (X/C)^m): S is latency at rest, C the throughput at which latency has no bound, m how late the knee
comes. m = 1 is M/M/1; with m servers it is the usual approximation of M/M/m (Gunther, Analyzing Computer System
Performance with Perl::PDQ, 2005, chapter 2). Fitted to the logarithm of latency, since latency scatters in proportion.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import stats

from assets.capacity.usl import CONFIDENCE, Estimate

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

#: Fewer days than this cannot show a weekly busy hour.
MIN_DAYS = 7
BINS = 30
_HOURS_A_BIN = 3
_MIN_BINS = 6
#: A bin's median is not known better than this, relative: histogram buckets and hours of mixed load.
_FLOOR = 0.01
#: The knee is near when the busiest hours are this much slower than the fitted latency at rest.
KNEE_RATIO = 1.1
#: How far above the busiest measured hour the sustainable throughput, and the upper end of its interval, may lie.
MAX_OVER_MEASURED = 1.5
MAX_HIGH_OVER_MEASURED = 2.0
HELD_OUT = 0.25
#: No interval is narrower than this on either side: an hour's mean hides what its minutes carried.
_LEAST_DOUBT = 0.03
_CLOSEST = 0.99
_POWERS: Floats = np.geomspace(1.0, 12.0, 45)
_REACH: Floats = np.concatenate([np.linspace(0.9, 1.5, 121), np.geomspace(1.51, 20.0, 80)])


@dataclass(frozen=True)
class QueueingFit:
    """A fitted curve. `sustainable` is the throughput at which latency reaches `target_seconds`.

    Figures are None when the data were too few to fit. `held_out_ratio` is the mean absolute error (of log latency) on
    the last quarter of days, of a fit to the days before, over that of a constant. `refusal` says why the sustainable
    throughput is not told, None when it is.
    """

    rest_seconds: Estimate | None
    limit_per_second: Estimate | None
    power: Estimate | None
    sustainable: Estimate | None
    target_seconds: float
    r_squared: float
    held_out_ratio: float
    bins: tuple[Floats, Floats]
    refusal: str | None

    def predict(self, throughput: Floats) -> Floats:
        """Latency in seconds at `throughput`; raises ValueError without a fit."""
        if self.rest_seconds is None or self.limit_per_second is None or self.power is None:
            raise ValueError("nothing was fitted")
        return latency_at(throughput, self.rest_seconds.value, self.limit_per_second.value, self.power.value)


def latency_at(throughput: Floats, rest_seconds: float, limit_per_second: float, power: float) -> Floats:
    """The curve itself; beyond 0.99 of the limit it stays where it is there."""
    used = np.minimum(throughput / limit_per_second, _CLOSEST)
    return np.asarray(rest_seconds / (1.0 - used**power))


def fit_latency(
    throughput: Floats, latency: Floats, day: npt.NDArray[np.int64], target_seconds: float
) -> QueueingFit:
    """Fit hourly latency (s) against hourly throughput (1/s), shape (hours,); `day` numbers the day of each hour.

    Hours without load or latency are left out. Never raises for data: what is wrong with them is the `refusal`.
    """
    used = np.isfinite(throughput) & np.isfinite(latency) & (throughput > 0) & (latency > 0)
    x, y, days = throughput[used], np.log(latency[used]), day[used]
    distinct = np.unique(days)
    nothing = QueueingFit(
        None, None, None, None, target_seconds, float("nan"), float("nan"), (x[:0], y[:0]), None
    )
    if distinct.size < MIN_DAYS:
        return replace(nothing, refusal=f"only {distinct.size} days to look at; {MIN_DAYS} are needed")
    bins = _binned(x, y, days)
    if bins.load.size < _MIN_BINS:
        return replace(nothing, refusal="load hardly varies: nothing shows how latency depends on it")
    fit = _fitted(bins, target_seconds)
    cut = distinct[int(distinct.size * (1.0 - HELD_OUT))]
    fit = replace(fit, held_out_ratio=_held_out(x, y, days, cut, target_seconds))
    return replace(fit, refusal=_refusal(fit, float(x.max())))


@dataclass(frozen=True)
class _Bins:
    """Hours put together by load: median load and log latency, and the variance of that median. Shape (bins,)."""

    load: Floats
    value: Floats
    variance: Floats


def _binned(x: Floats, y: Floats, days: npt.NDArray[np.int64]) -> _Bins:
    """Bins of equal width in load; those with too few hours are left out. Medians let outages and restarts pass."""
    position = np.minimum(((x - x.min()) / max(np.ptp(x), 1e-12) * BINS).astype(np.int64), BINS - 1)
    loads, values, variances = [], [], []
    for number in range(BINS):
        inside = position == number
        if inside.sum() < _HOURS_A_BIN:
            continue
        middle = float(np.median(y[inside]))
        spread = 1.4826 * float(np.median(np.abs(y[inside] - middle)))
        # Hours of one day share what made that day slow: days count, not hours. π/2: a median is less sure than a mean.
        count = np.unique(days[inside]).size
        loads.append(float(np.median(x[inside])))
        values.append(middle)
        variances.append(_FLOOR**2 + np.pi / 2 * spread**2 / count)
    return _Bins(np.array(loads), np.array(values), np.array(variances))


def _fitted(bins: _Bins, target: float) -> QueueingFit:
    """Weighted least squares over a grid of C and m; log S, which is linear, in closed form."""
    weight = 1.0 / bins.variance
    limits = _REACH * bins.load.max()
    used = np.minimum(bins.load / limits[:, None, None], _CLOSEST)
    rise = -np.log(1.0 - used ** _POWERS[None, :, None])
    rest = ((bins.value - rise) @ weight) / weight.sum()
    cost = ((bins.value - rise - rest[:, :, None]) ** 2) @ weight
    row, column = (int(i) for i in np.unravel_index(int(np.argmin(cost)), cost.shape))
    best = float(cost[row, column])
    freedom = bins.load.size - 3
    # Scatter beyond what the bins' own variances explain widens everything; less of it narrows nothing.
    scale = max(best / freedom, 1.0)
    limit = best + scale * float(stats.t.ppf(0.5 + CONFIDENCE / 2, freedom)) ** 2
    inside: Flags = np.asarray(cost <= limit)
    slack = np.sqrt((limit - cost[inside]) / weight.sum())
    limit_grid = np.broadcast_to(limits[:, None], cost.shape)[inside]
    power_grid = np.broadcast_to(_POWERS[None, :], cost.shape)[inside]
    middle = float(rest[row, column])
    told = _sustainable(limits[row], _POWERS[column], middle, target)
    ends = [_sustainable(limit_grid, power_grid, rest[inside] + sign * slack, target) for sign in (-1, 1)]
    total = float(weight @ (bins.value - np.average(bins.value, weights=weight)) ** 2)
    low_rest, high_rest = float((rest[inside] - slack).min()), float((rest[inside] + slack).max())
    return QueueingFit(
        rest_seconds=Estimate(float(np.exp(middle)), None, float(np.exp(low_rest)), float(np.exp(high_rest))),
        limit_per_second=Estimate(
            float(limits[row]), None, float(limit_grid.min()), _open(limit_grid.max(), limits[-1])
        ),
        power=Estimate(
            float(_POWERS[column]), None, float(power_grid.min()), _open(power_grid.max(), _POWERS[-1])
        ),
        sustainable=Estimate(
            float(told),
            None,
            min(float(np.min(ends)), (1.0 - _LEAST_DOUBT) * float(told)),
            max(_open(np.max(ends), 0.5 * float(limits[-1])), (1.0 + _LEAST_DOUBT) * float(told)),
        ),
        target_seconds=target,
        r_squared=1.0 - best / total if total > 0 else float("nan"),
        held_out_ratio=float("nan"),
        bins=(bins.load, np.exp(bins.value)),
        refusal=None,
    )


def _open(value: float, end: float) -> float:
    """A grid's own end is no bound that the data set."""
    return float("inf") if value >= end else float(value)


def _sustainable(
    limit: Floats | float, power: Floats | float, log_rest: Floats | float, target: float
) -> Floats:
    room = 1.0 - np.exp(log_rest) / target
    return np.asarray(limit * np.maximum(room, 0.0) ** (1.0 / np.asarray(power)))


def _held_out(x: Floats, y: Floats, days: npt.NDArray[np.int64], cut: int, target: float) -> float:
    """Error on the days from `cut` on of a fit to those before, over that of their median; NaN without either."""
    before = days < cut
    bins = _binned(x[before], y[before], days[before])
    if bins.load.size < _MIN_BINS or not (~before).any():
        return float("nan")
    fit = _fitted(bins, target)
    errors = np.abs(y[~before] - np.log(fit.predict(x[~before])))
    plain = np.abs(y[~before] - np.median(y[before]))
    return float(errors.mean() / plain.mean()) if plain.any() else float("nan")


def _refusal(fit: QueueingFit, highest: float) -> str | None:
    rest, sustainable = fit.rest_seconds, fit.sustainable
    assert rest is not None and sustainable is not None
    if not np.isfinite(fit.target_seconds):
        return "no latency target is agreed"
    if fit.target_seconds <= rest.value:
        return f"the target ({fit.target_seconds:g} s) is not met even at rest ({rest.value:.3g} s)"
    slowest = float(fit.bins[1][-3:].max())
    if slowest < KNEE_RATIO * rest.value:
        more = slowest / rest.value - 1.0
        return f"latency in the busiest hours is {more:.0%} above that at rest: load never came near the knee"
    if sustainable.value > MAX_OVER_MEASURED * highest or sustainable.high > MAX_HIGH_OVER_MEASURED * highest:
        upper = f"to {sustainable.high:.4g}" if np.isfinite(sustainable.high) else "upwards"
        return (
            f"the target would be reached anywhere from {sustainable.low:.4g} {upper} a second, and no hour had "
            f"more than {highest:.4g}: load never came near enough to the knee"
        )
    if fit.held_out_ratio >= 1.0:
        return "fitted to earlier days, the curve foretells later ones no better than a constant"
    return None
