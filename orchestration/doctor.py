"""`ullage doctor`: is everything in place for a run? One finding a line, each failure with its fix."""

from __future__ import annotations

import shutil
from dataclasses import asdict, dataclass
from datetime import date, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from assets.connectors.base import UnusableInput
from assets.home import Home
from assets.landing.store import current_receipts
from orchestration.connect import connect
from orchestration.settings import Settings, SettingsError, load_settings

State = Literal["ok", "warn", "fail"]
PACKAGES = ("ullage", "dagster", "dbt-core", "dbt-duckdb", "duckdb", "great-expectations", "scikit-learn")
LOW_DISK_BYTES = 2 * 1024**3


@dataclass(frozen=True)
class Finding:
    """One thing looked at."""

    subject: str
    state: State
    message: str

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return asdict(self)


def examine(config: Path, manifest: Path, now: datetime) -> list[Finding]:
    """Look at the configuration, versions, disk, dbt manifest, every source and the age of what has landed."""
    try:
        settings = load_settings(config)
    except SettingsError as error:
        return [Finding("configuration", "fail", line) for line in str(error).splitlines()]
    findings = [Finding("configuration", "ok", f"{config}: estate {settings.estate}")]
    findings.append(Finding("versions", "ok", ", ".join(f"{name} {version(name)}" for name in PACKAGES)))
    findings.append(_manifest(manifest))
    findings.append(_disk(settings.home))
    findings += [_source(settings, index, config) for index in range(len(settings.sources))]
    return findings + _freshness(settings, now.date())


def _manifest(path: Path) -> Finding:
    if path.exists():
        return Finding("dbt", "ok", "models are parsed")
    return Finding("dbt", "fail", f"{path} is missing; fix: tools/prepare_dbt.sh .venv")


def _disk(home: Path) -> Finding:
    place = next(p for p in (home, *home.parents) if p.exists())
    free = shutil.disk_usage(place).free
    text = f"{free / 1024**3:.1f} GiB free at {home}"
    if free < LOW_DISK_BYTES:
        return Finding("disk", "warn", f"{text}; fix: free some space or move `home`")
    return Finding("disk", "ok", text)


def _source(settings: Settings, index: int, config: Path) -> Finding:
    source = settings.sources[index]
    subject = f"source {source.name}"
    try:
        connector = connect(source, config)
        return Finding(subject, "ok", connector.probe())
    except (UnusableInput, ValueError, OSError) as error:
        return Finding(subject, "fail", str(error))


def _freshness(settings: Settings, today: date) -> list[Finding]:
    newest: dict[str, str] = {}
    for receipt in current_receipts(Home(settings.home).root):
        for file in receipt.landed:
            if file.date is not None:
                newest[receipt.source] = max(newest.get(receipt.source, ""), file.date)
    findings = []
    for source, day in sorted(newest.items()):
        age = (today - date.fromisoformat(day)).days
        state: State = "ok" if age <= 2 else "warn"  # noqa: PLR2004
        findings.append(Finding(f"freshness {source}", state, f"newest landed day {day}, {age} days ago"))
    return findings or [Finding("freshness", "ok", "nothing has landed yet")]
