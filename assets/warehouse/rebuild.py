"""What a run has to rebuild: the days whose landed files differ from those that the warehouse was built from."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from assets.home import Home
from assets.landing.receipts import Receipt
from assets.warehouse.records import Builds

DAILY_TABLES = ("metric_samples", "metric_histograms")
# A change here changes figures of days long landed: daily models read limits, thresholds, the service map and
# business-critical hours.
REFERENCE_TABLES = (
    "measurement_plan",
    "resource_limits",
    "targets",
    "service_cis",
    "services",
    "calendars",
    "holidays",
    "calendar_exceptions",
)


@dataclass(frozen=True)
class RebuildPlan:
    """Days to rebuild, whether tables start anew, the state to record once the build has succeeded, and its name."""

    days: list[date]
    full_refresh: bool
    state: dict[str, object]
    builds: Builds


def version_of(estate: str, as_of: date, code_version: str, config_hash: str, receipts: list[Receipt]) -> str:
    """Name of the version that these inputs publish: the as-of day and a hash of everything that goes in."""
    inputs = [estate, as_of.isoformat(), code_version, config_hash, *sorted(r.receipt_id for r in receipts)]
    digest = hashlib.sha256("\n".join(inputs).encode()).hexdigest()
    return f"{as_of.isoformat()}-{digest[:10]}"


def plan_rebuild(
    home: Home, as_of: date, code_version: str, receipts: list[Receipt], settings: Sequence[str] = ()
) -> RebuildPlan:
    """Compare what has landed with what the warehouse was last built from.

    A day is rebuilt when the set of receipts with rows on it or on the day before has changed; every day is rebuilt
    when the code, a reference table or one of the `settings` that daily models read has. Days after `as_of` wait for a
    later run.
    """
    by_day: dict[str, list[str]] = defaultdict(list)
    reference = [*sorted(r.receipt_id for r in receipts if r.table in REFERENCE_TABLES), *settings]
    for receipt in receipts:
        if receipt.table in DAILY_TABLES:
            for file in receipt.landed:
                if file.date is not None and file.date <= as_of:
                    by_day[file.date.isoformat()].append(receipt.receipt_id)
    landed = {day: sorted(set(ids)) for day, ids in by_day.items()}

    built = _read_state(home)
    full_refresh = built.get("code_version") != code_version
    built_days = built.get("days", {})
    assert isinstance(built_days, dict)
    if full_refresh or built.get("reference") != reference:
        stale = set(landed) | {day for day in built_days if day <= as_of.isoformat()}
        kept: dict[str, list[str]] = {}
    else:
        stale = {day for day, ids in landed.items() if built_days.get(day) != ids}
        stale |= {day for day in built_days if day <= as_of.isoformat() and day not in landed}
        # A counter's first rate and a check's last state reach into the next day.
        stale |= {day for day in map(_next_day, stale) if day in landed}
        kept = {day: ids for day, ids in built_days.items() if day not in stale}
    inputs = [as_of.isoformat(), code_version, *settings, *sorted(r.receipt_id for r in receipts)]
    build = hashlib.sha256("\n".join(inputs).encode()).hexdigest()
    last = built.get("build")
    builds = Builds(last if isinstance(last, str) and not full_refresh else None, build)
    state: dict[str, object] = {
        "build": build,
        "code_version": code_version,
        "reference": reference,
        "days": dict(sorted({**kept, **landed}.items())),
    }
    return RebuildPlan([date.fromisoformat(day) for day in sorted(stale)], full_refresh, state, builds)


def record_built(home: Home, plan: RebuildPlan) -> None:
    """Remember what the warehouse now holds."""
    path = _state_path(home)
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(plan.state, indent=1) + "\n", encoding="utf-8")
    temporary.replace(path)


def _next_day(day: str) -> str:
    return (date.fromisoformat(day) + timedelta(days=1)).isoformat()


def _state_path(home: Home) -> Path:
    return home.warehouse.parent / "built.json"


def _read_state(home: Home) -> dict[str, object]:
    path = _state_path(home)
    if not home.warehouse.exists() or not path.exists():
        return {}
    state = json.loads(path.read_text(encoding="utf-8"))
    assert isinstance(state, dict)
    return state
