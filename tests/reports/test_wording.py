"""The sentences must say what the figures say, no more and no less."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from reports import targets, wording
from reports.levels import BEYOND, CRITICAL, ENOUGH, LOW, UNKNOWN, level_of, urgency
from reports.records.capacity import ServiceCapacity, WeekHour
from reports.records.forecast import Saturation
from reports.records.operation import ServiceLevel
from reports.records.service import Service
from reports.settings import ReportSettings

AS_OF = date(2026, 6, 30)
PAYMENTS = Service("payments", "Payments", None, "Ana", None, 1, None)
CAPACITY = ServiceCapacity(
    "payments", 0.18, 0.3, 0.1, None, 0.0, "p", "db_connections", "db1", "dbs", 0.3, "q", "cpu", 2, 1.0, False
)
SATURATION = Saturation(
    series_id="service/payments",
    service_id="payments",
    pool_id="p",
    ci_id=None,
    resource="db_connections",
    as_of_date=AS_OF,
    p10_date=date(2026, 7, 20),
    p50_date=date(2026, 8, 12),
    p90_date=date(2026, 9, 20),
    is_censored=False,
    probability_within_horizon=0.93,
    probability_within_lead_time=0.4,
    lead_time_days=30,
    decision_date=date(2026, 7, 13),
    horizon_days=90,
    notes=None,
)
CENSORED = replace(
    SATURATION,
    p50_date=None,
    p90_date=None,
    decision_date=None,
    is_censored=True,
    probability_within_horizon=0.22,
)


def headline(
    capacity: ServiceCapacity | None,
    saturation: Saturation | None,
    first: str | None,
    deciding: Saturation | None = None,
) -> str:
    text = wording.headline(PAYMENTS, capacity, saturation, first, deciding or saturation, AS_OF)
    return str(text).replace("<bdi>", "").replace("</bdi>", "").replace("\u202f", " ")


def test_headline_names_room_date_interval_and_day_to_decide() -> None:
    assert headline(CAPACITY, SATURATION, "db_connections") == (
        "Payments has 18 % room left; database connections run out first, about 12 Aug 2026 "
        "(80 % interval: 20 Jul to 20 Sep 2026); decide by 13 Jul 2026 (30 days of lead time)."
    )


def test_headline_tells_the_tightest_today_from_the_first_to_run_out() -> None:
    assert (
        "database connections are the tightest today, but disk space runs out first, about 12 Aug 2026"
        in headline(CAPACITY, SATURATION, "filesystem")
    )


def test_an_interval_that_passes_the_horizon_is_left_open() -> None:
    assert wording.interval(replace(SATURATION, p90_date=None)) == "20 Jul to beyond 28 Sep 2026"


def test_a_passed_day_to_decide_is_said_to_have_passed() -> None:
    late = replace(SATURATION, decision_date=date(2026, 6, 1))
    text = headline(CAPACITY, late, "db_connections")
    assert "; the day to decide was 1 Jun 2026 (30 days of lead time)" in text


def test_the_first_decision_may_be_about_another_resource() -> None:
    """A later date with a longer lead time must be decided on earlier."""
    network = replace(SATURATION, resource="network", decision_date=date(2026, 7, 2), lead_time_days=60)
    text = headline(CAPACITY, SATURATION, "db_connections", network)
    assert text.endswith("decide on network bandwidth by 2 Jul 2026 (60 days of lead time).")


def test_a_censored_date_is_not_invented() -> None:
    assert headline(CAPACITY, CENSORED, None) == (
        "Payments has 18 % room left; database connections are the tightest. "
        "It is not expected to run out by 28 Sep 2026 (22 % chance that it does)."
    )


def test_demand_beyond_capacity_is_not_called_room() -> None:
    over = replace(CAPACITY, headroom_ratio=-0.07)
    assert headline(over, SATURATION, "cpu").startswith(
        "Payments is 7.0 % beyond usable capacity of database"
    )


def test_what_is_not_known_is_said_with_its_reason() -> None:
    assert headline(None, None, None).endswith("none of its resources has been measured.")
    unlimited = replace(CAPACITY, headroom_ratio=None)
    assert headline(unlimited, None, None).endswith("no limit is recorded for any of them.")
    assert headline(CAPACITY, None, None).endswith("When it runs out is not forecast yet.")


def test_levels_take_the_better_class_at_a_threshold() -> None:
    settings = ReportSettings(headroom_warning=0.2, headroom_critical=0.05)
    found = [level_of(h, settings) for h in (-0.01, 0.0, 0.05, 0.2, None)]
    assert found == [BEYOND, CRITICAL, LOW, ENOUGH, UNKNOWN]


def test_urgency_puts_beyond_capacity_first_then_dates_then_headroom_then_unknown() -> None:
    later = replace(SATURATION, p50_date=date(2026, 9, 1))
    keys = {
        "unknown": urgency(PAYMENTS, None, None),
        "unknown, targets missed": urgency(PAYMENTS, None, None, missed_targets=1),
        "roomy": urgency(PAYMENTS, 0.9, None),
        "tight": urgency(PAYMENTS, 0.1, None),
        "possible": urgency(PAYMENTS, 0.9, CENSORED),
        "later": urgency(PAYMENTS, 0.5, later),
        "sooner": urgency(PAYMENTS, 0.6, SATURATION),
        "beyond": urgency(PAYMENTS, -0.1, later),
    }
    assert sorted(keys, key=keys.__getitem__) == [
        "beyond", "sooner", "later", "possible", "tight", "roomy", "unknown, targets missed", "unknown"
    ]  # fmt: skip


def level(measure: str, **values: object) -> ServiceLevel:
    base = ServiceLevel(
        "payments",
        "t",
        measure,
        None,
        date(2026, 6, 1),
        "<=",
        240.0,
        0.95,
        0.9,
        18.0,
        20.0,
        False,
        "Ana",
        None,
    )
    return replace(base, **values)  # type: ignore[arg-type]


def test_targets_are_told_in_words_with_what_was_reached() -> None:
    def told(measure: str, **values: object) -> str:
        found = level(measure, **values)
        return f"{targets.agreed(found)}: {targets.attained(found)}".replace("\u202f", " ")

    assert told("incident_resolution_minutes", priority=1) == (
        "95 % of priority 1 incidents resolved within 4 h: 90 % of 20"
    )
    assert told("incident_resolution_minutes", objective_ratio=None) == (
        "All incidents resolved within 4 h: 90 % of 20"
    )
    assert told("incident_response_minutes", priority=3) == (
        "95 % of priority 3 incidents taken up within 4 h: 90 % of 20"
    )
    assert (
        told("latency_seconds", target_value=0.4) == "95 % of requests answered in 400 ms or less: 90 % of 20"
    )
    month = {"objective_ratio": None, "target_value": 0.999, "comparator": ">=", "actual_value": 0.99914}
    assert told("availability_ratio", **month) == "Availability at least 99.9 %: 99.91 %"
    days = month | {"objective_ratio": 0.95, "actual_value": 0.9}
    assert told("availability_ratio", **days) == "Availability at least 99.9 % on 95 % of days: 90 % of 20"


def test_the_fullest_and_the_emptiest_hour_are_named() -> None:
    week = [WeekHour(1, 9, 6, 0.8), WeekHour(1, 10, 6, 0.8), WeekHour(6, 3, 6, 0.05), WeekHour(7, 3, 0, None)]

    assert wording.busiest_hour(week) == (
        "Fullest on Mondays at 9:00 (80\u202f% of usable capacity), emptiest on Saturdays at 3:00 (5.0\u202f%)."
    )
    assert wording.busiest_hour([]) == ""
