"""What a run left behind, in few words: read from the served version only."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import duckdb
from rich.console import Console
from rich.table import Table

from assets.home import Home

SERVICES = """
select s.service_name, c.headroom_ratio, c.bottleneck_resource, f.p10_date, f.p50_date, f.p90_date
from marts.dim_service s
left join marts.fct_service_capacity c on c.service_id = s.service_id and c.as_of_date = $as_of::date
left join marts.fct_saturation f
    on f.level = 'service' and f.service_id = s.service_id and f.as_of_date = $as_of::date
order by f.p50_date nulls last, c.headroom_ratio nulls last, s.service_name
"""


@dataclass(frozen=True)
class ServiceLine:
    """One service: the room it has left and when that runs out (ISO dates; None: not within the horizon)."""

    name: str
    headroom_ratio: float | None
    bottleneck_resource: str | None
    p10_date: str | None
    p50_date: str | None
    p90_date: str | None


@dataclass(frozen=True)
class Summary:
    """The served version at a glance."""

    estate: str
    version: str
    as_of: str
    services: list[ServiceLine]
    checks_passed: int
    checks_failed: int
    checks_warned: int
    rows_received: int
    rows_landed: int
    rows_quarantined: int
    report: str

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return asdict(self)


def summarise(home: Home) -> Summary:
    """Read the served version under `home`. Raises FileNotFoundError when nothing is published."""
    folder = home.current.resolve()
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    with duckdb.connect(str(folder / "ullage.duckdb"), read_only=True) as connection:
        rows = connection.execute(SERVICES, {"as_of": manifest["as_of_date"]}).fetchall()
    services = [ServiceLine(r[0], r[1], r[2], *(str(d) if d else None for d in r[3:])) for r in rows]
    checks = manifest["checks"]
    failed = [c for c in checks if not c["passed"]]
    warned = [c for c in failed if not c["blocking"]]
    return Summary(
        estate=manifest["estate"],
        version=manifest["version"],
        as_of=manifest["as_of_date"],
        services=services,
        checks_passed=len(checks) - len(failed),
        checks_failed=len(failed) - len(warned),
        checks_warned=len(warned),
        rows_received=sum(i["rows_received"] for i in manifest["inputs"]),
        rows_landed=sum(i["rows_landed"] for i in manifest["inputs"]),
        rows_quarantined=sum(i["rows_quarantined"] for i in manifest["inputs"]),
        report=str(home.reports / "current" / "index.html"),
    )


def show(summary: Summary, console: Console, limit: int = 10) -> None:
    """Print the summary for a person."""
    table = Table(
        title=f"{summary.estate}, as of {summary.as_of}", title_justify="left", box=None, pad_edge=False
    )
    for heading in ("Service", "Headroom", "Bottleneck", "Runs out (p50)", "Earliest (p10)", "Latest (p90)"):
        table.add_column(heading, justify="right" if heading == "Headroom" else "left")
    for line in summary.services[:limit]:
        headroom = "–" if line.headroom_ratio is None else f"{line.headroom_ratio:.0%}"
        table.add_row(
            line.name,
            headroom,
            line.bottleneck_resource or "–",
            line.p50_date or "not in sight",
            line.p10_date or "–",
            line.p90_date or "–",
        )
    console.print(table)
    if len(summary.services) > limit:
        console.print(f"… and {len(summary.services) - limit} more services in the report")
    console.print(
        f"Services {len(summary.services)} · checks {summary.checks_passed} passed, {summary.checks_failed} failed, "
        f"{summary.checks_warned} warned",
        highlight=False,
    )
    console.print(
        f"Rows in {summary.rows_received:,} = landed {summary.rows_landed:,} + quarantined "
        f"{summary.rows_quarantined:,}",
        highlight=False,
    )
    console.print(f"Report {Path(summary.report)}", highlight=False, soft_wrap=True)
