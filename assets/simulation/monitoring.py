"""Writes the monitoring files week by week and chunk by chunk, and notes where resources ran out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa

from assets.simulation.calibration import Calibration
from assets.simulation.catalogue import Resource
from assets.simulation.demand import day_noise, expected_demand, load_table, real_demand, slots
from assets.simulation.dirt import Dirt
from assets.simulation.estate import SECONDS_A_DAY, Estate
from assets.simulation.files import ParquetFile, SourceFiles
from assets.simulation.incidence import Happenings
from assets.simulation.performance import (
    BOUNDS,
    SERVED_IN_OUTAGE,
    ErrorCounters,
    Performance,
    histogram,
    outage_share,
    perform,
)
from assets.simulation.resources import EXHAUSTED, METRICS, Chunk, Flags, ResourceModel, Series, chunks
from assets.simulation.season import Floats, Ints
from assets.simulation.seeds import generator

FOLDER = "sources/monitoring"
LATENCY, ERRORS, CHECK = "http.server.request.duration", "http.server.request.errors", "httpcheck.status"
SERVICES_A_CHUNK = 512
_SAMPLE_COLUMNS = {
    "ci_id": "entity",
    "metric": "metric_name",
    "observed_at": "time",
    "value": "value",
    "unit": "unit",
    "kind": "type",
}
_HISTOGRAM_COLUMNS = {"ci_id": "entity", "observed_at": "time", "upper_bound": "le", "count": "count"}


@dataclass(frozen=True)
class Exhaustion:
    """A pool's resource had run out for two samples in a row; `ci` is the member that was worst off."""

    at: int
    pool: int
    ci: int
    resource: Resource


@dataclass(frozen=True)
class Week:
    """A stretch of days inside one ISO week."""

    label: str
    first_day: int
    days: int
    number: int


def weeks(estate: Estate) -> list[Week]:
    """The simulated days cut at ISO weeks."""
    labels: dict[str, list[int]] = {}
    for day in range(estate.settings.days):
        labels.setdefault(_week_label(estate.day(day)), []).append(day)
    return [Week(label, days[0], len(days), i) for i, (label, days) in enumerate(labels.items())]


def _week_label(day: date) -> str:
    year, week, _ = day.isocalendar()
    return f"{year}-W{week:02d}"


def write_monitoring(
    estate: Estate, calibration: Calibration, happenings: Happenings, files: SourceFiles, dirt: Dirt
) -> tuple[list[Exhaustion], Floats]:
    """Write all metric files. Returns where resources ran out, and daily mean demand (services, days)."""
    model = ResourceModel(estate, calibration, happenings)
    counters = ErrorCounters(estate, happenings)
    factors = day_noise(estate)
    parts = list(chunks(estate, calibration))
    exhaustions: list[Exhaustion] = []
    daily = []
    for week in weeks(estate):
        at = slots(estate, week.first_day, week.days)
        wanted = real_demand(estate, expected_demand(estate, at), factors, week.first_day)
        daily.append(wanted.reshape(wanted.shape[0], week.days, -1).mean(axis=2))
        down = outage_share(estate, happenings, at)
        demand = wanted * (1.0 - (1.0 - SERVED_IN_OUTAGE) * down)
        loads = load_table(estate, demand, at)
        offered = np.zeros_like(demand)
        exhausted = np.zeros(demand.shape, dtype=bool)
        for part in parts:
            load, cpu = model.offered_cpu(part, loads, at)
            series = model.measure(part, load, cpu, at)
            _raise_services(part, cpu, series, offered, exhausted)
            exhaustions += _exhaustions(estate, part, series, at)
            suffix = f"{week.label}{_part(part.number, len(parts) > 1)}.parquet"
            path = f"{FOLDER}/metric_samples_infrastructure_{suffix}"
            with _samples_file(estate, files, path) as file:
                for item in series:
                    _append_series(estate, file, item, at, dirt, week, part)
                if part.number == 0:
                    dirt.repeat_samples(file, week.number)
        _write_services(estate, files, week, at, (demand, offered, exhausted, down), counters)
    return exhaustions, np.hstack(daily)


def _samples_file(estate: Estate, files: SourceFiles, path: str) -> ParquetFile:
    interval = estate.settings.interval_seconds
    return files.parquet(path, "metric_samples", columns=_SAMPLE_COLUMNS, interval_seconds=interval)


def _raise_services(
    part: Chunk, cpu: Floats, series: list[Series], offered: Floats, exhausted: Flags
) -> None:
    """Pass the pools' offered cpu, and other resources that ran out, on to the services that use them."""
    for position, pool in enumerate(part.pools):
        if pool.tier in ("app", "db"):
            for service, _, _ in pool.users:
                np.maximum(offered[service], cpu[position], out=offered[service])
    owners = {pool.start + i: pool for pool in part.pools for i in range(pool.stop - pool.start)}
    for item in series:
        if item.resource in ("cpu", "network"):
            continue
        over = (item.exhaustion >= EXHAUSTED[item.resource]) & item.present
        for row in np.flatnonzero(over.any(axis=1)):
            for service, _, _ in owners[int(item.cis[row])].users:
                exhausted[service] |= over[row]


def _exhaustions(estate: Estate, part: Chunk, series: list[Series], at: Ints) -> Iterator[Exhaustion]:
    """The first exhaustion of each day, pool and resource."""
    owners = {pool.start + i: pool for pool in part.pools for i in range(pool.stop - pool.start)}
    for item in series:
        over = (item.exhaustion >= EXHAUSTED[item.resource]) & item.present
        twice = over[:, 1:] & over[:, :-1]
        found: dict[tuple[int, int], Exhaustion] = {}
        for row in np.flatnonzero(twice.any(axis=1)):
            index = int(item.cis[row])
            pool = owners[index]
            slot_days = (at[1:] - estate.start_at) // SECONDS_A_DAY
            hits = np.flatnonzero(twice[row])
            days, first = np.unique(slot_days[hits], return_index=True)
            for day, position in zip(days, first, strict=True):
                moment = int(at[1:][hits[position]])
                known = found.get((pool.index, int(day)))
                if known is None or moment < known.at:
                    found[(pool.index, int(day))] = Exhaustion(moment, pool.index, index, item.resource)
        yield from found.values()


def _append_series(
    estate: Estate, file: ParquetFile, item: Series, at: Ints, dirt: Dirt, week: Week, part: Chunk
) -> None:
    metric, unit, kind = METRICS[item.resource]
    names = [estate.cis[index].ci_id for index in item.cis]
    times = np.broadcast_to(at, item.values.shape)
    present = item.present
    for row, index in enumerate(item.cis):
        ci = estate.cis[index]
        irregular = ci.service >= 0 and "irregular" in estate.services[ci.service].kind.traits
        if irregular and ci.ci_id.endswith("-app-01"):
            times, present = _irregular(estate, times, present, row, at, part)
    table = _samples(names, metric, unit, kind, times, item.values, present)
    if part.number == 0 and item.resource == "cpu":
        table = dirt.spoil_samples(table, week.number)
    # A total is a sum over the numbers of a file: a value that is none does not count.
    values = table.column("value").to_numpy()
    file.append(table, {"value": float(np.nansum(values))})


def _irregular(
    estate: Estate, times: Ints, present: Flags, row: int, at: Ints, part: Chunk
) -> tuple[Ints, Flags]:
    """An agent that reports when it likes: up to five minutes late, and three times in ten not at all."""
    draw = generator(estate.settings.seed, "irregular", int(at[0]), part.number, row)
    times, present = times.copy(), present.copy()
    late = min(300, estate.settings.interval_seconds // 2)
    times[row] += draw.integers(0, late, at.size)
    present[row] &= draw.random(at.size) >= 0.3
    return times, present


def _samples(
    names: list[str], metric: str, unit: str, kind: str, times: Ints, values: Floats, present: Flags
) -> pa.Table:
    keep = present.ravel()
    rows = np.repeat(np.arange(len(names), dtype=np.int32), values.shape[1])[keep]
    count = rows.size
    nothing = np.zeros(count, dtype=np.int8)
    return pa.table(
        {
            "entity": pa.DictionaryArray.from_arrays(rows, names),
            "metric_name": pa.DictionaryArray.from_arrays(nothing, [metric]),
            "time": pa.array(times.ravel()[keep] * 1_000_000).cast(pa.timestamp("us")),
            "value": values.ravel()[keep],
            "unit": pa.DictionaryArray.from_arrays(nothing, [unit]),
            "type": pa.DictionaryArray.from_arrays(nothing, [kind]),
        }
    )


def _write_services(
    estate: Estate,
    files: SourceFiles,
    week: Week,
    at: Ints,
    state: tuple[Floats, Floats, Flags, Floats],
    counters: ErrorCounters,
) -> None:
    """Service-level files: error counters and checks as samples, latency as hourly histograms."""
    demand, offered, exhausted, down = state
    count = len(estate.services)
    for first in range(0, count, SERVICES_A_CHUNK):
        rows = slice(first, min(first + SERVICES_A_CHUNK, count))
        ran_out = exhausted[rows].astype(np.float64)
        real = perform(estate, rows, demand[rows], offered[rows], ran_out, down[rows], at)
        part = f"{week.label}{_part(first // SERVICES_A_CHUNK, count > SERVICES_A_CHUNK)}.parquet"
        with _samples_file(estate, files, f"{FOLDER}/metric_samples_services_{part}") as file:
            _append_service_samples(estate, file, rows, real, counters, at)
        with files.parquet(
            f"{FOLDER}/metric_histograms_{part}",
            "metric_histograms",
            columns=_HISTOGRAM_COLUMNS,
            metric=LATENCY,
            unit="s",
            interval_seconds=3600,
        ) as file:
            _append_histograms(estate, file, rows, real, at)


def _part(number: int, is_split: bool) -> str:
    """What distinguishes the files of one week, when there are several."""
    return f"_p{number + 1:03d}" if is_split else ""


def _append_service_samples(
    estate: Estate, file: ParquetFile, rows: slice, real: Performance, counters: ErrorCounters, at: Ints
) -> None:
    chosen = estate.services[rows]
    times = np.broadcast_to(at, real.checks.shape)
    always = np.ones(real.checks.shape, dtype=bool)
    counted = counters.count(rows, real.errors, at)
    names = [service.service_id for service in chosen]
    endpoints = [estate.endpoint(service.index) for service in chosen]
    errors = _samples(names, ERRORS, "{error}", "counter", times, counted, always)
    checks = _samples(endpoints, CHECK, "1", "gauge", times, real.checks, always)
    file.append(errors, {"value": float(counted.sum())})
    file.append(checks, {"value": float(real.checks.sum())})


def _append_histograms(estate: Estate, file: ParquetFile, rows: slice, real: Performance, at: Ints) -> None:
    per_hour = 3600 // estate.settings.interval_seconds
    counts = histogram(real, per_hour)
    services, hours, bounds = counts.shape
    names = [service.service_id for service in estate.services[rows]]
    entity = np.repeat(np.arange(services, dtype=np.int32), hours * bounds)
    time = np.tile(np.repeat(at[::per_hour], bounds), services)
    table = pa.table(
        {
            "entity": pa.DictionaryArray.from_arrays(entity, names),
            "time": pa.array(time * 1_000_000).cast(pa.timestamp("us")),
            "le": np.tile(BOUNDS, services * hours),
            "count": counts.ravel(),
        }
    )
    file.append(table, {"count": float(counts.sum())})
