"""What every connector to a paging source guarantees when a run dies: the next goes on from the last durable page.

Deaths at any other moment than before a page: test_guarantees_killed.py.
"""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from assets.connectors.base import Batch
from tests.conftest import ROOT
from tests.connectors.cases import CASES, WINDOW, Case, connect, durable, pages_asked, parameters, read
from tests.connectors.landing import land_all, landed_bytes
from tests.connectors.simulators.faults import Simulator

CHILD = """
import sys
from pathlib import Path
from tests.connectors import cases as here
from tests.connectors.landing import land_all
case = here.CASES[sys.argv[1]]
connector = case.connector(sys.argv[2], Path(sys.argv[3]) / "spool", here.patient(), {})
land_all(connector, Path(sys.argv[3]), here.WINDOW)
"""


@contextmanager
def killed_at(simulator: Simulator, number: int) -> Iterator[list[subprocess.Popen[bytes]]]:
    """The process in the list dies by SIGKILL when it asks question `number`, before it is answered."""
    children: list[subprocess.Popen[bytes]] = []
    simulator.acts[number] = [lambda: (children[0].send_signal(signal.SIGKILL), children[0].wait())[0]]
    yield children


def test_a_killed_run_goes_on_from_its_last_page_and_lands_the_same(case: Case, tmp_path: Path) -> None:
    """SIGKILL to a real process before a drawn page: no page is fetched again, and the landing is the same."""
    with case.simulator(19) as simulator:
        undisturbed = tmp_path / "undisturbed"
        land_all(connect(case, simulator, undisturbed / "spool"), undisturbed, WINDOW)
        pages = pages_asked(case, simulator)
        name = next(name for name, one in CASES.items() if one is case)
        unasked = pages[random.Random(name).randrange(1, len(pages)) :]
        simulator.questions.clear()

        home = tmp_path / "killed"
        with killed_at(simulator, unasked[0].number) as children:
            children.append(
                subprocess.Popen([sys.executable, "-c", CHILD, name, simulator.url, str(home)], cwd=ROOT)
            )
            assert children[0].wait(60) == -signal.SIGKILL
        assert landed_bytes(home) == {}
        simulator.questions.clear()
        connector = connect(case, simulator, home / "spool")
        land_all(connector, home, WINDOW)
        again = [parameters(question) for question in pages_asked(case, simulator)]
        assert again == [parameters(question) for question in unasked]
        assert "kept from a run before" in connector.traffic.line()
        assert landed_bytes(home) == landed_bytes(undisturbed)
        assert not durable(home / "spool")


def test_a_run_that_dies_after_its_last_page_asks_nothing_again(case: Case, tmp_path: Path) -> None:
    """All pages are durable but nothing has landed: the next run lands them."""
    with case.simulator(9) as simulator:
        connector = connect(case, simulator, tmp_path)
        batches = connector.batches(case.table, WINDOW, lambda *_: False)
        first = next(batches)
        assert isinstance(first, Batch)
        batches.close()  # type: ignore[attr-defined]
        simulator.questions.clear()
        assert read(case, connect(case, simulator, tmp_path))[0] == simulator.held()
        assert simulator.questions == []


def test_a_page_cut_off_by_a_power_cut_counts_for_nothing(case: Case, tmp_path: Path) -> None:
    with case.simulator(9) as simulator:
        connector = connect(case, simulator, tmp_path)
        next(connector.batches(case.table, WINDOW, lambda *_: False))
        page = durable(tmp_path)[-1]
        page.rename(page.with_name(".writing-x"))
        simulator.questions.clear()
        assert read(case, connect(case, simulator, tmp_path))[0] == simulator.held()
        assert len(pages_asked(case, simulator)) == 1
