"""A small simulated estate and its configuration, for tests of the whole pipeline."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import yaml

from assets.clock import Clock
from assets.simulation.settings import SimulationSettings, small_settings
from assets.simulation.simulate import simulate
from orchestration.assembly import DEFAULT_CONFIG
from orchestration.run import RunOutcome, run_pipeline
from orchestration.settings import load_settings

LEARNT_AT = "2026-11-01T06:00:00+00:00"


class SmallEstate:
    """One estate in its own folder: its sources, its configuration, and a way to run it."""

    def __init__(self, folder: Path, size: SimulationSettings | None = None) -> None:
        self.size = size or small_settings()
        self.config = folder / "ullage.yaml"
        self.home = folder / "home"
        simulate(self.size, self.home)
        raw = yaml.safe_load(DEFAULT_CONFIG.read_text(encoding="utf-8"))
        sources = yaml.safe_dump(raw["sources"]).replace(raw["home"], "home")
        raw |= {
            "home": "home",
            "start_date": self.size.start_date,
            "sources": yaml.safe_load(sources),
            "forecast": {"horizon_days": 30},
            # The estate is spoilt on purpose; in small files a few bad rows are a large share.
            "quality": {"max_quarantined_ratio": 0.3},
        }
        raw.pop("simulation", None)
        self.config.write_text(yaml.safe_dump(raw), encoding="utf-8")

    def copy(self, folder: Path) -> SmallEstate:
        """The same estate elsewhere, with all that its runs have left."""
        shutil.copytree(self.config.parent, folder, symlinks=True, dirs_exist_ok=True)
        twin = SmallEstate.__new__(SmallEstate)
        twin.size, twin.config, twin.home = self.size, folder / "ullage.yaml", folder / "home"
        return twin

    def run(self, as_of: date | None = None, first: date | None = None) -> RunOutcome:
        """Run the pipeline with the clock held still."""
        return run_pipeline(
            load_settings(self.config),
            self.config,
            as_of=as_of or self.size.end_date,
            first=first or self.size.start_date,
            resource_overrides={"clock": Clock(frozen_at=LEARNT_AT)},
        )

    def bytes_of(self, *folders: str) -> dict[str, bytes]:
        """Every file under the given folders of the home, by relative path."""
        return {
            str(file.relative_to(self.home)): file.read_bytes()
            for folder in folders
            for file in sorted((self.home / folder).rglob("*"))
            if file.is_file()
        }
