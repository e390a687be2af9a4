"""The curc estate: outages derived from checks, as the events of incidents."""

from __future__ import annotations

import csv
from datetime import UTC, datetime
from pathlib import Path

import yaml

from examples.real.prepared_file import write_with_sidecar

FOLDER = Path(__file__).parent / "curc"
OUTAGES = "upptime/d33bs_outages_derived.csv"
#: This check is DOWN while utilisation is *low*: what is derived from it is no loss of service.
THRESHOLD_CHECK = "check/alpine-utilization-threshold"


def check_names() -> dict[str, str]:
    """The source's names of checks (early and decorated ones too) to today's configuration items."""
    sidecar = yaml.safe_load((FOLDER / "sidecars" / "checks.sidecar.yaml").read_text(encoding="utf-8"))
    names: dict[str, str] = sidecar["replace"]["ci_id"]
    return names


def services_of_checks() -> dict[str, str]:
    """Configuration item to the service that it checks, from the control records."""
    with (FOLDER / "control" / "service_cis.csv").open(encoding="utf-8", newline="") as lines:
        return {row["ci_id"]: row["service_id"] for row in csv.DictReader(lines)}


def outage_events(data: Path) -> list[dict[str, str]]:
    """Rows of contract table incidents: one when an outage began and one when it ended, if it did.

    Two rows, because on any day in between the incident was open. Raises KeyError for an unknown check.
    """
    names, services = check_names(), services_of_checks()
    rows: list[dict[str, str]] = []
    with (data / OUTAGES).open(encoding="utf-8", newline="") as lines:
        for outage in csv.DictReader(lines):
            item = names[outage["service"]]
            opened = datetime.fromisoformat(outage["opened_at"]).astimezone(UTC)
            incident = {
                "incident_id": f"outage/{item.removeprefix('check/')}/{opened:%Y%m%dT%H%M%SZ}",
                "event_sequence": "1",
                "updated_at": opened.isoformat(),
                "state": "new",
                "title": f"{outage['service']}: down, HTTP {outage['http_code']}",
                "category": "utilisation threshold" if item == THRESHOLD_CHECK else "outage",
                "service_id": services.get(item, ""),
                "ci_id": item,
                "opened_at": opened.isoformat(),
                "resolved_at": "",
            }
            rows.append(incident)
            if outage["resolved_at"]:
                resolved = datetime.fromisoformat(outage["resolved_at"]).astimezone(UTC).isoformat()
                end = {
                    "event_sequence": "2",
                    "state": "resolved",
                    "updated_at": resolved,
                    "resolved_at": resolved,
                }
                rows.append({**incident, **end})
    return rows


def prepare(data: Path, folder: Path) -> str:
    """Write the incident events with their sidecar under `folder`; returns one line that says what there is."""
    rows = outage_events(data)
    write_with_sidecar(
        folder / "sources" / "outage_events.csv", "incidents", rows, {"constants": {"is_derived": "true"}}
    )
    outages = len({row["incident_id"] for row in rows})
    return f"curc: {outages} derived outages as {len(rows)} incident events"
