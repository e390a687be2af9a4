"""The same settings give the same bytes, and what is already there is left alone."""

from __future__ import annotations

import hashlib
from datetime import date
from pathlib import Path

import pandas as pd
import pytest
from pydantic import ValidationError

from assets.simulation import SimulationSettings, load_truth, simulate, small_settings
from assets.simulation.simulate import MARKER
from tests.simulation.conftest import Written


def _digests(home: Path) -> dict[str, str]:
    files = sorted(path for path in home.rglob("*") if path.is_file())
    return {str(f.relative_to(home)): hashlib.sha256(f.read_bytes()).hexdigest() for f in files}


def _times(home: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in home.rglob("*") if path.is_file()}


def test_the_same_settings_give_the_same_bytes(small: Written, tmp_path: Path) -> None:
    simulate(small.settings, tmp_path)
    assert _digests(tmp_path) == _digests(small.home)


def test_another_seed_gives_other_data_of_the_same_shape(small: Written, tmp_path: Path) -> None:
    other = simulate(small.settings.model_copy(update={"seed": 7}), tmp_path)
    mine, theirs = _digests(small.home), _digests(tmp_path)
    assert set(mine) == set(theirs)
    samples = [name for name in mine if name.endswith(".parquet") and "infrastructure" in name]
    assert all(mine[name] != theirs[name] for name in samples)
    assert other.facts["rows"]["metric_samples"] == small.truth.facts["rows"]["metric_samples"]


def test_writing_again_touches_no_file_and_returns_the_same_truth(small: Written) -> None:
    before = _times(small.home)
    again = simulate(small.settings, small.home)
    assert _times(small.home) == before
    assert again.facts == small.truth.facts
    assert all(again.tables[name].equals(small.truth.tables[name]) for name in again.tables)


def test_a_lost_file_is_written_again(tmp_path: Path) -> None:
    settings = small_settings()
    simulate(settings, tmp_path)
    whole = _digests(tmp_path)
    (tmp_path / "sources/finance/costs_2026-06.csv").unlink()
    simulate(settings, tmp_path)
    assert _digests(tmp_path) == whole


def test_a_broken_marker_is_not_believed(tmp_path: Path) -> None:
    simulate(small_settings(), tmp_path)
    whole = _digests(tmp_path)
    (tmp_path / MARKER).write_text("{", encoding="utf-8")
    (tmp_path / "control/teams.csv").write_text("", encoding="utf-8")
    simulate(small_settings(), tmp_path)
    assert _digests(tmp_path) == whole


def test_files_of_other_settings_do_not_stay(tmp_path: Path) -> None:
    simulate(small_settings(), tmp_path)
    later = small_settings().model_copy(update={"end_date": date(2026, 3, 31)})
    simulate(later, tmp_path)
    assert not list(tmp_path.glob("sources/*/*2026-06*"))
    assert load_truth(tmp_path).facts["end_date"] == "2026-03-31"


def test_the_smallest_estate_can_be_simulated(tmp_path: Path) -> None:
    """`cis` counts configuration items, of which a resized one has two versions."""
    simulate(SimulationSettings(services=1, cis=4, days=14, interval_seconds=3600), tmp_path)
    versions = pd.read_csv(tmp_path / "sources/cmdb/configuration_items.csv")
    assert versions.iloc[:, 0].nunique() == 4


def test_a_large_estate_is_written_in_parts(tmp_path: Path) -> None:
    truth = simulate(SimulationSettings(services=600, cis=2200, days=14, interval_seconds=3600), tmp_path)
    parts = sorted(path.name for path in tmp_path.glob("sources/monitoring/*W26*.parquet"))
    assert parts == [
        "metric_histograms_2026-W26_p001.parquet",
        "metric_histograms_2026-W26_p002.parquet",
        "metric_samples_infrastructure_2026-W26_p001.parquet",
        "metric_samples_infrastructure_2026-W26_p002.parquet",
        "metric_samples_services_2026-W26_p001.parquet",
        "metric_samples_services_2026-W26_p002.parquet",
    ]
    assert pd.read_csv(tmp_path / "sources/cmdb/configuration_items.csv")["name"].nunique() == 2200
    assert truth.facts["rows"]["services"] >= 600


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"cis": 10}, "4 services need at least 10"),
        ({"cis": 9}, "fix: raise cis to 10"),
        ({"interval_seconds": 700}, "does not divide an hour"),
        ({"days": 3}, "greater than or equal to 14"),
        ({"sites": 3}, "Extra inputs are not permitted"),
    ],
)
def test_settings_that_make_no_sense_are_explained(changes: dict[str, int], words: str) -> None:
    given = {"services": 4, "cis": 16, "days": 21} | changes
    if changes == {"cis": 10}:
        assert SimulationSettings(**given).cis == 10  # the smallest size that fits
        return
    with pytest.raises(ValidationError, match=words):
        SimulationSettings(**given)
