"""What each service really uses of a CI that several share: hourly demand regressed on hourly requests.

    demand(h) = idle + Σ weight(service) · requests per second(service, h), idle and weights ≥ 0

by non-negative least squares (Lawson and Hanson, 1974). Idle use is nobody's; the rest is divided by
weight × requests in the busiest hours, those that decide on headroom. A relation is judged on days that it has not
seen, and its intervals come from refits on resampled days, because hours of a day are alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.optimize import nnls

from assets.warehouse.computed import computed_tables

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

#: A relation that explains less than this of the variance of unseen days says nothing about shares.
MIN_R2 = 0.8
MIN_DAYS = 14
#: The busiest hours: this share of all.
BUSIEST = 0.05
RESAMPLES = 60
CONFIDENCE = 0.9


@dataclass(frozen=True)
class Use:
    """Shares by service with their interval, the R² on unseen days, or the reason why there are none."""

    share: Floats
    low: Floats
    high: Floats
    r2: float
    days: int
    reason: str | None


def shared_use(frames: Mapping[str, pd.DataFrame], as_of: date, seed: int) -> dict[str, pd.DataFrame]:
    """Frames `demand` (ci_id, resource, hour_at, demand_value) and `requests` (ci_id, service_id, hour_at,
    throughput_per_second, for the services of each CI) to the computed table `shared_use`.
    """
    columns = list(computed_tables()["shared_use"].columns)
    requests = {
        str(ci): rows.pivot(
            index="hour_at", columns="service_id", values="throughput_per_second"
        ).sort_index()
        for ci, rows in frames["requests"].groupby("ci_id")
    }
    tables = []
    for number, ((ci, resource), rows) in enumerate(frames["demand"].groupby(["ci_id", "resource"])):
        if ci not in requests:
            continue
        wide = requests[str(ci)]
        joined = wide.join(rows.set_index("hour_at")["demand_value"], how="inner").dropna()
        day = pd.DatetimeIndex(joined.index).normalize().factorize()[0].astype(np.int64)
        use = fit_use(
            joined[wide.columns].to_numpy(np.float64),
            joined["demand_value"].to_numpy(np.float64),
            day,
            np.random.default_rng([seed, number]),
        )
        table = pd.DataFrame({"service_id": wide.columns, "use_ratio": use.share})
        table["use_ratio_low"], table["use_ratio_high"] = use.low, use.high
        tables.append(
            table.assign(
                ci_id=str(ci),
                resource=str(resource),
                as_of_date=as_of,
                r2_unseen=use.r2,
                day_count=use.days,
                is_refused=use.reason is not None,
                reason=use.reason,
            )
        )
    if not tables:
        return {"shared_use": pd.DataFrame(columns=columns)}
    return {"shared_use": pd.concat(tables, ignore_index=True)[columns]}


def fit_use(requests: Floats, demand: Floats, day: Ints, draw: np.random.Generator) -> Use:
    """Shares of services (columns of `requests`, shape (hours, services)) in the busiest hours of `demand`.

    `day` numbers the day of each hour from 0.
    """
    days = int(day.max()) + 1 if day.size else 0
    nothing: Floats = np.full(requests.shape[1], np.nan)
    if days < MIN_DAYS:
        return Use(nothing, nothing, nothing, np.nan, days, f"only {days} days with demand and requests")
    scale = np.maximum(requests.max(axis=0), 1e-12)
    table = np.column_stack([np.ones(demand.size), requests / scale])
    unit = max(float(np.abs(demand).max()), 1e-12)
    grams, moments = _by_day(table, demand / unit, day, days)
    r2 = _r2_unseen(table, demand / unit, day, grams, moments)
    if not r2 >= MIN_R2:
        told = "demand does not vary" if np.isnan(r2) else f"requests explain {max(r2, 0.0):.0%} of it"
        return Use(nothing, nothing, nothing, r2, days, f"use cannot be told: {told}")
    busiest = table[np.argsort(-demand, kind="stable")[: max(1, round(BUSIEST * demand.size))], 1:].mean(
        axis=0
    )
    counts = np.vstack([np.ones(days), draw.multinomial(days, np.full(days, 1 / days), RESAMPLES)])
    parts = np.array([_solve(np.tensordot(c, grams, 1), c @ moments)[1:] * busiest for c in counts])
    total = parts.sum(axis=1, keepdims=True)
    if total[0] <= 0:
        return Use(nothing, nothing, nothing, r2, days, "use cannot be told: it does not follow requests")
    shares = parts / np.maximum(total, 1e-300)
    low, high = np.quantile(shares[1:], [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2], axis=0)
    return Use(shares[0], np.minimum(low, shares[0]), np.maximum(high, shares[0]), r2, days, None)


def _by_day(table: Floats, demand: Floats, day: Ints, days: int) -> tuple[Floats, Floats]:
    """Normal equations of each day: they add up to those of any set of days."""
    width = table.shape[1]
    grams, moments = np.zeros((days, width, width)), np.zeros((days, width))
    for number in range(days):
        rows = table[day == number]
        grams[number], moments[number] = rows.T @ rows, rows.T @ demand[day == number]
    return grams, moments


def _solve(gram: Floats, moment: Floats) -> Floats:
    """Non-negative least squares from normal equations, by a Cholesky factor of the Gram matrix."""
    factor = np.linalg.cholesky(gram + 1e-9 * np.trace(gram) / len(gram) * np.eye(len(gram)))
    return np.asarray(nnls(factor.T, np.linalg.solve(factor, moment))[0], dtype=np.float64)


def _r2_unseen(table: Floats, demand: Floats, day: Ints, grams: Floats, moments: Floats) -> float:
    """R² where each fourth of the days is foretold from the other three."""
    foretold = np.empty_like(demand)
    for part in range(4):
        seen = np.arange(len(grams)) % 4 != part
        weights = _solve(grams[seen].sum(axis=0), moments[seen].sum(axis=0))
        rows = day % 4 == part
        foretold[rows] = table[rows] @ weights
    spread = float(((demand - demand.mean()) ** 2).sum())
    if spread <= 1e-12 * demand.size:
        return float("nan")
    return 1.0 - float(((demand - foretold) ** 2).sum()) / spread
