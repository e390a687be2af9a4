"""Erlang B and C: how many agents live work needs. Pure, vectorised.

A. K. Erlang, "Solution of some problems in the theory of probabilities of significance in automatic telephone
exchanges" (1917). Work arrives at random (Poisson), takes an exponential time, waits in one queue, and nobody gives up.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
#: More agents than this are not searched for: the load is in another unit, or not live work.
MOST_AGENTS = 2_000


def erlang_b(load: npt.ArrayLike, agents: npt.ArrayLike) -> Floats:
    """Probability that all `agents` are busy when nobody waits (loss system).

    `load` in erlangs and whole `agents` broadcast. The recursion B(n) = A·B(n−1) / (n + A·B(n−1)) adds only positive
    numbers below 1: it neither overflows nor loses digits, however large the load.

    Raises
    ------
    ValueError
        A load or a number of agents below 0.
    """
    offered, count = np.broadcast_arrays(np.asarray(load, np.float64), np.asarray(agents, np.int64))
    if offered.size and (offered.min() < 0 or count.min() < 0):
        raise ValueError("load and agents must not be negative; fix: give erlangs and a number of agents")
    blocked = np.ones(offered.shape)
    for number in range(1, int(count.max(initial=0)) + 1):
        busy = offered * blocked
        blocked = np.where(count >= number, busy / (number + busy), blocked)
    return blocked


def erlang_c(load: npt.ArrayLike, agents: npt.ArrayLike) -> Floats:
    """Probability that work waits: C = B / (1 − ρ·(1 − B)) with ρ = load ÷ agents; 1 from ρ = 1 on.

    Shapes and errors as `erlang_b`.
    """
    offered, count = np.broadcast_arrays(np.asarray(load, np.float64), np.asarray(agents, np.int64))
    return _waiting(erlang_b(offered, count), offered, count)


def _waiting(blocked: Floats, offered: Floats, count: Ints) -> Floats:
    occupancy = np.divide(offered, count, out=np.full(offered.shape, np.inf), where=count > 0)
    stable = occupancy < 1.0
    share = np.where(stable, occupancy, 0.0)
    waits = np.where(stable, blocked / (1.0 - share * (1.0 - blocked)), 1.0)
    return np.where(offered > 0, waits, np.where(count > 0, 0.0, 1.0))


def service_level(
    arrivals_per_hour: npt.ArrayLike,
    handling_minutes: npt.ArrayLike,
    agents: npt.ArrayLike,
    within_minutes: npt.ArrayLike,
) -> Floats:
    """Share of the work that somebody takes up in time: 1 − C·exp(−(c − A)·t ÷ handling time); 0 when queues never end.

    Arguments broadcast; handling time above 0. Without any agent it is 0.
    """
    rate, handling, within, count = np.broadcast_arrays(
        np.asarray(arrivals_per_hour, np.float64),
        np.asarray(handling_minutes, np.float64),
        np.asarray(within_minutes, np.float64),
        np.asarray(agents, np.int64),
    )
    offered = rate * handling / 60.0
    return _level(erlang_c(offered, count), offered, count, within / handling)


def _level(waits: Floats, offered: Floats, count: Ints, patience: Floats) -> Floats:
    free = np.maximum(count - offered, 0.0)
    return np.where(count > offered, 1.0 - waits * np.exp(-free * patience), 0.0)


def agents_needed(
    arrivals_per_hour: npt.ArrayLike,
    handling_minutes: npt.ArrayLike,
    within_minutes: npt.ArrayLike,
    target_ratio: npt.ArrayLike,
) -> Ints:
    """Fewest agents with whom `target_ratio` of the work is taken up within `within_minutes`; 0 where nothing arrives.

    Arguments broadcast; handling time above 0, target below 1.

    Raises
    ------
    ValueError
        More than `MOST_AGENTS` would be needed.
    """
    rate, handling, within, target = np.broadcast_arrays(
        *(
            np.asarray(a, np.float64)
            for a in (arrivals_per_hour, handling_minutes, within_minutes, target_ratio)
        )
    )
    offered = rate * handling / 60.0
    needed = np.where(offered > 0, -1, 0).astype(np.int64)
    blocked = np.ones(offered.shape)
    for number in range(1, MOST_AGENTS + 1):
        if (needed >= 0).all():
            return needed
        busy = offered * blocked
        blocked = busy / (number + busy)
        count = np.full(offered.shape, number)
        level = _level(_waiting(blocked, offered, count), offered, count, within / handling)
        needed = np.where((needed < 0) & (level >= target), number, needed)
    if (needed >= 0).all():
        return needed
    raise ValueError(
        f"more than {MOST_AGENTS} agents for {float(offered.max()):.0f} erlangs; "
        "fix: check the handling time, or call the work deferred in control/staffing_targets.csv"
    )
