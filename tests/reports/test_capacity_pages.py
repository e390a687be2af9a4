"""Throughput, events and what-if: sentences must say what the figures say, and refuse where the data do."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime

from reports.events import events, what
from reports.records.capacity import Scalability, ScalabilityPoint
from reports.records.operation import Event
from reports.records.planning import Scenario, WhatIf
from reports.settings import ReportSettings
from reports.throughput import throughput
from reports.what_if import answer, what_if

AS_OF = date(2026, 6, 30)
FIT = Scalability(
    method="queueing",
    is_preferred=True,
    sustainable_per_second=120.0,
    sustainable_per_second_low=112.0,
    sustainable_per_second_high=131.0,
    busy_hour_per_second=90.0,
    headroom_ratio=0.25,
    latency_target_seconds=0.4,
    peak_load=None,
    peak_per_second=None,
    limited_by=None,
    load_unit=None,
    point_count=100,
    first_date=date(2026, 6, 1),
    last_date=AS_OF,
    tested_at=None,
    is_refused=False,
    reason=None,
    notes=None,
)
EVENT = Event(
    event_id="e1",
    category="exception",
    severity="major",
    is_open=True,
    source="threshold",
    opened_at=datetime.fromisoformat("2026-06-29T08:00"),
    last_seen_at=datetime.fromisoformat("2026-06-30T10:00"),
    resource="cpu",
    unit="1",
    peak_value=0.93,
    threshold_value=0.8,
    peak_ratio=1.16,
    probability_within_lead_time=None,
    decision_date=None,
    ci_count=1,
    service_count=2,
    cause_ci_name="host-1",
)
SCENARIO = Scenario("growth", "Demand +30 %", None, "Ana", None)
ROW = WhatIf(
    scenario_id="growth",
    service_id="shop",
    service_name="Shop",
    today_headroom_ratio=0.1,
    scenario_headroom_ratio=-0.2,
    today_bottleneck_resource="cpu",
    scenario_bottleneck_resource="cpu",
    today_p50_date=None,
    scenario_p50_date=date(2026, 8, 1),
    today_probability_within_horizon=0.1,
    scenario_probability_within_horizon=0.9,
    today_monthly_cost=1000.0,
    scenario_monthly_cost=1250.0,
    currency="EUR",
    changed_pool_count=1,
    lost_pool_count=0,
    is_retired=False,
    notes=None,
)


def plain(text: str) -> str:
    return text.replace("\u202f", " ")


def test_the_preferred_method_answers_with_its_interval() -> None:
    part = throughput([FIT], [])

    assert part is not None
    assert plain(part.answer) == (
        "Sustains 120 /s (95 %: 112 to 131 /s), by latency against throughput in production, with latency within "
        "400 ms. The busy hour takes 90 /s: 25 % of it is free."
    )


def test_refused_methods_give_no_figure_and_no_curve_without_points() -> None:
    refused = replace(FIT, is_preferred=False, is_refused=True, sustainable_per_second=None, reason="no knee")
    part = throughput([refused], [])

    assert part is not None
    assert "cannot be told" in part.answer
    assert part.picture is None
    assert part.lines[0].sustained == "–"
    assert throughput([], []) is None


def test_the_curve_shows_measured_points_and_what_is_sustained() -> None:
    points = [
        ScalabilityPoint("queueing", series, 1.0, rate, 0.1)
        for series in ("measured", "fitted")
        for rate in (10.0, 60.0)
    ]
    part = throughput([FIT], points)

    assert part is not None
    assert part.picture is not None
    assert "sustains 120" in part.picture.wide
    assert "target 400" in part.picture.narrow


def test_an_event_says_how_far_demand_went_and_against_what() -> None:
    assert plain(what(EVENT)) == "CPU reached 93.0 %, 80 % usable"
    assert plain(what(replace(EVENT, source="baseline", threshold_value=0.4))).endswith("40 % expected")
    ahead = replace(
        EVENT,
        source="forecast",
        peak_value=None,
        probability_within_lead_time=0.7,
        decision_date=date(2026, 7, 9),
    )
    assert (
        plain(what(ahead))
        == "CPU runs short within the lead time with 70 % probability; decide by 9 Jul 2026"
    )


def test_the_list_of_events_is_cut_and_says_of_how_many() -> None:
    page = events([EVENT] * 5, AS_OF, ReportSettings(listed_events=2))

    assert (page.total, len(page.lines), page.open_count) == (5, 2, 5)
    assert page.counts == (("exception", 5),)
    assert events([], AS_OF, ReportSettings()).picture is None


def test_a_scenario_counts_services_that_are_short_and_sums_one_currency_only() -> None:
    assert plain(answer([ROW])) == (
        "1 service is beyond usable capacity, 0 today. Cost a month: 250 EUR more."
    )
    assert "Cost" not in answer([ROW, replace(ROW, currency="USD")])
    assert answer([]) == "The scenario has not been computed for this day."


def test_services_that_a_scenario_does_not_touch_are_counted_not_listed() -> None:
    same = replace(
        ROW,
        scenario_headroom_ratio=0.1,
        scenario_p50_date=None,
        scenario_monthly_cost=1000.0,
        changed_pool_count=0,
    )
    [part] = what_if([(SCENARIO, [ROW, same])], ReportSettings())

    assert len(part.lines) == 1
    assert part.untouched == 1
