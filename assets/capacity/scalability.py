"""Sustainable throughput of every service by the Universal Scalability Law and a queueing curve."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from assets.capacity.queueing import MIN_DAYS, QueueingFit, fit_latency
from assets.capacity.usl import Estimate, Floats, UslFit, UslInputError, fit_usl
from assets.warehouse.computed import computed_tables

LOAD_TEST, PRODUCTION_USL, QUEUEING = "load_test", "production_usl", "queueing"
_LOAD_BINS = 20
_HOURS_A_BIN = 3
_CURVE_POINTS = 40

Rows = list[dict[str, Any]]


def scalability(frames: Mapping[str, pd.DataFrame], as_of: date, seed: int) -> dict[str, pd.DataFrame]:
    """Fit every service that has a load test or hours of production.

    `frames["load_tests"]`: the steps of each service's newest test (`service_id, tested_at, load, load_unit,
    throughput_per_second, latency_p95_seconds`). `frames["hours"]`: `service_id, observed_date, throughput_per_second,
    latency_objective_seconds, concurrent_requests` since the service's CIs last changed. `frames["targets"]`:
    `service_id, latency_target_seconds`. Gives `scalability_fits` and `scalability_points`; nothing is drawn, so `seed`
    is not used.
    """
    del seed
    targets: dict[object, float] = (
        frames["targets"].set_index("service_id")["latency_target_seconds"].to_dict()
    )
    fits: Rows = []
    points: Rows = []
    for service_id, steps in frames["load_tests"].groupby("service_id", sort=True):
        _add(fits, points, *_load_test(steps, float(targets.get(service_id, np.nan))), service_id)
    for service_id, hours in frames["hours"].groupby("service_id", sort=True):
        _add(fits, points, *_production_usl(hours), service_id)
        _add(fits, points, *_queueing(hours, float(targets.get(service_id, np.nan))), service_id)
    return {
        "scalability_fits": _table("scalability_fits", fits, as_of),
        "scalability_points": _table("scalability_points", points, as_of),
    }


def _table(name: str, rows: Rows, as_of: date) -> pd.DataFrame:
    """Rows with every column of the computed table; what a row leaves out is null."""
    columns = list(computed_tables()[name].columns)
    return pd.DataFrame(rows, columns=columns, dtype=object).assign(as_of_date=as_of)


def _add(fits: Rows, points: Rows, fit: dict[str, Any], series: Rows, service_id: object) -> None:
    # Where the data do not tell, no figure is given that could be taken for an answer.
    if fit["reason"] is not None:
        fit = {name: value for name, value in fit.items() if not name.startswith(("peak_", "sustainable_"))}
    ids = {"service_id": service_id, "method": fit["method"]}
    fits.append(ids | fit | {"is_refused": fit["reason"] is not None})
    points.extend(ids | point for point in series)


def _load_test(steps: pd.DataFrame, target: float) -> tuple[dict[str, Any], Rows]:
    first = steps.iloc[0]
    loads, rates = _column(steps, "load"), _column(steps, "throughput_per_second")
    latency = _column(steps, "latency_p95_seconds")
    known = {
        "method": LOAD_TEST,
        "tested_at": first["tested_at"],
        "first_date": pd.Timestamp(first["tested_at"]).date(),
        "last_date": pd.Timestamp(first["tested_at"]).date(),
        "load_unit": first["load_unit"],
        "point_count": len(steps),
        "latency_target_seconds": _known(target),
    }
    measured = _measured(loads, rates, latency)
    try:
        fit = fit_usl(loads, rates)
    except UslInputError as error:
        return known | {"reason": str(error), "notes": None}, measured
    allowed = _load_within(loads, latency, target)
    row = known | _usl_columns(fit) | _ends("sustainable_per_second", fit.up_to(allowed))
    if allowed < loads.min():
        row["reason"] = (
            f"the target ({target:g} s) is not met even at the lowest load tested ({loads.min():g})"
        )
    elif allowed <= loads.max() and fit.refusal is not None:
        # The peak is not told, but the target is reached before it, within the loads tested.
        row["notes"] = _joined([f"peak not told: {fit.refusal}", *fit.notes])
        row["reason"] = None
        row |= {name: None for name in row if name.startswith("peak_")}
    return row, measured + _usl_curve(fit)


def _load_within(loads: Floats, latency: Floats, target: float) -> float:
    """Load at which measured latency first crosses the target, straight between steps; infinite when it never does (or
    either is unknown), 0 when already the first step is over it.
    """
    order = np.argsort(loads, kind="stable")
    load, slow = loads[order], latency[order]
    load, slow = load[np.isfinite(slow)], slow[np.isfinite(slow)]
    over = np.flatnonzero(slow > target)
    if not np.isfinite(target) or over.size == 0:
        return float("inf")
    at = int(over[0])
    if at == 0:
        return 0.0
    share = (target - slow[at - 1]) / (slow[at] - slow[at - 1])
    return float(load[at - 1] + share * (load[at] - load[at - 1]))


def _production_usl(hours: pd.DataFrame) -> tuple[dict[str, Any], Rows]:
    """Hours put together by concurrency (throughput × mean latency), medians fitted by the law."""
    used = hours[(hours["concurrent_requests"] > 0) & (hours["throughput_per_second"] > 0)]
    known = _window(hours, len(used)) | {"method": PRODUCTION_USL, "load_unit": "concurrent request"}
    load, rate = _column(used, "concurrent_requests"), _column(used, "throughput_per_second")
    reason = _too_few(used)
    if reason is not None:
        return known | {"reason": reason, "notes": None}, []
    position = np.minimum((load / load.max() * _LOAD_BINS).astype(np.int64), _LOAD_BINS - 1)
    chosen = [
        position == number for number in range(_LOAD_BINS) if (position == number).sum() >= _HOURS_A_BIN
    ]
    loads = np.array([np.median(load[inside]) for inside in chosen])
    rates = np.array([np.median(rate[inside]) for inside in chosen])
    measured = _measured(loads, rates, loads / np.maximum(rates, 1e-12))
    try:
        fit = fit_usl(loads, rates)
    except UslInputError as error:
        return known | {"reason": str(error), "notes": None}, measured
    row = known | _usl_columns(fit) | _ends("sustainable_per_second", fit.peak_throughput)
    if row["reason"] is not None:
        row["reason"] = str(row["reason"]).split("; fix:")[0] + "; fix: run a load test"
    elif fit.limited_by == "nothing yet":
        row["reason"] = "throughput still rises in step with load: load never came near the knee"
    return row, measured + _usl_curve(fit)


def _queueing(hours: pd.DataFrame, target: float) -> tuple[dict[str, Any], Rows]:
    used = hours[(hours["latency_objective_seconds"] > 0) & (hours["throughput_per_second"] > 0)]
    known = _window(hours, len(used)) | {
        "method": QUEUEING,
        "load_unit": "request per second",
        "latency_target_seconds": _known(target),
    }
    rate = _column(used, "throughput_per_second")
    latency = _column(used, "latency_objective_seconds")
    day = pd.to_datetime(used["observed_date"]).to_numpy().astype("datetime64[D]").astype(np.int64)
    fit = fit_latency(rate, latency, day, target)
    row: dict[str, Any] = known | {"reason": fit.refusal, "notes": None}
    if (
        fit.rest_seconds is None
        or fit.limit_per_second is None
        or fit.power is None
        or fit.sustainable is None
    ):
        return row, []
    row |= {
        "rest_latency_seconds": fit.rest_seconds.value,
        "limit_per_second": fit.limit_per_second.value,
        "knee_exponent": fit.power.value,
        "r_squared": _known(fit.r_squared),
        "held_out_ratio": _known(fit.held_out_ratio),
    }
    row |= _ends("sustainable_per_second", fit.sustainable)
    loads, latencies = fit.bins
    return row, _measured(loads * latencies, loads, latencies) + _queueing_curve(fit)


def _window(hours: pd.DataFrame, count: int) -> dict[str, Any]:
    days = pd.to_datetime(hours["observed_date"])
    return {
        "first_date": days.min().date(),
        "last_date": days.max().date(),
        "point_count": count,
    }


def _too_few(used: pd.DataFrame) -> str | None:
    days = used["observed_date"].nunique()
    if days < MIN_DAYS:
        return f"only {days} days to look at; {MIN_DAYS} are needed"
    return None


def _usl_columns(fit: UslFit) -> dict[str, Any]:
    return {
        "lambda_per_second": fit.lam.value,
        "lambda_standard_error": fit.lam.standard_error,
        "sigma": fit.sigma.value,
        "sigma_standard_error": fit.sigma.standard_error,
        "kappa": fit.kappa.value,
        "kappa_standard_error": fit.kappa.standard_error,
        "limited_by": fit.limited_by,
        "r_squared": _known(fit.r_squared),
        "reason": fit.refusal,
        "notes": _joined(fit.notes),
        **_ends("peak_load", fit.peak_load),
        **_ends("peak_per_second", fit.peak_throughput),
    }


def _ends(name: str, estimate: Estimate) -> dict[str, float | None]:
    """A figure and its interval; null for what is infinite: an open interval has no such end."""
    return {
        name: _known(estimate.value),
        f"{name}_low": _known(estimate.low),
        f"{name}_high": _known(estimate.high),
    }


def _measured(loads: Floats, rates: Floats, latency: Floats) -> Rows:
    order = np.argsort(loads, kind="stable")
    return _series("measured", loads[order], rates[order], latency[order])


def _usl_curve(fit: UslFit) -> Rows:
    loads = np.linspace(float(fit.loads[0]), float(fit.loads[-1]), _CURVE_POINTS)
    rates = fit.predict(loads)
    return _series("fitted", loads, rates, loads / np.maximum(rates, 1e-12))


def _queueing_curve(fit: QueueingFit) -> Rows:
    loads, _ = fit.bins
    end = float(loads.max())
    if fit.refusal is None and fit.sustainable is not None:
        end = max(end, fit.sustainable.high)
    rates = np.linspace(float(loads.min()), end, _CURVE_POINTS)
    latencies = fit.predict(rates)
    return _series("fitted", rates * latencies, rates, latencies)


def _series(name: str, loads: Floats, rates: Floats, latency: Floats) -> Rows:
    return [
        {
            "series": name,
            "point_number": number,
            "load": float(load),
            "throughput_per_second": float(rate),
            "latency_seconds": _known(float(slow)),
        }
        for number, (load, rate, slow) in enumerate(zip(loads, rates, latency, strict=True), start=1)
    ]


def _column(frame: pd.DataFrame, name: str) -> Floats:
    return frame[name].to_numpy(dtype=np.float64, na_value=np.nan)


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _joined(notes: list[str] | tuple[str, ...]) -> str | None:
    return "; ".join(notes) or None
