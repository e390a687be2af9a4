"""What a run leaves beside the marts: receipts and checks."""

from __future__ import annotations

from typing import Any

from tests.reports.marts import COLUMNS, Rows, check, receipt


def extractions(rows: Rows) -> None:
    for source, table, received, quarantined in (
        ("monitoring", "metric_samples", 8_294_400, 12),
        ("monitoring", "metric_histograms", 829_440, 0),
        ("itsm", "incidents", 5_210, 3),
        ("itsm", "changes", 168, 0),
        ("cmdb", "services", 24, 0),
        ("cmdb", "configuration_items", 240, 0),
        ("cmdb", "service_cis", 251, 0),
        ("control", "targets", 40, 0),
        ("control", "measurement_plan", 9, 0),
        ("control", "calendars", 5, 0),
    ):
        receipt(rows, source, table, received, quarantined)
    receipt(rows, "itsm", "incidents", 5_200, 3, is_current=False, version=0)


def checks() -> list[dict[str, Any]]:
    checks = [check(f"values stay in range ({n})", "metric_samples", rows_checked=69_120) for n in range(3)]
    checks += [check("keys are unique", table, stage="dbt") for table in COLUMNS]
    checks += [
        check(
            "utilisation by two paths agrees",
            "fct_resource_utilisation_daily",
            stage="reconciliation",
            blocking=True,
        )
    ]
    checks += [
        check("samples arrive every 15 minutes", "metric_samples", passed=False, severity="warn", rows_failed=288,
              message="payments-host-2 sent no system.cpu.utilization on 1 May 2026; see the agent of that host.")
    ]  # fmt: skip
    return checks
