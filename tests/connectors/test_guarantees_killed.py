"""Killed at any moment: the next run fetches at most one answer again, and the landing is that of an undisturbed run.

Sources asked by HTTP; databases are in test_guarantees_sql.py, files in test_guarantees_files.py.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from assets.connectors.base import Window
from tests.connectors.cases import CASES, DAY, Case, connect, durable, pages_asked, patient
from tests.connectors.killing import Killer, at_drawn_moments
from tests.connectors.landing import land_all, landed_bytes

#: Rows are on the first; the other day is a batch of its own.
DAYS = Window(DAY, DAY + timedelta(days=1))


def landing(home: Path) -> Callable[[], Any]:
    """What a child process does: land two days of the case that `CASE` and `CASE_URL` name."""
    case = CASES[os.environ["CASE"]]
    connector = case.connector(os.environ["CASE_URL"], home / "spool", patient(), {})
    return lambda: land_all(connector, home, DAYS)


@pytest.mark.slow
def test_a_run_killed_at_any_moment_is_made_good_by_the_next(
    case: Case, killer: Killer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with case.simulator(19) as simulator:
        monkeypatch.setenv("CASE", next(name for name, one in CASES.items() if one is case))
        monkeypatch.setenv("CASE_URL", simulator.url)
        land_all(connect(case, simulator), tmp_path / "here", DAYS)
        pages = len(pages_asked(case, simulator))

        def check(whole: Path, dead: Path) -> None:
            had_all = landed_bytes(dead) == landed_bytes(whole) and not durable(dead / "spool")
            asked = len(pages_asked(case, simulator))
            (summary,) = land_all(connect(case, simulator, dead / "spool"), dead, DAYS)
            assert landed_bytes(dead) == landed_bytes(whole)
            assert not durable(dead / "spool")
            if had_all:
                assert summary.batches_written == 0  # asked for late rows, as any later run
            else:
                assert asked <= pages
                assert len(pages_asked(case, simulator)) <= pages + case.questions_a_page

        at_drawn_moments(killer, f"{__name__}:landing", tmp_path, check, before=simulator.questions.clear)
