"""What every connector to a paging source guarantees of its rows, tried on its simulator. It joins by a `Case`.

After any fault every row that the source holds is landed once or quarantined with a reason.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from assets.connectors.paged import PagedConnector
from assets.connectors.remote import SourceError
from tests.connectors.cases import PAGE_ROWS, WINDOW, Case, Tried, connect, identity, read, read_to_the_end
from tests.connectors.landing import land_all, landed_rows, quarantined_rows
from tests.connectors.simulators.faults import SPOILT, WAY, Simulator, hang, login_page


def test_every_row_comes_once_whatever_the_page_borders(case: Case) -> None:
    """Ties on the time of change across page borders, and as many rows as pages hold, or one more or less."""
    for count in (0, 1, PAGE_ROWS, PAGE_ROWS + 1, 3 * PAGE_ROWS):
        with case.simulator(count) as simulator:
            assert read(case, connect(case, simulator)) == (simulator.held(), [])
            assert len(simulator.held()) == count


@pytest.mark.parametrize("fault", WAY)
def test_a_fault_on_the_way_costs_no_row(case: Case, fault: str) -> None:
    for number in range(case.first_page, case.first_page + 3):
        with case.simulator(11) as simulator:
            simulator.script[number] = WAY[fault]
            assert read(case, connect(case, simulator)) == (simulator.held(), [])
            assert not simulator.script


def test_a_source_that_hangs_is_asked_again(case: Case) -> None:
    with case.simulator(3) as simulator:
        simulator.script[1] = hang
        assert read(case, connect(case, simulator, timeout_seconds=0.3)) == (simulator.held(), [])


def test_a_login_page_is_an_error_that_says_so_and_the_next_run_is_whole(case: Case) -> None:
    with case.simulator(9) as simulator:
        simulator.script |= {2: login_page, 3: login_page, 4: login_page}
        connector = connect(case, simulator)
        with pytest.raises(SourceError, match="login page"):
            read(case, connector)
        assert read_to_the_end(case, connector) == (simulator.held(), [])


def test_an_expired_sign_in_costs_no_row(case: Case) -> None:
    """It is renewed, or, where only a person can renew it, the run says which secret and the next one goes on."""
    with case.simulator(9) as simulator:
        simulator.acts[case.first_page + 1] = [simulator.expire]
        connector = connect(case, simulator)
        if not case.renews:
            ended = case.ended or f"renew the secret in {next(iter(case.environment))}"
            with pytest.raises(SourceError, match=ended):
                read(case, connector)
        assert read(case, connector) == (simulator.held(), [])


@pytest.mark.parametrize("act", ["add", "change", "remove"])
def test_rows_that_move_between_pages_are_neither_lost_nor_doubled(case: Case, act: str) -> None:
    """What the source holds at the end has landed, in its last version."""
    for number in (case.first_page + 1, case.first_page + 2):
        for position in (0, 5, 10):
            with case.simulator(11) as simulator:
                does = getattr(simulator, act)
                simulator.acts[number] = [does if act == "add" else lambda: does(position)]  # noqa: B023
                found, refused = read(case, connect(case, simulator))
                assert refused == []
                assert simulator.held().items() <= found.items()


def test_hidden_rows_are_announced_and_never_silently_missing(case: Case) -> None:
    """A page of nothing but hidden rows is not the end, and the outcome says how many are missing."""
    with case.simulator(3 * PAGE_ROWS) as simulator:
        simulator.hide(PAGE_ROWS + 1)
        if not case.announces:
            assert read(case, connect(case, simulator)) == (simulator.held(), [])
            return
        found, (refused,) = read(case, connect(case, simulator))
        assert found == simulator.held()
        assert f"announced {3 * PAGE_ROWS} records and gave {2 * PAGE_ROWS - 1}" in refused.reason
        assert "accept_hidden_rows" in refused.fix
        assert read(case, connect(case, simulator, accept_hidden_rows=True)) == (simulator.held(), [])


def test_a_clock_that_differs_by_minutes_costs_no_row(case: Case) -> None:
    with case.simulator(7) as simulator:
        simulator.skew = timedelta(minutes=4)
        assert read(case, connect(case, simulator)) == (simulator.held(), [])


def test_spoilt_rows_are_landed_or_quarantined_with_a_reason(case: Case, tmp_path: Path) -> None:
    with case.simulator(2 * len(SPOILT)) as simulator:
        for position, fault in enumerate(SPOILT):
            simulator.spoil(2 * position, fault)
        keys = sorted(simulator.held())
        (summary,) = land_all(connect(case, simulator), tmp_path, WINDOW)
    assert summary.is_conserved
    assert summary.rows_received == len(keys)
    landed = [identity(row, case.key.split()) for row in landed_rows(tmp_path, "desk", case.table)]
    quarantined = quarantined_rows(tmp_path, "desk", case.table)
    assert all(row["reason"] and row["fix"] for row in quarantined)
    assert len(landed) + len({row["source_row"] for row in quarantined}) == len(keys)
    assert len(quarantined) == 5  # an extra field and a value in an object are read
    assert sorted(set(landed)) == sorted(landed)


ACTS = st.sampled_from(["add", "change", "remove"])


FAULTS = st.dictionaries(st.integers(1, 12), st.sampled_from([*WAY, "login page", "expired"]), max_size=5)
MOVES = st.dictionaries(st.integers(1, 8), st.tuples(ACTS, st.integers(0, 13)), max_size=3)


def test_any_mix_of_faults_costs_no_row(case: Case) -> None:
    """Faults of the way, an ended session and moving rows together: what the source holds has come, once."""

    @given(rows=st.integers(case.fewest, 14), faults=FAULTS, moves=MOVES)
    @example(rows=6, faults={1: "429", 3: "429"}, moves={3: ("remove", 4), 4: ("add", 0)})
    @example(rows=1 + case.fewest, faults={5: "repeated page"}, moves={3: ("remove", 0)})
    @settings(max_examples=case.examples)
    def mixed(rows: int, faults: dict[int, str], moves: dict[int, tuple[str, int]]) -> None:
        a_mix_of_faults_costs_no_row(case, rows, faults, moves)

    mixed()


def a_mix_of_faults_costs_no_row(
    case: Case, rows: int, faults: dict[int, str], moves: dict[int, tuple[str, int]]
) -> None:
    with case.simulator(rows) as simulator:
        for number, name in faults.items():
            if name == "expired":
                simulator.acts.setdefault(number, []).append(simulator.expire)
            else:
                simulator.script[number] = {**WAY, "login page": login_page}[name]
        for number, (act, position) in moves.items():
            does = getattr(simulator, act)
            simulator.acts.setdefault(number, []).append(
                does if act == "add" else lambda does=does, position=position: does(position)
            )
        connector = connect(case, simulator)
        with quiet_once_all_has_come(connector, simulator):
            found, refused = read_to_the_end(case, connector)
        assert refused == []
        assert simulator.held().items() <= found.items()


@contextmanager
def quiet_once_all_has_come(connector: Tried, simulator: Simulator) -> Iterator[None]:
    """Where a source is asked once more after the last page: what changes from then on is for the next run."""
    if not isinstance(connector, PagedConnector):
        yield
        return
    checked = connector._shortfall

    def shortfall(*given: Any) -> int | None:
        simulator.acts.clear()
        return checked(*given)

    with mock.patch.object(connector, "_shortfall", shortfall):
        yield
