"""Events, incidents and changes of a service, and what a change moved."""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random
from typing import Any

from tests.reports.marts import AS_OF, Rows


def events(rows: Rows, key: str, pools: list[dict[str, Any]]) -> None:
    for number, (category, source) in enumerate(
        (("exception", "threshold"), ("warning", "forecast"), ("informational", "baseline"))
    ):
        pool = pools[number]
        opened = datetime.fromisoformat("2026-06-28T08:00") - timedelta(days=11 * number)
        rows.add("fct_events", event_id=f"{key[:20]}-{number}", as_of_date=AS_OF, category=category,
                 severity=("major", "minor", "info")[number], is_open=number == 0, source=source, opened_at=opened,
                 last_seen_at=opened + timedelta(hours=9), cause_ci_id=pool["deciding_ci_id"],
                 resource=pool["resource"], unit=pool["unit"],
                 peak_value=None if source == "forecast" else pool["demand_value"],
                 threshold_value=pool["usable_value"], probability_within_lead_time=0.7 if number == 1 else None,
                 decision_date=AS_OF if number == 1 else None, ci_count=2, service_count=1, ci_ids="a,b",
                 service_ids=key)  # fmt: skip


def incidents(rows: Rows, key: str, random: Random, count: int) -> None:
    for number in range(count):
        opened = datetime.fromisoformat("2026-06-30T08:00") - timedelta(
            hours=number * 24 * 170 // count + random.randint(0, 5)
        )
        priority = random.choice((1, 2, 3, 3, 3, 4, 4))
        is_open = number in (0, 1, 4)
        identifier = f"INC{key[:20]}{number:05d}"
        rows.add("fct_incidents", incident_id=identifier, service_id=key, team_id="t1", priority=priority,
                 title=("Checkout slow at peak", "Cannot log in", "Nightly export failed")[number % 3],
                 state="in_progress" if is_open else "closed", opened_at=opened, opened_date=opened.date(),
                 is_derived=number % 9 == 0)  # fmt: skip
        rows.add("fct_incident_sla", incident_id=identifier, clock="resolution", service_id=key, priority=priority,
                 target_minutes=480, business_minutes=560 if number == 4 else 95,
                 state=("running_late" if number == 4 else "running") if is_open else "met")  # fmt: skip


def changes(rows: Rows, key: str, random: Random) -> None:
    for number in range(7):
        start = datetime.fromisoformat("2026-06-20T22:00") - timedelta(days=11 * number)
        rows.add("fct_changes", change_id=f"CHG{key[:20]}{number}", state="closed",
                 change_kind=("standard", "normal", "emergency")[number % 3],
                 outcome=("successful", "successful", "backed_out")[number % 3], service_id=key,
                 title=("Monthly patches", "Add a node to the web tier", "Fail over the database")[number % 3],
                 started_at=start, ended_at=start + timedelta(minutes=75 + number), duration_minutes=75 + number,
                 is_overrun=number % 3 == 2)  # fmt: skip


def impacts(rows: Rows) -> None:
    """What one change of payments moved, a collision, failure rates, and an incident by capacity."""
    told = {"as_of_date": AS_OF, "change_id": "CHGpayments1", "unit": "1", "relation": "named"}
    shown = {"q_value": 0.01, "control_count": 6, "score": 4.0}
    for number in (1, 2):
        rows.add("fct_change_impact", **told, **shown, subject_kind="ci", subject_id=f"payments-hosts-{number}",
                 metric="cpu_utilisation", before_value=0.61, after_value=0.35, expected_value=0.6, effect_value=-0.25,
                 effect_ratio=-0.417, effect_low=-0.5, effect_high=-0.32, verdict="lowered",
                 reason="cannot be told apart from CHG9")  # fmt: skip
    rows.add("fct_change_impact", **told, **shown, subject_kind="service", subject_id="payments", metric="error_ratio",
             before_value=0.01, after_value=0.03, expected_value=0.01, effect_value=0.02, effect_low=0.015,
             effect_high=0.025, verdict="raised")  # fmt: skip
    rows.add("fct_change_impact", **told, subject_kind="service", subject_id="payments", metric="throughput",
             verdict="not_testable", reason="too few controls: fewer than 3")  # fmt: skip
    for number, other in ((0, 1), (1, 0)):
        rows.add("fct_change_collisions", change_id=f"CHGidentity{number}", other_change_id=f"CHGidentity{other}",
                 scope="service", overlap_start_at=datetime.fromisoformat("2026-07-02T22:00"),
                 overlap_end_at=datetime.fromisoformat("2026-07-02T22:45"), overlap_minutes=45)  # fmt: skip
    for kind, grain, failed, changes in (
        ("all", "all", 6, 42),
        ("normal", "all", 1, 14),
        ("all", "month", 2, 12),
    ):
        rows.add("fct_change_failure_rates", service_id="all", change_kind=kind, period_grain=grain,
                 period_start_date=AS_OF.replace(day=1), change_count=changes, failed_count=failed, overrun_count=3,
                 failure_ratio=failed / changes, failure_low_ratio=0.067, failure_high_ratio=0.278)  # fmt: skip
    opened = datetime.fromisoformat("2026-06-22T12:20")
    rows.add("fct_incidents", incident_id="INCfull", service_id="payments", priority=2, title="Payments time out",
             state="closed", opened_at=opened, opened_date=opened.date(), is_derived=False)  # fmt: skip
    judged = {"as_of_date": AS_OF, "service_id": "payments", "opened_at": opened}
    rows.add("fct_capacity_incidents", **judged, incident_id="INCfull", verdict="capacity", confidence_ratio=0.93,
             scope="named_ci", chance_ratio=0.04, chance_basis="hour_of_week", ci_id="payments-hosts-1",
             resource="cpu", saturated_minutes=55, peak_usage_ratio=1.2, evidence_count=2,
             started_at=opened - timedelta(minutes=70))  # fmt: skip
    rows.add("fct_capacity_incidents", **judged, incident_id="INCother", verdict="not_capacity", confidence_ratio=0,
             evidence_count=0)  # fmt: skip
