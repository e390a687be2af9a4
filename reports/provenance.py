"""Where each figure comes from: figure → mart → landing tables → receipts and rows, with the formula."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from assets.warehouse.computed import computed_tables
from checks.results import CheckResult
from reports.records.version import Input, Manifest


@dataclass(frozen=True)
class Figure:
    """One kind of figure: how it is computed, from which marts, and on which pages it stands."""

    name: str
    formula: str
    marts: tuple[str, ...]
    pages: tuple[str, ...] = ("service",)


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
        ("fct_forecasts", "fct_saturation", "fct_forecast_outcomes"),
    ),
    Figure(
        "Latency, throughput, errors, availability",
        "Percentiles of one day from that day's histogram or samples (never averaged over days); throughput = requests "
        "÷ time; errors = failed ÷ all requests; availability = time up ÷ time whose state is known.",
        ("fct_service_performance_daily",),
    ),
    Figure(
        "Attainment of targets",
        "Minutes, requests, incidents or days within the target ÷ all of the period, against the objective. "
        "Availability and clocks of incidents count agreed service time only.",
        ("fct_service_levels", "fct_incident_sla"),
        ("service", "levels"),
    ),
    Figure(
        "Error budgets and burn rates",
        "Budget = (1 − objective) × all minutes or requests of the month so far; used = those that missed the target. "
        "Burn rate = share of bad ones in the last 1, 6, 24 or 72 hours ÷ (1 − objective). Page: 14.4 over 1 h, or 6 "
        "over 6 h and 1 h; ticket: 3 over 24 h and 2 h, or 1 over 72 h and 6 h.",
        ("fct_service_levels",),
        ("service", "levels"),
    ),
    Figure(
        "Availability, MTBF, MTRS, MTBSI",
        "Availability = (agreed time − downtime) ÷ agreed time; MTBF = uptime ÷ failures; MTRS = downtime ÷ failures; "
        "MTBSI = MTBF + MTRS. Downtime: failed checks and recorded outages, each moment once; planned maintenance is "
        "left out where the target says so.",
        ("fct_availability",),
        ("service", "levels"),
    ),
    Figure(
        "Watermelons",
        "Periods in which every target but those of utilisation was met, with what speaks against it: slow tail, "
        "business-critical hours, reopened incidents, survey answers, complaints, each beyond its agreed threshold.",
        ("fct_watermelons", "fct_service_levels"),
        ("service", "levels"),
    ),
    Figure(
        "Beside the sources' own clocks",
        "Resolution clock of each incident beside the verdict of its source; a difference is named by the simplest way "
        "of counting that explains it.",
        ("fct_sla_reconciliation", "fct_incident_sla"),
        ("levels",),
    ),
    Figure(
        "KPIs",
        "Sum of what stands above the line ÷ sum of what stands below it, over the month so far and all services (of "
        "gains and reductions 1 less that); above KPIs the weight of those met ÷ the weight of those judged.",
        ("fct_kpis", "fct_kpi_parts"),
        ("kpis",),
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
        ("service", "events"),
    ),
    Figure(
        "Cost",
        "Charges of the configuration items behind the service; a shared item by the agreed share, else by measured "
        "use.",
        ("fct_service_cost", "fct_unit_cost"),
    ),
    Figure(
        "Improvements",
        "Proposed from headroom, saturation dates, sizes, idle items, recurring events and missed targets; decided by "
        "the records of improvement states. Priority (0 to 100) = 40 × urgency + 30 × impact + 20 × confidence + "
        "10 ÷ (1 + effort days ÷ 5). Benefit measured: the same measure 28 days before and after the day it was done; "
        "headroom at the demand from before.",
        ("fct_improvements",),
        ("service", "plan"),
    ),
    Figure(
        "Sizes",
        "The cheapest size of the ladder that holds the need of the last 28 days, the growth until the next decision "
        "and a week's usual scatter, and that demand would have crossed in no week on record. Would have been "
        "crossed: weeks with demand beyond the size ÷ weeks tested, 95 % interval by Clopper and Pearson.",
        ("fct_rightsizing", "fct_rightsizing_backtest"),
        ("service", "plan"),
    ),
    Figure(
        "Room in business terms",
        "Usable capacity less demand, ÷ what one unit adds on the busiest weekday (medians of past days); 90 % "
        "interval from slopes that the days do not contradict and errors on unseen days. Refused where the driver "
        "foretells no better than last week.",
        ("fct_business_capacity", "fct_business_demand"),
    ),
    Figure(
        "People, licences, data, money",
        "Headroom = 1 − demand ÷ usable. Teams: agreed hours of the tickets of the busiest week ÷ hours of the team × "
        "what may be planned. Licences and data: as disks. Budgets: spending of the whole period if it goes on as so "
        "far ÷ amount.",
        ("fct_capacity", "fct_team_capacity"),
        ("service", "resources"),
    ),
    Figure(
        "Use of shared items",
        "Hourly demand of the item regressed on the hourly requests of its services (non-negative least squares); use "
        "is the part of demand in the busiest twentieth of the hours. 90 % interval from resampled days; refused "
        "below R² = 0.8 on unseen days.",
        ("fct_shared_use", "fct_resource_shares"),
    ),
    Figure(
        "What if",
        "Headroom, dates and cost of every service computed anew with the scenario's limits, members, load and "
        "purchases, with the same forecasts and random numbers as today's.",
        ("fct_what_if", "dim_scenario"),
        ("what_if",),
    ),
    Figure(
        "Scores of forecasts",
        "Rolling-origin backtest: weighted quantile loss, share of days inside the 80 % interval, and MASE, beside "
        "repeating the last season.",
        ("fct_forecast_scores",),
        ("forecasts",),
    ),
    Figure(
        "The model behind the forecasts",
        "Model card of the training, and how far forecasts move when what they know of one thing is shuffled.",
        ("fct_forecast_models", "fct_forecast_importances"),
        ("forecasts",),
    ),
    Figure(
        "What forecasts were worth",
        "Every earlier forecast, scored on the last 91 days of actuals beside seasonal naive of the same as-of days.",
        ("fct_forecast_track_record", "fct_forecast_outcomes"),
        ("forecasts",),
    ),
    Figure(
        "Whether dates come true",
        "Saturation dates and probabilities of earlier forecasts beside the days since, as far as they are known.",
        ("fct_saturation_scores", "fct_saturation_reliability", "fct_saturation"),
        ("forecasts",),
    ),
    Figure(
        "Incidents", "Incidents by the month in which they were opened, as last updated.", ("fct_incidents",)
    ),
    Figure(
        "Backlog of teams",
        "Tickets in the backlog of a team at the end of each day, counted one by one from their history; what came and "
        "left. Days in it = mean open ÷ tickets that left a day (Little's law). Ages in days since the opening.",
        ("fct_backlog_daily", "dim_team"),
        ("service_desk",),
    ),
    Figure(
        "People needed",
        "Live work: fewest people on duty who take up the agreed share in time, by Erlang C on the arrivals of each "
        "hour of the week. Work that may wait: (hours that arrive + (hours that wait − target) ÷ weeks) ÷ ticket hours "
        "of a post, target = arrivals of the agreed age. Arrivals: mean of up to 12 weeks.",
        ("fct_staffing", "dim_team"),
        ("service_desk",),
    ),
    Figure(
        "How incidents run",
        "Time by state from the updates of each incident, round the clock; first touch: in progress, on hold or "
        "resolved; medians over the incidents opened in the period.",
        ("fct_incidents",),
        ("service_desk",),
    ),
    Figure(
        "Major incidents",
        "Declared, told, restored as recorded, else as the updates of the incident tell; services: its own and those "
        "that used its configuration item on the day.",
        ("fct_major_incidents",),
        ("service_desk",),
    ),
    Figure(
        "Problems and known errors",
        "Incidents that name the problem; before and after the fix over the same time, with other incidents of its "
        "item.",
        ("fct_problems", "fct_known_errors"),
        ("service_desk",),
    ),
    Figure(
        "Requests",
        "Opening to fulfilment in agreed time: open intervals of the calendar of the service, else of the team.",
        ("fct_service_requests",),
        ("service_desk",),
    ),
    Figure(
        "Sequences that cannot be",
        "Updates that contradict one another, by what contradicts.",
        ("fct_incident_sequence_findings",),
        ("service_desk",),
    ),
    Figure(
        "Changes",
        "Changes to the service or to one of its configuration items, as last updated.",
        ("fct_changes",),
        ("service", "changes"),
    ),
    Figure(
        "What changes moved",
        "Difference in differences: median of the days after less median of the days before, of the series less the "
        "median of comparable pools or services without a change. P-value and interval from placebos (the same on "
        "series and days without a change); at most 5 % false discoveries over all tests (Benjamini and Hochberg).",
        ("fct_change_impact", "fct_changes"),
        ("service", "changes"),
    ),
    Figure(
        "Failure rate of changes",
        "Failed or backed out ÷ ended with a known outcome; Wilson's 95 % interval.",
        ("fct_change_failure_rates",),
        ("changes",),
    ),
    Figure(
        "Collisions",
        "Planned windows that overlap on one item, on items that stand in for each other, or with a change of the "
        "whole service.",
        ("fct_change_collisions",),
        ("changes",),
    ),
    Figure(
        "Incidents caused by capacity",
        "Saturation in the two hours before on the service path; confidence = π ÷ (π + (1 − π) × chance), chance from "
        "the same hour of other weeks without an incident, π = part of the service's incidents that capacity caused. "
        "Likely from 80 %, possible from 30 %.",
        ("fct_capacity_incidents", "fct_capacity_incident_evidence"),
        ("service", "changes"),
    ),
)


# Loaded by the pipeline itself, so no source delivers them: the run's dates, unit conversions, receipts.
_MADE_HERE = frozenset({"run_window", "run_days", "run_incidents", "unit_conversions", "receipts"})


@dataclass(frozen=True)
class Trace:
    """A figure with the published tables, what Ullage computes for them, and the deliveries behind them."""

    figure: Figure
    marts: tuple[tuple[str, int | None], ...]
    computed: tuple[tuple[str, str], ...]
    inputs: tuple[Input, ...]
    empty_landing: tuple[str, ...]


def traces(manifest: Manifest, page: str = "service") -> list[Trace]:
    """One trace for each figure of a page. A mart that this version does not hold has no row count."""
    found = []
    for figure in figures(page):
        landing = landing_of(manifest, figure.marts)
        inputs = tuple(i for i in manifest.inputs if i.table in landing)
        made = {name: table.description for name, table in computed_tables().items() if name in landing}
        missing = landing - {i.table for i in inputs} - made.keys() - _MADE_HERE
        marts = tuple((m, manifest.tables[m].rows if m in manifest.tables else None) for m in figure.marts)
        found.append(Trace(figure, marts, tuple(sorted(made.items())), inputs, tuple(sorted(missing))))
    return found


def deliveries(found: Iterable[Trace]) -> tuple[Input, ...]:
    """What stands behind any of the traces, each source and table once, in their order."""
    inputs = {(i.table, i.source): i for trace in found for i in trace.inputs}
    return tuple(inputs[key] for key in sorted(inputs))


def figures(page: str) -> tuple[Figure, ...]:
    """The figures that stand on a page."""
    return tuple(figure for figure in FIGURES if page in figure.pages)


def landing_of(manifest: Manifest, marts: Iterable[str]) -> set[str]:
    """Landing tables from which any of the marts is built."""
    return {t for m in marts if m in manifest.tables for t in manifest.tables[m].depends_on_landing}


def checks_behind(manifest: Manifest, page: str = "service") -> list[CheckResult]:
    """Checks on any table that a page uses: published, landed, or on the way between (`stg_`, `int_`)."""
    marts = {mart for figure in figures(page) for mart in figure.marts}
    landing = landing_of(manifest, marts)
    tables = marts | landing | {f"stg_{table}" for table in landing}

    def is_used(check: CheckResult) -> bool:
        table = check.table.rsplit(".", 1)[-1]
        return table in tables or table.startswith("int_")

    return [check for check in manifest.checks if is_used(check)]
