"""Incidents caused by capacity: saturation before them counts for what it says beyond chance."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from assets.capacity.capacity_incidents import Channel, association, capacity_incidents, posterior

LAST = date(2026, 6, 28)
WEEKS = 10
START = datetime(2026, 4, 20)  # noqa: DTZ001  a Monday, naive UTC as everywhere
CIS = [f"ci-{number}" for number in range(5)]

Spell = tuple[str, datetime, float]
Incident = tuple[str, str | None, datetime]


def moment(week: int, hour: float, day: int = 1) -> datetime:
    return START + timedelta(weeks=week, days=day, hours=hour)


def analyse(
    incidents: Sequence[Incident], spells: Sequence[Spell], *, weeks: int = WEEKS, seed: int = 1
) -> dict[str, pd.DataFrame]:
    """Service `shop` on five CIs; spells of cpu: CI, start, hours."""
    first = (START + timedelta(weeks=WEEKS - weeks)).date()
    return capacity_incidents(
        {
            "incidents": pd.DataFrame(
                [(name, "shop", ci, at) for name, ci, at in incidents],
                columns=["incident_id", "service_id", "ci_id", "opened_at"],
            ),
            "spells": pd.DataFrame(
                [(ci, "cpu", at, at + timedelta(hours=hours), 1.2) for ci, at, hours in spells],
                columns=["ci_id", "resource", "started_at", "ended_at", "peak_usage_ratio"],
            ),
            "members": pd.DataFrame(
                {"service_id": "shop", "ci_id": CIS, "valid_from": date(2020, 1, 1), "valid_to": None}
            ),
            "measured": pd.DataFrame({"ci_id": CIS, "first_date": first, "last_date": LAST}),
        },
        LAST,
        seed,
    )


def one(found: dict[str, pd.DataFrame], incident: str) -> pd.Series:
    rows = found["capacity_incidents"]
    return rows[rows["incident_id"] == incident].iloc[0]


def test_rare_saturation_of_the_named_ci_is_the_cause() -> None:
    """Each of three incidents follows the only spells that there are; one without any does not."""
    weeks = (2, 5, 8)
    incidents = [(f"inc-{week}", "ci-0", moment(week, 10.5)) for week in weeks]
    found = analyse(
        [*incidents, ("other", "ci-0", moment(3, 15))], [("ci-0", moment(w, 10), 1.0) for w in weeks]
    )
    for week in weeks:
        row = one(found, f"inc-{week}")
        assert (row["verdict"], row["scope"], row["ci_id"]) == ("capacity", "named_ci", "ci-0")
        assert row["saturated_minutes"] == 30
        assert row["started_at"] == moment(week, 10)
        assert row["service_p_value"] < 0.01
    row = one(found, "other")
    assert (row["verdict"], row["confidence_ratio"], row["scope"]) == ("not_capacity", 0, None)
    assert row["reason"] == "nothing on its path was saturated before it"


def test_saturation_at_every_such_hour_says_little() -> None:
    """The rule 'any overlap in the hours before' would blame capacity for all of them."""
    every_week = [("ci-0", moment(week, 9), 3.0) for week in range(WEEKS)]
    incidents = [(f"inc-{week}", None, moment(week, 10.5)) for week in (3, 6)]
    quiet = [(f"other-{day}", None, moment(5, 10.5, day)) for day in (0, 2, 3, 4)]
    found = analyse([*incidents, *quiet], every_week)
    row = one(found, "inc-3")
    assert row["chance_ratio"] > 0.9
    assert row["verdict"] != "capacity"
    assert row["service_p_value"] > 0.5
    assert (found["capacity_incident_evidence"]["incident_id"] == ["inc-3", "inc-6"]).all()


def test_saturation_after_the_opening_is_no_evidence() -> None:
    incident = ("inc", "ci-0", moment(4, 10))
    found = analyse([incident], [("ci-0", moment(4, 10), 1.0), ("ci-0", moment(4, 6), 1.5)])
    assert found["capacity_incident_evidence"].empty
    assert one(found, "inc")["evidence_count"] == 0


def test_another_ci_of_the_path_is_weaker_evidence_than_the_named_one() -> None:
    """And the evidence names both, the named one first."""
    spells = [("ci-0", moment(4, 10), 0.5), ("ci-1", moment(4, 9.5), 1.5), ("ci-1", moment(7, 10), 1.0)]
    found = analyse([("named", "ci-0", moment(4, 10.5)), ("path", "ci-0", moment(7, 11))], spells)
    assert one(found, "named")["scope"] == "named_ci"
    assert one(found, "path")["scope"] == "service_path"
    evidence = found["capacity_incident_evidence"]
    assert list(evidence["ci_id"]) == ["ci-0", "ci-1", "ci-1"]
    assert list(evidence["is_named_ci"]) == [True, False, False]
    assert list(evidence["evidence_rank"]) == [1, 2, 1]
    assert list(evidence["saturated_minutes"]) == [30, 60, 60]


@pytest.mark.parametrize(("weeks", "basis"), [(10, "hour_of_week"), (2, "hour_of_day")])
def test_short_histories_compare_with_other_days(weeks: int, basis: str) -> None:
    found = analyse([("inc", "ci-0", moment(9, 10.5))], [("ci-0", moment(9, 10), 1.0)], weeks=weeks)
    assert one(found, "inc")["chance_basis"] == basis
    assert one(found, "inc")["chance_moments"] > 0


def test_an_incident_without_a_measured_path_is_not_tested() -> None:
    frames = analyse([("inc", None, START - timedelta(days=9000))], [])
    row = one(frames, "inc")
    assert (row["verdict"], row["reason"]) == (
        "not_testable",
        "no CI of its path has a usable capacity and samples",
    )
    assert np.isnan(row["confidence_ratio"])


def test_no_incidents_and_no_spells_give_empty_tables() -> None:
    assert all(frame.empty for frame in analyse([], []).values())


def test_confidence_is_bayes_rule_with_the_part_that_fits_best() -> None:
    """Four of ten find saturation that a tenth would by chance: π is near (0.4 − 0.1) ÷ 0.9."""
    found = np.array([True] * 40 + [False] * 60)
    chance, services = np.full(100, 0.1), np.zeros(100, dtype=np.int64)
    confidence, part = posterior(found, chance, services, np.ones(100, dtype=bool))
    assert part[0] == pytest.approx(1 / 3, abs=0.01)
    assert confidence[0] == pytest.approx(part[0] / (part[0] + (1 - part[0]) * 0.1))
    assert confidence[-1] == 0


def test_association_is_that_of_a_binomial() -> None:
    """Five of ten where a tenth would by chance: P(X ≥ 5) = 0.0016; one of ten: 0.65."""
    found = np.array([True] * 5 + [False] * 5)
    everywhere = np.ones((10, 100), dtype=bool)
    channel = Channel(np.ones(10, dtype=bool), found, np.full((10, 100), 0.1))
    services = np.zeros(10, dtype=np.int64)
    p_value = association(channel, everywhere, services, np.random.default_rng(3))[0]
    assert 0.001 <= p_value < 0.01
    rare = Channel(channel.applies, np.array([True] + [False] * 9), channel.by_chance)
    assert association(rare, everywhere, services, np.random.default_rng(3))[0] == pytest.approx(
        0.65, abs=0.05
    )


def test_the_same_seed_gives_the_same_rows() -> None:
    incidents = [("inc", "ci-0", moment(4, 10.5)), ("other", None, moment(5, 10.5))]
    spells = [("ci-0", moment(4, 10), 1.0)]
    one_run, again = analyse(incidents, spells, seed=5), analyse(incidents, spells, seed=5)
    for name, frame in one_run.items():
        pd.testing.assert_frame_equal(frame, again[name])
