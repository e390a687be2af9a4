"""Universal Scalability Law: how throughput grows with load, where it peaks, and how sure that is.

X(N) = λN / (1 + σ(N−1) + κN(N−1)), with λ ≥ 0, 0 ≤ σ ≤ 1 and κ ≥ 0 all fitted by least squares on X (Gunther,
Guerrilla Capacity Planning, 2007). σ is contention, κ coherency; the peak lies at N* = √((1−σ)/κ). A share σ above 1
would mean that a second user takes away more than the first one gets; without that bound, points that all lie beyond
the peak fit any λ.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import optimize, stats

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

CONFIDENCE = 0.95
MIN_LOADS = 4
#: A peak is told only where the data came near it: the fitted one may lie this much above the highest measured
#: throughput, and the upper end of its interval that much.
MAX_PEAK_OVER_MEASURED = 1.25
MAX_HIGH_OVER_MEASURED = 1.5
#: Below this share of the denominator neither term holds throughput back yet.
LIMITS_FROM = 0.1
_GRID = 121
_TINY = 1e-9


class UslInputError(ValueError):
    """The points cannot be fitted at all; the message says why and how to fix it."""


@dataclass(frozen=True)
class Estimate:
    """A figure with its standard error (None where it was not estimated) and a profile-likelihood interval."""

    value: float
    standard_error: float | None
    low: float
    high: float


@dataclass(frozen=True)
class Region:
    """Coefficients that the points do not contradict, shape (combinations,): λ between `lam_low` and `lam_high`."""

    lam_low: Floats
    lam_high: Floats
    sigma: Floats
    kappa: Floats


@dataclass(frozen=True)
class UslFit:
    """A fitted law. Throughput figures are in the unit of the measured throughput, loads in that of the load.

    `peak_load` is infinite where the law has no peak; `peak_throughput` then is what ever more load comes close to.
    `refusal` says why the data do not tell the peak (the coefficients then describe the measured points and no more),
    None where they do. `notes` say what to know about a peak that is told.
    """

    lam: Estimate
    sigma: Estimate
    kappa: Estimate
    peak_load: Estimate
    peak_throughput: Estimate
    r_squared: float
    loads: Floats
    throughputs: Floats
    residuals: Floats
    limited_by: str
    region: Region
    refusal: str | None = None
    notes: tuple[str, ...] = ()

    def up_to(self, load: float) -> Estimate:
        """The highest throughput at loads up to `load`: at the peak, or at `load` where that comes first."""
        lam, sigma, kappa = self.lam.value, self.sigma.value, self.kappa.value
        value = _height(np.array([lam]), np.array([sigma]), np.array([kappa]), load)
        region = self.region
        low = _height(region.lam_low, region.sigma, region.kappa, load)
        high = _height(region.lam_high, region.sigma, region.kappa, load)
        return _estimate(float(value[0]), None, _ends(np.concatenate([low, high, value])))

    def predict(self, load: Floats) -> Floats:
        """Throughput at `load`."""
        return throughput_at(load, self.lam.value, self.sigma.value, self.kappa.value)


def throughput_at(load: Floats, lam: float, sigma: float, kappa: float) -> Floats:
    """The law itself."""
    return np.asarray(lam * load / (1.0 + sigma * (load - 1.0) + kappa * load * (load - 1.0)))


def peak_load(sigma: float, kappa: float) -> float:
    """Load at which throughput is highest: √((1−σ)/κ), infinite without coherency cost."""
    return float(np.sqrt(max(1.0 - sigma, 0.0) / kappa)) if kappa > 0 else float("inf")


def fit_usl(load: Floats, throughput: Floats, weights: Floats | None = None) -> UslFit:
    """Fit the law to measured points.

    `load` and `throughput` have shape (points,): positive loads, throughputs not negative. `weights` (mean 1 inside)
    count for how much a point counts. Deterministic: a grid finds the start, so there is no choice of one.

    Raises UslInputError for points that cannot be fitted: not numbers, negative, fewer than four distinct loads.
    """
    loads, rates = _checked(load, throughput)
    weight = np.ones(loads.size) if weights is None else np.asarray(weights, dtype=np.float64)
    weight = weight / weight.mean()
    sigmas = np.concatenate([[0.0], np.logspace(-5, 0, _GRID - 1)])
    kappas = np.concatenate([[0.0], np.logspace(-5, 4, _GRID - 1) / loads.max() ** 2])
    profile = _Profile(loads, rates, weight, sigmas, kappas)
    lam, sigma, kappa = _polish(loads, rates, weight, profile.best())
    errors = np.sqrt(weight) * (throughput_at(loads, lam, sigma, kappa) - rates)
    cost = float(errors @ errors)
    freedom = loads.size - 3
    limit = cost * (1.0 + float(stats.t.ppf(0.5 + CONFIDENCE / 2, freedom)) ** 2 / freedom)
    region = profile.zoomed(limit).region(limit)
    standard = _standard_errors(loads, weight, (lam, sigma, kappa), cost / freedom)
    total = float(weight @ (rates - np.average(rates, weights=weight)) ** 2)
    fit = UslFit(
        lam=_estimate(lam, standard[0], _ends(np.append(region.lam_low, region.lam_high))),
        sigma=_estimate(sigma, standard[1], _ends(region.sigma)),
        kappa=_estimate(kappa, standard[2], _ends(region.kappa)),
        peak_load=_estimate(peak_load(sigma, kappa), None, _ends(_peak_loads(region.sigma, region.kappa))),
        peak_throughput=_estimate(0.0, None, (0.0, 0.0)),
        r_squared=1.0 - cost / total if total > 0 else float("nan"),
        loads=loads,
        throughputs=rates,
        residuals=rates - throughput_at(loads, lam, sigma, kappa),
        limited_by=_limited_by(float(loads[-1]), sigma, kappa),
        region=region,
    )
    fit = replace(fit, peak_throughput=fit.up_to(float("inf")))
    return replace(fit, refusal=_refusal(fit), notes=_notes(fit))


def _checked(load: Floats, throughput: Floats) -> tuple[Floats, Floats]:
    loads, rates = np.asarray(load, dtype=np.float64), np.asarray(throughput, dtype=np.float64)
    if loads.shape != rates.shape or loads.ndim != 1:
        raise UslInputError(f"{loads.size} loads and {rates.size} throughputs; fix: give one of each a point")
    if not (np.isfinite(loads).all() and np.isfinite(rates).all()):
        raise UslInputError("a load or throughput is no number; fix: leave such points out")
    if (loads <= 0).any() or (rates < 0).any():
        raise UslInputError("a load is not above 0, or a throughput is negative; fix: leave such points out")
    if np.unique(loads).size < MIN_LOADS:
        raise UslInputError(
            f"{np.unique(loads).size} distinct loads; three coefficients need at least {MIN_LOADS}; "
            "fix: measure at more loads"
        )
    if not rates.any():
        raise UslInputError("every throughput is 0; fix: check the column")
    order = np.argsort(loads, kind="stable")
    return loads[order], rates[order]


class _Profile:
    """Least squares over a grid of σ and κ; λ, which is linear, in closed form. Shape (σ, κ) throughout."""

    def __init__(self, loads: Floats, rates: Floats, weight: Floats, sigmas: Floats, kappas: Floats) -> None:
        self._loads, self._rates, self._weight = loads, rates, weight
        self.sigmas, self.kappas = sigmas, kappas
        below = 1.0 + sigmas[:, None, None] * (loads - 1.0) + kappas[None, :, None] * loads * (loads - 1.0)
        # Loads under 1 can make the denominator vanish: such coefficients describe nothing.
        valid: Flags = np.asarray((below > 0).all(axis=2))
        shape = loads / np.where(valid[:, :, None], below, 1.0)
        self.information: Floats = np.asarray((shape**2) @ weight)
        self.lam: Floats = np.asarray((shape @ (weight * rates)) / self.information)
        errors = (self.lam[:, :, None] * shape - rates) ** 2 @ weight
        self.cost: Floats = np.where(valid, errors, np.inf)

    def best(self) -> tuple[float, float, float]:
        row, column = np.unravel_index(int(np.argmin(self.cost)), self.cost.shape)
        return float(self.lam[row, column]), float(self.sigmas[row]), float(self.kappas[column])

    def zoomed(self, limit: float) -> _Profile:
        """A finer grid over the part in which the cost is within `limit`."""
        inside: Flags = np.asarray(self.cost <= limit)
        if not inside.any():
            row, column = np.unravel_index(int(np.argmin(self.cost)), self.cost.shape)
            inside = np.zeros_like(inside)
            inside[row, column] = True
        sigmas = _refined(self.sigmas, np.asarray(inside.any(axis=1)))
        kappas = _refined(self.kappas, np.asarray(inside.any(axis=0)))
        return _Profile(self._loads, self._rates, self._weight, sigmas, kappas)

    def region(self, limit: float) -> Region:
        """All coefficients whose cost is within `limit`; none when the fit is without error."""
        inside: Flags = np.asarray(self.cost <= limit)
        slack = np.sqrt((limit - self.cost[inside]) / self.information[inside])
        lam = self.lam[inside]
        return Region(
            np.maximum(lam - slack, 0.0),
            lam + slack,
            np.broadcast_to(self.sigmas[:, None], inside.shape)[inside],
            np.broadcast_to(self.kappas[None, :], inside.shape)[inside],
        )


def _refined(grid: Floats, inside: Flags) -> Floats:
    """The stretch of `grid` that is inside and one step beyond, in finer steps; 0 stays where it belongs to it."""
    hits = np.flatnonzero(inside)
    first, last = max(int(hits[0]) - 1, 0), min(int(hits[-1]) + 1, grid.size - 1)
    start = float(grid[max(first, 1)])
    fine = np.geomspace(start, float(grid[max(last, 1)]), _GRID - 1)
    return np.concatenate([[0.0], fine]) if first == 0 else fine


def _ends(values: Floats) -> tuple[float, float]:
    return (float(values.min()), float(values.max())) if values.size else (np.inf, -np.inf)


def _estimate(value: float, standard_error: float | None, ends: tuple[float, float]) -> Estimate:
    return Estimate(value, standard_error, min(value, ends[0]), max(value, ends[1]))


def _polish(
    loads: Floats, rates: Floats, weight: Floats, start: tuple[float, float, float]
) -> tuple[float, float, float]:
    """The exact minimum next to the best grid point."""
    scale = np.array([max(start[0], _TINY), max(start[1], 1e-3), max(start[2], 1e-3 / loads.max() ** 2)])
    height = rates.max()

    def errors(point: Floats) -> Floats:
        lam, sigma, kappa = point * scale
        return np.asarray(np.sqrt(weight) * (throughput_at(loads, lam, sigma, kappa) - rates) / height)

    found = optimize.least_squares(
        errors,
        np.array(start) / scale,
        bounds=(np.zeros(3), np.array([np.inf, 1.0, np.inf]) / np.array([1.0, scale[1], 1.0])),
        xtol=1e-14,
        ftol=1e-14,
        gtol=1e-14,
        max_nfev=400,
    )
    lam, sigma, kappa = (float(value) for value in found.x * scale)
    # The solver stays a hair inside its bounds.
    return lam, 0.0 if sigma < _TINY else sigma, 0.0 if kappa * loads.max() ** 2 < _TINY else kappa


def _standard_errors(
    loads: Floats, weight: Floats, point: tuple[float, float, float], variance: float
) -> list[float | None]:
    """Square roots of the diagonal of variance·(JᵀJ)⁻¹ over the coefficients that no bound holds."""
    lam, sigma, kappa = point
    below = 1.0 + sigma * (loads - 1.0) + kappa * loads * (loads - 1.0)
    slope = -lam * loads * (loads - 1.0) / below**2
    jacobian = np.sqrt(weight)[:, None] * np.column_stack([loads / below, slope, slope * loads])
    free = np.array([lam > 0, 0.0 < sigma < 1.0 - _TINY, kappa > 0])
    chosen = jacobian[:, free]
    scale = np.linalg.norm(chosen, axis=0)
    # The columns differ by many orders of magnitude: scaled, the inverse is exact enough.
    inverse = np.linalg.pinv((chosen / scale).T @ (chosen / scale))
    values = np.sqrt(np.maximum(np.diag(inverse), 0.0) * variance) / scale
    found = iter(float(value) for value in values)
    return [next(found) if is_free else None for is_free in free]


def _peak_loads(sigma: Floats, kappa: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(kappa > 0, np.sqrt(np.maximum(1.0 - sigma, 0.0) / kappa), np.inf)


def _height(lam: Floats, sigma: Floats, kappa: Floats, load: float) -> Floats:
    """Highest throughput at loads up to `load`; where there is no peak, what ever more load comes close to."""
    at = np.minimum(_peak_loads(sigma, kappa), load)
    below = np.maximum(sigma - kappa + 2.0 * np.sqrt(np.maximum(1.0 - sigma, 0.0) * kappa), 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        before = lam * at / (1.0 + sigma * (at - 1.0) + kappa * at * (at - 1.0))
        return np.where(at < load, lam / below, before) if np.isfinite(load) else lam / below


def _limited_by(load: float, sigma: float, kappa: float) -> str:
    """Which term of the law holds throughput back most at `load`."""
    contention, coherency = sigma * (load - 1.0), kappa * load * (load - 1.0)
    if max(contention, coherency) < LIMITS_FROM:
        return "nothing yet"
    return "contention" if contention >= coherency else "coherency"


def _refusal(fit: UslFit) -> str | None:
    """Why the data do not tell the peak, if they do not."""
    highest = float(fit.throughputs.max())
    peak = fit.peak_throughput
    if peak.value <= MAX_PEAK_OVER_MEASURED * highest and peak.high <= MAX_HIGH_OVER_MEASURED * highest:
        return None
    first, last = float(fit.loads[0]), float(fit.loads[-1])
    if fit.peak_load.value < first or fit.predict(fit.loads[:1])[0] >= fit.predict(fit.loads[-1:])[0]:
        return (
            f"the lowest load measured ({first:g}) already lies at or beyond the peak, so nothing tells how throughput "
            "rises; fix: measure at lower loads"
        )
    upper = f"anywhere up to {peak.high:.4g}" if np.isfinite(peak.high) else "at any height"
    return (
        f"throughput still rises at the highest load measured ({last:.4g}): its peak may lie {upper}, "
        f"and {highest:.4g} was measured; fix: measure at higher loads"
    )


def _notes(fit: UslFit) -> tuple[str, ...]:
    first, last = float(fit.loads[0]), float(fit.loads[-1])
    if fit.peak_load.value < first:
        return (f"the peak lies at or below the lowest load measured ({first:g})",)
    if fit.peak_load.value > last:
        return (f"the peak lies beyond the highest load measured ({last:g})",)
    return ()
