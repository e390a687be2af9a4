"""The census of Prometheus: samples are counted at the source, and days that lack some are read again.

What all sources of metrics guarantee of it: test_guarantees_census.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from assets.connectors import census
from assets.connectors.base import Window
from assets.landing.summary import LandingSummary
from tests.connectors.cases import CASES, DAY, connect, identity
from tests.connectors.landing import land_all, landed_rows
from tests.connectors.simulators.faults import changed
from tests.connectors.simulators.prometheus import Prometheus

CASE = CASES["prometheus"]
HELD_BY_SEVERAL = 9


@pytest.fixture
def simulator(monkeypatch: pytest.MonkeyPatch) -> Iterator[Prometheus]:
    for name, value in CASE.environment.items():
        monkeypatch.setenv(name, value)
    with Prometheus(HELD_BY_SEVERAL) as found:
        yield found


def run(simulator: Prometheus, home: Path, day: int, every: int | None = 1) -> LandingSummary:
    """Land one day; days are counted from the one that holds the samples."""
    simulator.questions.clear()
    window = Window(DAY + timedelta(days=day), DAY + timedelta(days=day))
    connector = connect(CASE, simulator, home / "spool", census_every_days=every)
    (summary,) = land_all(connector, home, window, hour=6 + day)
    return summary


def landed(home: Path) -> set[str]:
    return {identity(row, CASE.key.split()) for row in landed_rows(home, "desk", CASE.table)}


def counts(simulator: Prometheus) -> list[str]:
    return [one.form["query"] for one in simulator.questions if one.form["query"].startswith("count(")]


def test_samples_that_came_late_are_fetched(simulator: Prometheus, tmp_path: Path) -> None:
    """Only the day that has more than landed is read again, and as a new version."""
    run(simulator, tmp_path, 0)
    simulator.add()
    simulator.sample("web9", 700, "1")  # an item that was not there before
    assert run(simulator, tmp_path, 1).batches_written == 2
    assert landed(tmp_path) == set(simulator.held())
    assert counts(simulator) == ["count(last_over_time(load[60s]))"]


def test_an_empty_answer_that_nobody_could_doubt_is_made_good(simulator: Prometheus, tmp_path: Path) -> None:
    """As of a store that is away, or of a stale cache: the rows are missing until they are counted."""
    simulator.script[len(simulator.questions) + 1] = changed(lambda body: body["data"].update(result=[]))
    run(simulator, tmp_path, 0)
    assert len(landed(tmp_path)) < len(simulator.held())
    run(simulator, tmp_path, 1)
    assert landed(tmp_path) == set(simulator.held())


def test_it_is_taken_when_it_is_due_and_of_days_that_were_read_alone(
    simulator: Prometheus, tmp_path: Path
) -> None:
    run(simulator, tmp_path, 0, every=None)
    assert census.read(tmp_path, "desk", CASE.table) is None
    run(simulator, tmp_path, 3, every=2)
    assert len(counts(simulator)) == 1  # two days between were never read
    run(simulator, tmp_path, 4, every=2)
    assert counts(simulator) == []
    run(simulator, tmp_path, 5, every=2)
    assert len(counts(simulator)) == 2  # the first day, and the two that lie together
    taken = census.read(tmp_path, "desk", CASE.table)
    assert taken is not None
    assert (taken.day, taken.held) == (DAY + timedelta(days=5), HELD_BY_SEVERAL)
