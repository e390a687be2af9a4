"""What is told of a service: performance, cost, throughput, levels, availability."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

from tests.reports.marts import AS_OF, Rows

OWNERS = ("Ana Kovač", "Jürgen Weiß", "Mei Tanaka", "Olu Adeyemi")


def service(rows: Rows, key: str, name: str, **values: Any) -> None:
    """A service's record."""
    rows.add(
        "dim_service",
        **{
            "service_id": key,
            "service_name": name,
            "owner": OWNERS[len(key) % 4],
            "team_id": "t1",
            "criticality": 2,
        }
        | {"calendar_id": "office hours", "valid_from": date(2025, 1, 1)}
        | values,
    )


def performance(rows: Rows, key: str, days: int, random: Random, coverage: float) -> None:
    for offset in range(days):
        day = AS_OF - timedelta(days=days - 1 - offset)
        busy = 1.0 if day.weekday() < 5 else 0.5
        p50 = 0.08 * (1 + 0.3 * busy + random.gauss(0, 0.03))
        outage = 37.0 if offset in (33, 71) else 0.0
        rows.add("fct_service_performance_daily", service_id=key, observed_date=day, request_count=4e6 * busy,
                 throughput_per_second=46 * busy, throughput_peak_per_second=120 * busy + random.gauss(0, 4),
                 error_ratio=abs(random.gauss(0.0012, 0.0006)) + outage / 4000, latency_p50_seconds=p50,
                 latency_p95_seconds=p50 * 3.1, latency_p99_seconds=p50 * 5.2 + outage / 100,
                 latency_basis="histogram", latency_target_seconds=0.4, latency_good_ratio=0.97, check_count=96,
                 availability_ratio=1 - outage / 1440, downtime_minutes=outage, coverage_ratio=coverage)  # fmt: skip


def costs(rows: Rows, key: str, index: int) -> None:
    for month in (4, 5, 6):
        start = date(2026, month, 1)
        same: dict[str, Any] = {"service_id": key, "month_start_date": start, "billing_currency": "EUR"}
        total = Decimal(2400 + 310 * index + 40 * month)
        rows.add("fct_service_cost", **same, is_partial_month=False, effective_cost=total,
                 direct_cost=total * Decimal("0.8"), shared_cost=total * Decimal("0.2"),
                 headroom_cost=total * Decimal("0.3"), idle_cost=total * Decimal("0.1"), ci_count=9)  # fmt: skip
        rows.add("fct_unit_cost", **same, driver_id=f"{key}-orders", driver_name="Orders", unit="{order}",
                 demand_value=81_000.0, is_low_coverage=month == 4, unit_cost=0.031,
                 efficiency_gain_ratio=0.04)  # fmt: skip


def throughput(rows: Rows, key: str, index: int) -> None:
    """Every third service has a curve, the next none that tells, the third no fit at all."""
    same: dict[str, Any] = {"service_id": key, "as_of_date": AS_OF}
    if index % 3 == 2:
        return
    told = index % 3 == 0
    rows.add("fct_scalability", **same, method="queueing", is_preferred=told, is_refused=not told,
             sustainable_per_second=120.0 if told else None, sustainable_per_second_low=112.0 if told else None,
             sustainable_per_second_high=131.0 if told else None, busy_hour_per_second=101.0,
             headroom_ratio=1 - 101 / 120 if told else None, latency_target_seconds=0.4, point_count=2160,
             first_date=date(2026, 4, 2), last_date=AS_OF,
             reason=None if told else "the busiest hour shows no rise of latency: no knee is in sight")  # fmt: skip
    rows.add("fct_scalability", **same, method="load_test", is_preferred=False, is_refused=False, peak_load=96.5,
             sustainable_per_second=118.0, peak_per_second=140.0, limited_by="contention", load_unit="{user}",
             point_count=7, tested_at=datetime.fromisoformat("2026-05-12T09:00"))  # fmt: skip
    for number in range(24):
        rate = 5.0 * (number + 1)
        latency = 0.12 / (1 - (rate / 150) ** 4)
        for series, noise in (("measured", 1.1 if number % 2 else 0.94), ("fitted", 1.0)):
            rows.add("fct_scalability_points", **same, method="queueing", series=series, point_number=number,
                     load=rate * latency, throughput_per_second=rate, latency_seconds=latency * noise)  # fmt: skip


def levels(rows: Rows, key: str, random: Random) -> None:
    targets = (
        ("res-p1", "incident_resolution_minutes", 1, "<=", 240.0, 0.95),
        ("res-p2", "incident_resolution_minutes", 2, "<=", 480.0, 0.9),
        ("avail", "availability_ratio", None, ">=", 0.999, None),
        ("lat", "latency_seconds", None, "<=", 0.4, 0.95),
        ("err", "error_ratio", None, "<=", 0.005, None),
    )
    for month in (3, 4, 5, 6):
        for target_id, measure, priority, comparator, value, objective in targets:
            total = random.randint(4, 40) if priority else 2880
            good = total - random.choice((0, 0, 1, 3)) if priority else 2773
            actual = {"availability_ratio": 0.99914, "error_ratio": 0.0014}.get(measure, good / total)
            met = (
                actual >= objective
                if objective
                else actual >= value
                if comparator == ">="
                else actual <= value
            )
            rows.add("fct_service_levels", service_id=key, target_id=target_id, measure=measure, priority=priority,
                     period="month", period_start_date=date(2026, month, 1), comparator=comparator, target_value=value,
                     objective_ratio=objective, actual_value=actual, good_count=good, total_count=total, is_met=met,
                     approved_by="Service review board",
                     approved_at=datetime.fromisoformat("2026-01-15T10:00"))  # fmt: skip


def service_levels(rows: Rows, key: str, index: int) -> None:
    """Weeks and budgets of two targets, four months of availability, and one watermelon."""
    for week in range(6):
        rows.add("fct_service_levels", service_id=key, target_id="lat", measure="latency_seconds", period="week",
                 period_start_date=date(2026, 5, 25) + timedelta(weeks=week), is_met=week != 2)  # fmt: skip
    for row in rows.tables["fct_service_levels"]:
        if (row["service_id"], row["period"], row["target_id"]) == (key, "month", "avail"):
            row |= {"counted": "minutes", "bad_count": 37.0, "error_budget_count": 43.2}
            row |= {
                "error_budget_left_count": 6.2,
                "error_budget_used_ratio": 37 / 43.2,
                "burn_rate_1h": 16.5,
            }
            row |= {"burn_rate_6h": 2.75, "burn_rate_24h": 0.7, "burn_rate_72h": None, "alert_state": "page"}
            row |= {"page_hours": 1, "ticket_hours": 0}
    # Of the 30 minutes 13 count for both; what happened to Identity was no supplier's.
    held = {"supplier_downtime_minutes": 30.0, "assigned_supplier_downtime_minutes": 25.0,
            "contract_supplier_downtime_minutes": 18.0, "serviceability_ratio": 0.9993}  # fmt: skip
    if key == "identity":
        held = {**dict.fromkeys(held, 0.0), "serviceability_ratio": 1.0}
    for month in (3, 4, 5, 6):
        rows.add("fct_availability", subject_kind="service", subject_id=key, month_start_date=date(2026, month, 1),
                 agreed_minutes=43200.0, excluded_minutes=120.0, downtime_minutes=360.0,
                 measured_downtime_minutes=300.0, recorded_downtime_minutes=340.0,
                 availability_ratio=0.9916666666666667, failure_count=3, mtbf_minutes=14280.0, mtrs_minutes=120.0,
                 mtbsi_minutes=14400.0, coverage_ratio=0.5, **held)  # fmt: skip
    rows.add("fct_availability", subject_kind="ci", subject_id=f"{key[:20]}-down", month_start_date=date(2026, 6, 1),
             agreed_minutes=43200.0, excluded_minutes=0.0, downtime_minutes=45.0, measured_downtime_minutes=0.0,
             recorded_downtime_minutes=45.0, supplier_downtime_minutes=20.0,
             assigned_supplier_downtime_minutes=0.0, contract_supplier_downtime_minutes=20.0,
             availability_ratio=0.99896, failure_count=1, mtbf_minutes=43155.0, mtrs_minutes=45.0,
             mtbsi_minutes=43200.0, serviceability_ratio=0.99954, coverage_ratio=0.0)  # fmt: skip
    if index == 0:
        rows.add("fct_watermelons", service_id=key, period="month", period_start_date=date(2026, 6, 1),
                 period_end_date=AS_OF, evidence="satisfaction", contradicts="all targets", evidence_value=2.2,
                 comparator="<", threshold_value=3.0, unit="{score}", case_count=5.0, met_target_count=5)  # fmt: skip
        rows.add("fct_watermelons", service_id=key, period="week", period_start_date=date(2026, 6, 15),
                 period_end_date=date(2026, 6, 21), evidence="tail_latency", contradicts="lat", evidence_value=2.5,
                 comparator=">", threshold_value=1.6, unit="s", case_count=4000.0, met_target_count=5)  # fmt: skip
    for number in range(4):
        rows.add("fct_sla_reconciliation", incident_id=f"{key[:20]}-{number}", service_id=key,
                 difference="equal" if number else "source_counts_all_time")  # fmt: skip
