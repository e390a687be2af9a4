"""Where each figure comes from: figure → mart → landing tables → receipts and rows, with the formula."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from checks.results import CheckResult
from reports.records.version import Input, Manifest


@dataclass(frozen=True)
class Figure:
    """One kind of figure on a service's page: how it is computed and from which marts."""

    name: str
    formula: str
    marts: tuple[str, ...]


FIGURES: tuple[Figure, ...] = (
    Figure(
        "Headroom and bottleneck",
        "Usable capacity = limit × agreed threshold; headroom = 1 − demand ÷ usable capacity. Demand over the demand "
        "window: 95th percentile of the busiest hours of each day (elastic resources such as CPU), or the maximum "
        "(exhaustible ones such as disk). A pool of n that tolerates the loss of k counts its n − k smallest members; "
        "a service has the headroom of its tightest pool.",
        ("fct_service_capacity", "fct_pool_capacity", "fct_resource_capacity"),
    ),
    Figure(
        "Daily demand",
        "Highest hourly mean of the day (busy hour), or highest sample of the day for exhaustible resources; a shared "
        "pool adds its members up hour by hour first.",
        ("fct_pool_demand_daily",),
    ),
    Figure(
        "Forecast and the date it runs out",
        "Simulated paths of daily demand; the date is the first day on which a path passes usable capacity. p10, p50 "
        "and p90 are the days by which 10, 50 and 90 % of all paths have passed it; none within the horizon: not "
        "expected. Day to decide = the earliest p50 − lead time among the pools.",
        ("fct_forecasts", "fct_saturation"),
    ),
    Figure(
        "Latency, throughput, errors, availability",
        "Percentiles of one day from that day's histogram or samples (never averaged over days); throughput = requests "
        "÷ time; errors = failed ÷ all requests; availability = time up ÷ time whose state is known.",
        ("fct_service_performance_daily",),
    ),
    Figure(
        "Attainment of targets",
        "Incidents, requests or time slices within the target ÷ all of the month, against the objective. Resolution "
        "time counts agreed service time only.",
        ("fct_service_levels", "fct_incident_sla"),
    ),
    Figure(
        "Sustainable throughput",
        "Highest throughput at which the agreed share of requests keeps the latency target, from a curve fitted to "
        "hours of production or to a load test (Universal Scalability Law); refused where data never came near the "
        "knee.",
        ("fct_scalability", "fct_scalability_points"),
    ),
    Figure(
        "Events",
        "Demand at or over usable capacity, unlike the usual week, or likely to be short within the lead time; "
        "detections of one cause are one event.",
        ("fct_events", "fct_event_detections"),
    ),
    Figure(
        "Cost",
        "Charges of the configuration items behind the service; a shared item by the agreed share, else by measured "
        "use.",
        ("fct_service_cost", "fct_unit_cost"),
    ),
    Figure(
        "Incidents", "Incidents by the month in which they were opened, as last updated.", ("fct_incidents",)
    ),
    Figure(
        "Changes",
        "Changes to the service or to one of its configuration items, as last updated.",
        ("fct_changes",),
    ),
)


@dataclass(frozen=True)
class Trace:
    """A figure with the published tables and the deliveries behind it."""

    figure: Figure
    marts: tuple[tuple[str, int | None], ...]
    inputs: tuple[Input, ...]
    empty_landing: tuple[str, ...]


def traces(manifest: Manifest) -> list[Trace]:
    """One trace a figure. A mart that this version does not hold has no row count."""
    found = []
    for figure in FIGURES:
        landing = landing_of(manifest, figure.marts)
        inputs = tuple(i for i in manifest.inputs if i.table in landing)
        delivered = {i.table for i in inputs}
        marts = tuple((m, manifest.tables[m].rows if m in manifest.tables else None) for m in figure.marts)
        found.append(Trace(figure, marts, inputs, tuple(sorted(landing - delivered - _MADE_HERE))))
    return found


# Loaded by the pipeline itself, so no source delivers them: the run's dates, unit conversions, its own forecasts.
_MADE_HERE = {
    "run_window",
    "run_days",
    "unit_conversions",
    "receipts",
    "forecast_quantiles",
    "forecast_saturation",
    "forecast_scores",
}


def landing_of(manifest: Manifest, marts: Iterable[str]) -> set[str]:
    """Landing tables from which any of the marts is built."""
    return {t for m in marts if m in manifest.tables for t in manifest.tables[m].depends_on_landing}


def checks_behind(manifest: Manifest, figures: Sequence[Figure] = FIGURES) -> list[CheckResult]:
    """Checks on any table that the figures use: published, landed, or on the way between (`stg_`, `int_`)."""
    marts = {mart for figure in figures for mart in figure.marts}
    landing = landing_of(manifest, marts)
    tables = marts | landing | {f"stg_{table}" for table in landing}

    def is_used(check: CheckResult) -> bool:
        table = check.table.rsplit(".", 1)[-1]
        return table in tables or table.startswith("int_")

    return [check for check in manifest.checks if is_used(check)]
