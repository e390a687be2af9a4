"""`ullage record` and `ullage replay`: what was exchanged with a source, to show a fault elsewhere."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from assets.clock import Clock
from assets.connectors.base import Connector, Window
from assets.connectors.control import ControlConnector
from assets.connectors.files import FilesConnector
from assets.connectors.http import RemoteConnector
from assets.connectors.remote import SourceError
from assets.connectors.sql import SqlConnector
from assets.connectors.tape import Tape
from assets.connectors.traffic import CountingConnector
from assets.home import Home
from assets.landing.assets import PLANNED, landed_plan
from assets.landing.contracts import contract
from assets.landing.land import land
from assets.landing.plan import MeasurementPlan
from assets.landing.store import Store
from orchestration.connect import connect
from orchestration.settings import Settings, SettingsError

Recorded = RemoteConnector | SqlConnector | FilesConnector | ControlConnector


@dataclass(frozen=True)
class Extraction:
    """What became of one table: counts of rows, what a person should know, and the error that ended it, if any."""

    source: str
    table: str
    rows_received: int = 0
    rows_landed: int = 0
    rows_quarantined: int = 0
    traffic: str = ""
    notes: tuple[str, ...] = ()
    error: str | None = None

    @property
    def is_telling(self) -> bool:
        """False when there was nothing."""
        return bool(self.rows_received or self.notes or self.error)


def extract(
    settings: Settings, config: Path, window: Window, folder: Path, *, play: bool, source: str | None = None
) -> list[Extraction]:
    """Extract every source (or `source` alone) into a folder of no consequence, control records first.

    With `play` the recordings in `folder` answer, otherwise they are made. Raises `SettingsError` when there is
    no such source, FileExistsError when a recording is there already.
    """
    connectors = [connect(one, config) for one in settings.sources]
    known = [one for one in connectors if isinstance(one, Recorded)]
    known.sort(key=lambda one: not isinstance(one, ControlConnector))  # the measurement plan is among them
    chosen = [one for one in known if source in (None, one.name)]
    if not chosen:
        names = ", ".join(one.name for one in known) or "none"
        raise SettingsError(f"{config}: no such source can be recorded; fix: name one of: {names}")
    found = []
    with tempfile.TemporaryDirectory(prefix="ullage-recording-") as home:
        for connector in chosen:
            try:
                tape = (Tape.of if play else Tape.new)(folder, connector.name)
            except SourceError as error:
                found.append(Extraction(connector.name, "", error=str(error)))
                continue
            if isinstance(connector, RemoteConnector):
                connector.link.tape = tape
            else:
                connector.tape = tape
            tables = [_table(connector, table, window, Path(home), settings) for table in connector.tables()]
            found += [one for one in tables if one.is_telling or not isinstance(connector, ControlConnector)]
    return found


def _table(connector: Connector, table: str, window: Window, home: Path, settings: Settings) -> Extraction:
    """Land one table there; an error ends it, not the others."""
    store = Store(home)
    plan = _plan(home, settings) if table in PLANNED else MeasurementPlan()
    rules = contract(table)
    try:
        summary = land(
            connector.batches(table, window, store.is_landed(connector.name, rules, plan)),
            rules,
            store,
            source=connector.name,
            plan=plan,
            extracted_at=Clock().system_time(),
            code_version="recording",
            config_hash=settings.config_hash,
            max_quarantined_ratio=settings.quality.max_quarantined_ratio,
        )
    except SourceError as error:
        return Extraction(connector.name, table, traffic=_traffic(connector), error=str(error))
    return Extraction(
        connector.name,
        table,
        summary.rows_received,
        summary.rows_landed,
        summary.rows_quarantined,
        _traffic(connector),
        (*summary.rejections, *summary.warnings),
    )


def _plan(home: Path, settings: Settings) -> MeasurementPlan:
    """The measurement plan of the same recording, or else that of the estate."""
    recorded = landed_plan(Home(home))
    return recorded if recorded.rules else landed_plan(Home(settings.home))


def _traffic(connector: Connector) -> str:
    return connector.traffic.line() if isinstance(connector, CountingConnector) else ""
