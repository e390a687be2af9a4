"""`ullage doctor`: is everything in place for a run? One finding a line, each failure with its fix."""

from __future__ import annotations

import shutil
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from assets.connectors.base import Connector, RejectedInput, Window
from assets.connectors.census import TOMBSTONES
from assets.connectors.http import RemoteConnector
from assets.connectors.paged import PagedConnector
from assets.connectors.remote import SourceError
from assets.home import Home
from assets.landing.receipts import current_receipts
from orchestration.connect import connect
from orchestration.settings import Settings, SettingsError, load_settings

State = Literal["ok", "warn", "fail"]
PACKAGES = ("ullage", "dagster", "dbt-core", "dbt-duckdb", "duckdb", "great-expectations", "scikit-learn")
LOW_DISK_BYTES = 2 * 1024**3
LOOK_BACK_DAYS = 28
#: Landing takes rows for future ones when they are five minutes ahead.
MAX_SKEW_SECONDS = 240


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
    yesterday = max(now.date() - timedelta(days=1), settings.start_date)
    findings += [_source(settings, index, config, yesterday) for index in range(len(settings.sources))]
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


def _source(settings: Settings, index: int, config: Path, yesterday: date) -> Finding:
    """Ask for the first batch of each table of one day: the smallest request that proves that a run can read."""
    source = settings.sources[index]
    subject = f"source {source.name}"
    connector = connect(source, config)
    window = Window(yesterday, yesterday)
    if isinstance(connector, PagedConnector):
        return _paged(subject, connector, window)
    empty, notes = [], []
    tables = [table for table in connector.tables() if table != TOMBSTONES]
    for table in tables:
        try:
            batch = next(connector.batches(table, window, lambda _batch, _fingerprint: False), None)
        except (SourceError, OSError, ValueError) as error:
            return Finding(subject, "fail", f"{table}: {error}")
        if isinstance(batch, RejectedInput):
            return Finding(subject, "fail", f"{table}: {batch.message}")
        if batch is None:
            empty.append(table)
        elif not batch.frame.num_rows and not batch.broken:
            notes += [f"{table}: {warning}" for warning in batch.warnings]
    if empty:
        notes.append(f"no input for {', '.join(empty)}; fix: correct the paths, or drop the tables")
    notes += _skew(connector)
    if notes:
        return Finding(subject, "warn", "; ".join(notes))
    return Finding(subject, "ok", f"{len(tables)} tables can be read")


def _paged(subject: str, connector: PagedConnector, yesterday: Window) -> Finding:
    """One question a table of a source that answers in pages, looking back four weeks."""
    month = Window(yesterday.start - timedelta(days=LOOK_BACK_DAYS), yesterday.end)
    try:
        found = connector.probe(month)
    except SourceError as error:
        return Finding(subject, "fail", str(error))
    notes = list(found.warnings)
    if found.empty:
        notes.append(
            f"nothing in the last {LOOK_BACK_DAYS} days in {', '.join(found.empty)}; "
            "fix: see whether the account may see the rows and the filter lets any through, or drop the tables"
        )
    notes += _skew(connector)
    if notes:
        return Finding(subject, "warn", "; ".join(notes))
    return Finding(subject, "ok", f"{len(connector.tables())} tables can be read")


def _skew(connector: Connector) -> list[str]:
    """A note when the clock of a source asked by HTTP differs from ours by so much that its rows seem future ones."""
    ahead = connector.link.ahead_seconds if isinstance(connector, RemoteConnector) else 0.0
    if abs(ahead) <= MAX_SKEW_SECONDS:
        return []
    side = "ahead of" if ahead > 0 else "behind"
    return [
        f"its clock is {abs(ahead):.0f} s {side} ours; fix: synchronise both with NTP, "
        "or rows are quarantined as future ones"
    ]


def _freshness(settings: Settings, today: date) -> list[Finding]:
    newest: dict[str, date] = {}
    for receipt in current_receipts(Home(settings.home).root):
        for file in receipt.landed:
            if file.date is not None:
                newest[receipt.source] = max(newest.get(receipt.source, file.date), file.date)
    findings = []
    for source, day in sorted(newest.items()):
        age = (today - day).days
        state: State = "ok" if age <= 2 else "warn"
        findings.append(Finding(f"freshness {source}", state, f"newest landed day {day}, {age} days ago"))
    return findings or [Finding("freshness", "ok", "nothing has landed yet")]
