"""Baselines, detections and events of the small estate."""

from typing import Any

from tests.dbt.landing_fixture import Row
from tests.dbt.small_estate.moments import AS_OF, DAYS, at


def events() -> dict[str, list[Row]]:
    opened = at(DAYS[0], 12)
    closed = {"opened_at": opened, "ended_at": at(DAYS[1], 13), "is_open": False}
    going_on = {"opened_at": opened, "ended_at": at(AS_OF, 13), "exception_at": opened, "is_open": True}
    detections: list[dict[str, Any]] = [
        {"event_id": "e1", "source": "threshold", "ci_id": "web-1", "is_cause": True, **going_on},
        {"event_id": "e1", "source": "forecast", "pool_id": "shop/web/cpu", "is_cause": False, **going_on},
        {"event_id": "e2", "source": "baseline", "ci_id": "db-1", "is_cause": True, **closed},
    ]
    events = [
        {
            "event_id": "e1",
            "category": "exception",
            "severity": "critical",
            "source": "threshold",
            "is_open": True,
        }
        | {"exception_at": opened, "last_seen_at": at(AS_OF, 13), "cause_ci_id": "web-1", "peak_value": 0.81},
        {
            "event_id": "e2",
            "category": "informational",
            "severity": "info",
            "source": "baseline",
            "is_open": False,
        }
        | {"last_seen_at": at(DAYS[1], 13), "closed_at": at(DAYS[1], 13), "score": 4.5, "peak_value": 0.7},
    ]
    common = {"as_of_date": AS_OF, "resource": "cpu", "unit": "1", "threshold_value": 0.65}
    return {
        "resource_baselines": [
            {
                "as_of_date": AS_OF,
                "ci_id": "web-1",
                "resource": "cpu",
                "weekday": 1,
                "hour": hour,
                "zone": "UTC",
            }
            | {"basis": "hour_of_week", "expected_value": hour / 70, "mad_value": 0.01, "scale_value": 0.03}
            for hour in range(3)
        ],
        "capacity_events": [{**common, "opened_at": opened, **event} for event in events],
        "capacity_event_detections": [
            {**common, "detection_id": f"d{number}", "category": "warning", "direction": "up", **detection}
            for number, detection in enumerate(detections)
        ],
    }
