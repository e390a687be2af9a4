"""Control records of the small estate: what there is, what is measured, and in which units."""

from tests.dbt.landing_fixture import Row
from tests.dbt.small_estate.moments import ALWAYS, HOSTS


def estate() -> dict[str, list[Row]]:
    """Services, configuration items, who carries what, and the team."""
    services = [("shop", "office", "office", 1), ("mail", "office", None, 2), ("wiki", "night", "night", 3)]
    maps = [
        ("shop", "web-1", "web", 1),
        ("shop", "web-2", "web", 1),
        ("shop", "web-3", "web", None),
        ("shop", "db-1", None, None),
        ("shop", "lb-1", None, None),
        ("wiki", "db-1", None, None),
        ("mail", "mail-endpoint", None, None),
        ("wiki", "wiki-licences", None, None),
    ]
    return {
        "services": [
            {
                "service_id": name,
                "service_name": name.title(),
                "owner": "Ann",
                "team_id": "operations",
                "criticality": level,
                "calendar_id": calendar,
                "critical_calendar_id": critical,
                "valid_from": ALWAYS,
            }
            for name, calendar, critical, level in services
        ],
        "configuration_items": [
            {
                "ci_id": ci,
                "ci_name": ci,
                "ci_kind": "host",
                "valid_from": ALWAYS,
                "supplier_team_id": "operations" if ci in ("db-1", "mail-endpoint") else None,
                "resource_id": "arn:db-1" if ci == "db-1" else None,
                "size_name": "medium" if ci.startswith("web") else None,
            }
            for ci in (*HOSTS, "lb-1", "mail-endpoint", "wiki-licences")
        ],
        "service_cis": [
            {
                "service_id": service,
                "ci_id": ci,
                "redundancy_group": group,
                "tolerance": tolerance,
                "valid_from": ALWAYS,
            }
            for service, ci, group, tolerance in maps
        ],
        "teams": [
            {
                "team_id": "operations",
                "team_name": "Operations",
                "headcount": 4.5,
                "ticket_hours_per_week": 6.5,
                "is_supplier": True,
            }
        ],
    }


def measurement() -> dict[str, list[Row]]:
    """The measurement plan, limits and conversions of units."""
    plan = [
        ("system.cpu.utilization", "resource", "cpu", "1", "busy_hour", "shared", None, 30),
        ("system.memory.usage", "resource", "memory", "By", "maximum", "own", None, 10),
        ("system.network.io", "resource", "network", "By/s", "busy_hour", "shared", None, None),
        ("errors", "service", "errors", "1/s", None, None, None, None),
        ("httpcheck.status", "service", "availability", "1", None, None, None, None),
        ("httpcheck.duration", "service", "response_time", "s", None, None, None, None),
        ("latency.p95", "service", "latency_p95", "s", None, None, None, None),
        ("throughput", "service", "throughput", "1/s", None, None, None, None),
        ("error.ratio", "service", "error_ratio", "1", None, None, None, None),
        ("http.server.request.duration", "service", "latency", "s", None, None, None, None),
        ("licence.seats", "resource", "licence_seats", "{seat}", "maximum", "own", "information", 5),
        ("team.work", "resource", "team_hours", "h/wk", "maximum", "own", "human", 60),
    ]
    plan_fields = (
        *("metric", "level", "resource", "unit", "statistic", "pooling"),
        *("resource_kind", "lead_time_days"),
    )
    conversions = [
        ("1", "gauge", "1", 1.0),
        ("KiBy", "gauge", "By", 1024.0),
        ("MiBy", "gauge", "By", 1048576.0),
        ("By", "counter", "By/s", 1.0),
        ("{error}", "counter", "1/s", 1.0),
        ("ms", "gauge", "s", 0.001),
        ("s", "gauge", "s", 1.0),
        ("1/s", "gauge", "1/s", 1.0),
        ("{seat}", "gauge", "{seat}", 1.0),
        ("s", "histogram", "s", 1.0),
    ]
    return {
        "measurement_plan": [dict(zip(plan_fields, row, strict=True), valid_from=ALWAYS) for row in plan],
        "resource_limits": [
            {"ci_id": ci, "resource": "memory", "limit_value": 1.5, "unit": "MiBy", "valid_from": ALWAYS}
            for ci in HOSTS
        ]
        + [
            {
                "ci_id": "wiki-licences",
                "resource": "licence_seats",
                "limit_value": 90.0,
                "unit": "{seat}",
                "valid_from": ALWAYS,
            }
        ],
        "unit_conversions": [
            {
                "source_unit": unit,
                "kind": kind,
                "canonical_unit": canonical,
                "factor": factor,
                "offset_value": 0.0,
            }
            for unit, kind, canonical, factor in conversions
        ],
    }
