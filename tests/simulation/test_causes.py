"""Causes against what is really so: what changes moved and which incidents capacity caused, on the demo's estate.

The floors are what was measured (`python -m benchmarks.change_impact --seeds 20260630`), with a little room.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

from assets.capacity.capacity_incidents import EVIDENCE, INCIDENTS, capacity_incidents
from assets.capacity.change_impact import TABLE, change_impact
from benchmarks.change_impact import planted_effects, shown_changes
from benchmarks.simulated_marts import SimulatedMarts
from tests.simulation.conftest import Written

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Judged:
    """What the analyses say of the estate, and what is so."""

    marts: SimulatedMarts
    impacts: pd.DataFrame
    incidents: pd.DataFrame
    evidence: pd.DataFrame

    @property
    def changes(self) -> set[str]:
        """Changes that were given an effect."""
        return set(self.marts.truth.tables["changes"]["change_id"])


@pytest.fixture(scope="module")
def judged(full: Written) -> Judged:
    marts = SimulatedMarts(full.home, full.settings.seed)
    found = capacity_incidents(marts.incident_frames(), marts.as_of, 1)
    truth = set(marts.truth.tables["capacity_incidents"]["incident_id"])
    return Judged(
        marts=marts,
        impacts=change_impact(marts.change_frames(), marts.as_of, 1)[TABLE],
        incidents=found[INCIDENTS].assign(is_true=lambda rows: rows["incident_id"].isin(truth)),
        evidence=found[EVIDENCE],
    )


def test_incidents_of_capacity_are_told_from_the_others(judged: Judged) -> None:
    """28 of several hundred incidents; 28 called, 26 of them right: one more mistake of either kind is allowed."""
    incidents = judged.incidents
    likely, true = incidents["verdict"] == "capacity", incidents["is_true"]
    right = (likely & true).sum()
    assert true.sum() == 28
    assert right / likely.sum() >= 0.89, "precision"
    assert right / true.sum() >= 0.89, "recall"


def test_confidence_is_what_it_claims(judged: Judged) -> None:
    """Of all incidents with evidence as many are so as confidence adds up to; Brier's score is better than saying the
    base rate of each, and than calling everything that had saturation before it.
    """
    told = judged.incidents[judged.incidents["evidence_count"] > 0]
    true, confidence = told["is_true"].to_numpy(float), told["confidence_ratio"].to_numpy(float)
    assert confidence.mean() == pytest.approx(true.mean(), abs=0.08)
    brier = np.mean((confidence - true) ** 2)
    assert brier < 0.5 * true.mean() * (1 - true.mean())
    assert brier < 0.5 * np.mean((1 - true) ** 2)


def test_the_strongest_evidence_of_true_ones_is_the_exhausted_ci(judged: Judged) -> None:
    """Not only that it was capacity, but whose: CI and resource of the truth."""
    truth = judged.marts.truth.tables["capacity_incidents"]
    first = judged.evidence[judged.evidence["evidence_rank"] == 1]
    both = truth.merge(first, on="incident_id", suffixes=("", "_told"))
    assert len(both) == len(truth)
    assert (both["resource"] == both["resource_told"]).mean() >= 0.9
    assert (both["ci_id"] == both["ci_id_told"]).mean() >= 0.7


def test_changes_with_an_effect_are_shown_and_others_are_not(judged: Judged) -> None:
    """9 of 10 on CIs alone, and nothing that is not so among over a hundred changes without an effect."""
    shown = shown_changes(judged.impacts)
    assert judged.impacts["change_id"].nunique() > 100
    assert [change for change, same in shown.items() if not same & judged.changes] == []
    assert len(judged.changes & set(shown)) >= 8


def test_effects_lie_within_their_intervals(judged: Judged) -> None:
    """42 series of 9 changes. Intervals claim 95 %; hosts of a pool miss together (4 of the 5 misses are one pool)."""
    known = planted_effects(judged.impacts, judged.marts)
    assert len(known) >= 40
    assert known["is_inside"].mean() >= 0.85
    assert (known["effect_ratio"] - known["true_ratio"]).abs().median() < 0.02
    shown = known[known["verdict"].isin(["raised", "lowered"])]
    assert (np.sign(shown["effect_ratio"]) == np.sign(shown["true_ratio"])).all()


def test_intervals_of_changes_without_an_effect_hold_zero(judged: Judged) -> None:
    """What is tested and was moved by nobody: the share whose interval leaves out 0 is that of the placebos."""
    impacts = judged.impacts
    none = impacts[~impacts["change_id"].isin(judged.changes) & (impacts["nearby_change_count"] == 0)]
    tested = none[none["p_value"].notna()]
    assert len(tested) > 150
    outside = (tested["effect_low"] > 0) | (tested["effect_high"] < 0)
    assert outside.mean() < 0.1
