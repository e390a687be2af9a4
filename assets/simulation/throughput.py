"""How much throughput each service can carry in truth, and the load tests that were made of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from assets.simulation.calibration import Calibration, Use
from assets.simulation.control_records import latency_target
from assets.simulation.estate import Estate, window_day
from assets.simulation.files import SourceFiles
from assets.simulation.performance import P95_OVER_MEDIAN, SHAPE
from assets.simulation.season import Floats
from assets.simulation.seeds import generator

#: Services that were load-tested: share of the way to the peak that contention takes, and the highest load against that
#: of the peak. A test that ends early tells nothing of the peak.
TESTED: dict[str, tuple[float, float]] = {
    "web-shop": (0.35, 2.2),
    "payments": (0.5, 1.8),
    "order-management": (0.3, 0.3),
    "identity": (0.2, 2.0),
    "partner-api": (0.6, 1.6),
}
TEST_FRACTION = 0.8
_STEPS: Floats = np.array([0.01, 0.04, 0.1, 0.2, 0.35, 0.5, 0.7, 0.85, 1.0])
_NOISE = 0.015
#: Mean of a log-logistic latency over its median.
MEAN_OVER_MEDIAN = (np.pi / SHAPE) / np.sin(np.pi / SHAPE)


def throughput_table(estate: Estate, calibration: Calibration) -> pd.DataFrame:
    """Throughput (1/s) of each service on the last day at which its first pool is full, and at which 95 % of its
    requests just keep the latency target. What others take of a shared pool is their mean busy hour of the last
    four weeks.
    """
    rows: list[dict[str, Any]] = []
    for service in estate.services:
        target = latency_target(service.latency_seconds)
        full = _limit(estate, calibration, service.index, 1.0)
        ratio = (1.0 - service.latency_seconds * P95_OVER_MEDIAN / target) ** 0.25
        rows.append(
            {
                "service_id": service.service_id,
                "limit_per_second": full,
                "sustainable_per_second": _limit(estate, calibration, service.index, ratio),
                "latency_target_seconds": target,
                "is_shared": any(len(pool.users) > 1 for pool in _cpu_pools(calibration, service.index)),
            }
        )
    return pd.DataFrame(rows)


def _cpu_uses(calibration: Calibration, service: int) -> list[Use]:
    return [
        use
        for use in calibration.uses
        if use.resource == "cpu" and service in {user for user, _, _ in use.pool.users}
    ]


def _cpu_pools(calibration: Calibration, service: int) -> list[Any]:
    return [use.pool for use in _cpu_uses(calibration, service)]


def _limit(estate: Estate, calibration: Calibration, service: int, ratio: float) -> float:
    """Throughput at which the first cpu pool of `service` is at `ratio`."""
    last = estate.settings.days - 1
    month = slice(max(last - 27, 0), last + 1)
    found = []
    for use in _cpu_uses(calibration, service):
        weight, others = 1.0, 0.0
        if use.pool.load >= len(estate.services):
            parts = estate.mixes[use.pool.load - len(estate.services)].parts
            weight = sum(part for user, part, _ in parts if user == service)
            others = sum(
                part * float(calibration.busy[user, month].mean())
                for user, part, _ in parts
                if user != service
            )
        per_member = use.coefficient * use.pool.share / use.pool.members(last)
        found.append(((ratio - use.idle) / per_member - others) / weight)
    return max(min(found), 0.0)


def write_load_tests(estate: Estate, calibration: Calibration, files: SourceFiles) -> pd.DataFrame:
    """Write the load tests; returns the true coefficients, one row a tested service.

    One user waits for his answer and asks again: λ is one over the mean latency at rest. The peak is the throughput at
    which the first pool is full, contention takes the stated share of what it costs to get there, coherency the rest.
    """
    draw = generator(estate.settings.seed, "load tests")
    day = window_day(estate.settings, TEST_FRACTION)
    tested_at = f"{estate.day(day).isoformat()}T20:00:00Z"
    truth: list[dict[str, Any]] = []
    steps: list[pd.DataFrame] = []
    for service in estate.services:
        if service.service_id not in TESTED:
            continue
        share, reach = TESTED[service.service_id]
        lam = 1.0 / (service.latency_seconds * float(MEAN_OVER_MEDIAN))
        peak = _limit(estate, calibration, service.index, 1.0)
        sigma, kappa = _coefficients(lam / peak, share)
        peak_load = float(np.sqrt((1.0 - sigma) / kappa))
        loads = np.unique(np.maximum(np.rint(_STEPS * reach * peak_load), 1.0))
        clean = lam * loads / (1.0 + sigma * (loads - 1.0) + kappa * loads * (loads - 1.0))
        measured = clean * (1.0 + _NOISE * draw.standard_normal(loads.size))
        mean = loads / measured
        steps.append(
            pd.DataFrame(
                {
                    "service_id": service.service_id,
                    "tested_at": tested_at,
                    "load": loads.astype(int),
                    "load_unit": "user",
                    "throughput_per_second": np.round(measured, 3),
                    "latency_mean_seconds": np.round(mean, 5),
                    "latency_p95_seconds": np.round(mean * P95_OVER_MEDIAN / MEAN_OVER_MEDIAN, 5),
                    "error_ratio": np.round(0.0005 + 0.001 * draw.random(loads.size), 5),
                }
            )
        )
        ids = {"service_id": service.service_id, "lambda_per_second": lam, "sigma": sigma, "kappa": kappa}
        truth.append(
            ids | {"peak_load": peak_load, "peak_per_second": peak, "highest_load": float(loads[-1])}
        )
    if steps:
        files.write_csv(
            "sources/performance/load_tests.csv",
            "load_tests",
            pd.concat(steps, ignore_index=True),
            sums=["throughput_per_second"],
        )
    return pd.DataFrame(truth)


def _coefficients(below: float, share: float) -> tuple[float, float]:
    """σ and κ for which σ − κ + 2√((1−σ)κ), the denominator at the peak, is `below`, of which σ is `share`."""
    sigma = share * below
    rest = (1.0 - share) * below
    root = np.sqrt(1.0 - sigma) - np.sqrt(max(1.0 - sigma - rest, 0.0))
    return sigma, float(root**2)
