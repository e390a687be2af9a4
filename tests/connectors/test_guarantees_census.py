"""What every connector to a source of metrics guarantees of days that it read before: late samples are found.

Samples have no keys to compare. They are counted at the source, or their days are read again, on a schedule; what the
source holds less of stays landed, because samples age out there.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from assets.connectors import census
from assets.connectors.base import Window
from assets.landing.summary import LandingSummary
from tests.connectors.cases import DAY, Case, connect, identity, named, pages_asked
from tests.connectors.landing import land_all, landed_rows
from tests.connectors.simulators.faults import Simulator

pytestmark = pytest.mark.parametrize(
    "case", named(lambda case: case.table == "metric_samples"), indirect=True
)


@pytest.fixture
def simulator(case: Case) -> Iterator[Simulator]:
    os.environ.update(case.environment)
    with case.simulator(9) as found:
        yield found


def run(case: Case, simulator: Simulator, home: Path, day: int, every: int | None = 1) -> LandingSummary:
    """Land one day; days are counted from the one that holds the samples."""
    simulator.questions.clear()
    window = Window(DAY + timedelta(days=day), DAY + timedelta(days=day))
    connector = connect(case, simulator, home / "spool", census_every_days=every)
    (summary,) = land_all(connector, home, window, hour=6 + day)
    return summary


def landed(case: Case, home: Path) -> set[str]:
    return {identity(row, case.key.split()) for row in landed_rows(home, "desk", case.table)}


def test_samples_that_came_late_are_fetched(case: Case, simulator: Simulator, tmp_path: Path) -> None:
    """The day that has more than landed is read again, and lands as a new version beside the day of the run."""
    run(case, simulator, tmp_path, 0)
    simulator.add()
    assert run(case, simulator, tmp_path, 1).batches_written == 2
    assert landed(case, tmp_path) == set(simulator.held())
    assert run(case, simulator, tmp_path, 2).batches_written == 1
    assert list((tmp_path / "spool").rglob("*.page")) == []


def test_what_ages_out_stays_landed(case: Case, simulator: Simulator, tmp_path: Path) -> None:
    run(case, simulator, tmp_path, 0)
    before = landed(case, tmp_path)
    for _ in before:
        simulator.remove(0)
    assert len(simulator.held()) < len(before)
    assert run(case, simulator, tmp_path, 1).batches_written == 1
    assert landed(case, tmp_path) == before


def test_it_is_taken_when_it_is_due(case: Case, simulator: Simulator, tmp_path: Path) -> None:
    """Of days that were read; a run between two censuses asks about its own day alone."""
    run(case, simulator, tmp_path, 0, every=None)
    assert census.read(tmp_path, "desk", case.table) is None
    run(case, simulator, tmp_path, 3, every=2)
    with_a_census = len(pages_asked(case, simulator))
    taken = census.read(tmp_path, "desk", case.table)
    assert taken is not None
    assert (taken.day, taken.held) == (DAY + timedelta(days=3), 9)
    run(case, simulator, tmp_path, 4, every=2)
    assert 0 < len(pages_asked(case, simulator)) < with_a_census
    assert census.read(tmp_path, "desk", case.table) == taken


def test_a_run_that_dies_in_its_census_takes_it_again(
    case: Case, simulator: Simulator, tmp_path: Path
) -> None:
    """Nothing that has an answer is asked for twice, and only a census that came to its end counts as taken."""
    run(case, simulator, tmp_path, 0)
    simulator.add()
    simulator.questions.clear()
    connector = connect(case, simulator, tmp_path / "spool", census_every_days=1)
    later = Window(DAY + timedelta(days=1), DAY + timedelta(days=1))
    batches = connector.batches(case.table, later, lambda *_: False)
    ends = [next(batches).batch_id.rpartition("/")[2] for _ in range(2)]
    assert ends == ["2026-03-29", "2026-03-28"]
    batches.close()  # type: ignore[attr-defined]
    taken = census.read(tmp_path, "desk", case.table)
    assert taken is not None
    assert taken.day == DAY
    run(case, simulator, tmp_path, 1)
    assert pages_asked(case, simulator) == []
    assert landed(case, tmp_path) == set(simulator.held())
