"""Erlang's formulas: published values, limits, and a queue that is played through event by event."""

from __future__ import annotations

import heapq
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.capacity.erlang import MOST_AGENTS, agents_needed, erlang_b, erlang_c, service_level


def test_published_values() -> None:
    """Standard tables: 8 erlangs and 10 agents, 20 and 24."""
    assert np.round(erlang_c([8.0, 20.0], [10, 24]), 4).tolist() == [0.4092, 0.2981]


def test_small_systems_by_hand() -> None:
    """One agent is M/M/1: work waits as often as he is busy. Without agents, or more work than agents, all waits."""
    assert erlang_c(0.3, 1) == pytest.approx(0.3)
    assert erlang_b(2.0, 2) == pytest.approx(0.4)
    assert erlang_c([1.0, 2.0, 3.0, 0.0, 0.0], [0, 2, 2, 0, 1]).tolist() == [1.0, 1.0, 1.0, 1.0, 0.0]


def test_large_loads_neither_overflow_nor_lose_digits() -> None:
    """1,500 erlangs: powers and factorials of the textbook formula overflow. Compared in logarithms."""
    load, agents = 1500.0, 1550
    terms = np.array([n * math.log(load) - math.lgamma(n + 1) for n in range(agents + 1)])
    expected = math.exp(terms[-1] - terms.max()) / np.exp(terms - terms.max()).sum()
    assert erlang_b(load, agents) == pytest.approx(expected, rel=1e-10)
    assert 0 < erlang_c(load, agents) < 1


@given(
    rate=st.floats(0.01, 300),
    handling=st.floats(0.5, 240),
    within=st.floats(0, 60),
    target=st.floats(0.05, 0.99),
)
def test_agents_needed_are_the_fewest(rate: float, handling: float, within: float, target: float) -> None:
    """The target is kept with them, and missed with one less."""
    needed = int(agents_needed(rate, handling, within, target))
    assert service_level(rate, handling, needed, within) >= target
    assert service_level(rate, handling, needed - 1, within) < target


def test_nothing_to_do_needs_nobody_and_too_much_is_refused() -> None:
    assert agents_needed([0.0, 1e-9], 60.0, 15.0, 0.9).tolist() == [0, 1]
    with pytest.raises(ValueError, match=f"more than {MOST_AGENTS} agents"):
        agents_needed(1e6, 60.0, 15.0, 0.9)
    with pytest.raises(ValueError, match="negative"):
        erlang_b(-1.0, 1)


def played(rate: float, handling: float, agents: int, seed: int, count: int) -> np.ndarray:
    """Minutes that each of `count` tickets waits: whoever is free first takes the next one in the order of arrival."""
    draw = np.random.default_rng(seed)
    arrivals = np.cumsum(draw.exponential(60.0 / rate, count))
    work = draw.exponential(handling, count)
    free = [0.0] * agents
    waits = np.empty(count)
    for number in range(count):
        begins = max(arrivals[number], free[0])
        waits[number] = begins - arrivals[number]
        heapq.heapreplace(free, begins + work[number])
    return waits[count // 20 :]  # the system fills up first


@pytest.mark.parametrize(
    ("rate", "handling", "agents", "within"),
    [
        (2.0, 20.0, 1, 10.0),
        (8.0, 60.0, 10, 15.0),
        (60.0, 20.0, 24, 5.0),
        (6.0, 15.0, 4, 2.0),
        (114.0, 5.0, 10, 3.0),
    ],
)
def test_formulas_agree_with_a_simulated_queue(
    rate: float, handling: float, agents: int, within: float
) -> None:
    """Loads from 38 to 95 %: who waits, and who is served in time, within 99.9 % intervals of 20 runs."""
    runs = [played(rate, handling, agents, seed, 12_000) for seed in range(20)]
    for seen, expected in (
        ([float((waits > 0).mean()) for waits in runs], float(erlang_c(rate * handling / 60.0, agents))),
        (
            [float((waits <= within).mean()) for waits in runs],
            float(service_level(rate, handling, agents, within)),
        ),
    ):
        mean, error = np.mean(seen), np.std(seen, ddof=1) / math.sqrt(len(seen))
        assert abs(mean - expected) < 3.88 * error + 1e-3, (
            mean,
            expected,
            error,
        )  # t quantile, 19 degrees of freedom
        assert error < 0.02  # an interval that says something
