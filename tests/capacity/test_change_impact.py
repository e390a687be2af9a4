"""Effects of changes: known ones are found with sign and size, none are invented, what is not tested says why."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from assets.capacity.change_estimates import Placebo
from assets.capacity.change_impact import change_impact
from assets.capacity.change_panel import without_weekdays

LAST = date(2026, 6, 30)
DAYS, POOLS, MEMBERS = 90, 16, 3
FIRST = LAST - timedelta(days=DAYS - 1)
#: A change on pool 0 whose day has weeks on both sides.
CHANGE_DAY = 60


def estate(
    seed: int, steps: Sequence[tuple[int, int, float]] = (), changed: Sequence[tuple[str, int, int]] = ()
) -> dict[str, pd.DataFrame]:
    """Pools of hosts, each pool of a service of its own: common season, noise by pool and day, noise by host.

    `steps`: (pool, day, factor), load from the day after on. `changed`: (change, pool, day).
    """
    draw = np.random.default_rng(seed)
    hour = np.arange(DAYS * 24)
    season = 1 + 0.6 * np.sin((hour % 24 - 6) * np.pi / 12) * (hour // 24 % 7 < 5)
    level = np.exp(draw.normal(-1.5, 0.3, POOLS))[:, None] * np.exp(
        draw.normal(0, 0.03, (POOLS, DAYS))
    ).repeat(24, axis=1)
    load = level * season
    for pool, day, factor in steps:
        load[pool, (day + 1) * 24 :] *= factor
    values = load.repeat(MEMBERS, axis=0) * np.exp(draw.normal(0, 0.02, (POOLS * MEMBERS, DAYS * 24)))
    cis = [f"host-{pool}-{member}" for pool in range(POOLS) for member in range(MEMBERS)]
    count = len(cis)
    start = (pd.Timestamp(FIRST) - pd.Timestamp(0)).days * 24
    series = pd.DataFrame({"series": range(count), "subject_kind": "ci", "subject_id": cis})
    days = [FIRST + timedelta(days=day) for _, _, day in changed]
    return {
        "series": series.assign(
            metric="cpu_utilisation", unit="1", ci_kind="host", profile_series=range(count)
        ),
        "hours": pd.DataFrame(
            {
                "series": np.repeat(np.arange(count), DAYS * 24),
                "hour": np.tile(start + hour, count),
                "value": values.ravel(),
            }
        ),
        "changes": pd.DataFrame(
            {
                "change_id": [name for name, _, _ in changed],
                "change_kind": "normal",
                "service_id": [f"service-{pool}" for _, pool, _ in changed],
                "ci_id": [f"host-{pool}-0" for _, pool, _ in changed],
                "started_date": days,
                "ended_date": days,
            }
        ),
        "members": pd.DataFrame(
            {
                "service_id": [f"service-{number // MEMBERS}" for number in range(count)],
                "ci_id": cis,
                "redundancy_group": "app",
                "valid_from": date(2020, 1, 1),
                "valid_to": None,
            }
        ),
        "holidays": pd.DataFrame({"holiday_date": pd.Series([], dtype="datetime64[us]")}),
    }


def impact(frames: dict[str, pd.DataFrame], as_of: date = LAST) -> pd.DataFrame:
    return change_impact(frames, as_of, 7)["change_impact"]


@pytest.mark.parametrize(("factor", "verdict"), [(1.4, "raised"), (0.6, "lowered")])
def test_a_known_effect_is_found_with_its_sign_and_size(factor: float, verdict: str) -> None:
    """On the named host and on those that stand in for it; the truth lies in the interval."""
    found = impact(estate(1, [(0, CHANGE_DAY, factor)], [("chg", 0, CHANGE_DAY)])).set_index("subject_id")
    assert dict(found["relation"]) == {
        "host-0-0": "named",
        "host-0-1": "same_group",
        "host-0-2": "same_group",
    }
    assert (found["verdict"] == verdict).all()
    assert found["effect_ratio"].to_numpy() == pytest.approx(factor - 1, abs=0.06)
    assert ((found["effect_low"] <= factor - 1) & (factor - 1 <= found["effect_high"])).all()
    levels = found["after_value"] / found["expected_value"] - 1
    assert levels.to_numpy() == pytest.approx(found["effect_ratio"].to_numpy())


def test_what_moves_every_service_is_no_effect() -> None:
    """A plain comparison of before and after would show +40 % on every one of them."""
    frames = estate(2, [(pool, CHANGE_DAY, 1.4) for pool in range(POOLS)], [("chg", 0, CHANGE_DAY)])
    found = impact(frames)
    assert set(found["verdict"]) == {"no_effect_shown"}
    assert (found["after_value"] > 1.25 * found["before_value"]).all()


@pytest.mark.slow
def test_false_discoveries_stay_within_the_stated_rate() -> None:
    """Twelve estates of eight changes, two of which move their pool by a quarter: of what is shown, at most one in
    twenty is not so (with a margin for so few), and most of what is so is shown.
    """
    shown = wrong = true_shown = 0
    for seed in range(12):
        draw = np.random.default_rng(seed)
        pools = draw.permutation(POOLS)[:8]
        changed = [(f"chg-{n}", int(pool), int(draw.integers(20, 70))) for n, pool in enumerate(pools)]
        steps = [(pool, day, 1.25) for _, pool, day in changed[:2]]
        found = impact(estate(100 + seed, steps, changed))
        moved = set(found.loc[found["verdict"].isin(["raised", "lowered"]), "change_id"])
        true = {"chg-0", "chg-1"}
        shown, wrong, true_shown = (
            shown + len(moved),
            wrong + len(moved - true),
            true_shown + len(moved & true),
        )
    assert true_shown >= 17
    assert wrong / shown <= 0.10, (wrong, shown)


def test_without_any_effect_hardly_anything_is_shown() -> None:
    """Under the null every discovery is false: one run in twenty may show any; two of ten leave a margin."""
    runs = [
        impact(estate(seed, [], [(f"chg-{n}", n, 20 + 5 * n) for n in range(8)])) for seed in range(200, 210)
    ]
    assert sum(run["verdict"].isin(["raised", "lowered"]).any() for run in runs) <= 2
    p_values = np.concatenate([run["p_value"].dropna() for run in runs])
    assert 0.01 < (p_values < 0.05).mean() < 0.12


def test_the_change_that_the_move_fits_is_believed() -> None:
    """A second change ten days before the step shows nothing; one on the next day cannot be told apart, and says so."""
    changed = [("cause", 0, CHANGE_DAY), ("before", 0, CHANGE_DAY - 10), ("next-day", 0, CHANGE_DAY + 1)]
    found = impact(estate(3, [(0, CHANGE_DAY, 1.5)], changed))
    of = dict(list(found.groupby("change_id")))
    raised = of["cause"][of["cause"]["verdict"] == "raised"]
    assert len(raised) >= 2
    assert (raised["reason"] == "cannot be told apart from next-day").all()
    assert not of["before"]["verdict"].isin(["raised", "lowered"]).any()


def test_diverging_trends_are_not_tested() -> None:
    """A pool that had begun to grow a week before the change is not compared."""
    frames = estate(4, [(0, CHANGE_DAY - 7, 1.5), (0, CHANGE_DAY, 1.2)], [("chg", 0, CHANGE_DAY)])
    found = impact(frames)
    assert set(found["verdict"]) == {"not_testable"}
    assert set(found["reason"]) == {"trends not parallel before the change"}
    assert not found["is_parallel"].any()


def reasons(frames: dict[str, pd.DataFrame], as_of: date = LAST) -> set[Any]:
    found = impact(frames, as_of)
    assert set(found["verdict"]) == {"not_testable"}
    assert found["q_value"].isna().all()
    return set(found["reason"])


def test_what_cannot_be_tested_says_why() -> None:
    early = estate(5, [], [("chg", 0, 5)])
    assert reasons(early) == {"history too short: fewer than 14 days before"}
    late = estate(5, [], [("chg", 0, DAYS - 4)])
    assert reasons(late) == {"too early: fewer than 7 days after"}
    alone = estate(5, [], [(f"chg-{pool}", pool, CHANGE_DAY) for pool in range(POOLS)])
    alone["changes"]["ci_id"] = None
    assert reasons(alone) == {"too few controls: fewer than 3 comparable and untouched"}
    long = estate(5, [], [("chg", 0, CHANGE_DAY)])
    long["changes"]["started_date"] = FIRST + timedelta(days=CHANGE_DAY - 10)
    assert reasons(long) == {"at work for more than 7 days"}


def test_nothing_after_the_as_of_day_is_looked_at() -> None:
    """The same as-of day gives the same rows, whatever came later."""
    frames = estate(6, [(0, CHANGE_DAY, 1.4)], [("chg", 0, CHANGE_DAY)])
    as_of = FIRST + timedelta(days=CHANGE_DAY + 10)
    cut = dict(frames)
    limit = (pd.Timestamp(as_of) - pd.Timestamp(0)).days * 24 + 24
    cut["hours"] = frames["hours"][frames["hours"]["hour"] < limit]
    pd.testing.assert_frame_equal(impact(frames, as_of), impact(cut, as_of))
    assert set(impact(frames, as_of)["days_after"]) == {7}


def test_an_empty_warehouse_gives_an_empty_table() -> None:
    frames = {name: frame.iloc[:0] for name, frame in estate(6, [], [("chg", 0, 30)]).items()}
    assert impact(frames).empty


def test_p_values_of_the_tail_follow_the_distribution() -> None:
    """Of an exponential sample the fitted tail is exponential, far beyond the data too."""
    sample = np.random.default_rng(8).exponential(size=5000)
    fitted = Placebo(sample)
    for score in (4.0, 7.0, 9.0):
        assert np.exp(-score) / 3 < fitted.p_value(np.array([score]))[0] < np.exp(-score) * 8
    assert fitted.p_value(np.array([0.0]))[0] == 1.0
    assert np.isnan(fitted.p_value(np.array([np.nan]))[0])


def test_weekdays_are_taken_out_and_levels_stay() -> None:
    """A service that rests at weekends and its controls that do not are compared day by day all the same; a step stays
    where it was, a day that nobody measured stays unknown, and two weeks tell nothing of weekdays.
    """
    first = 20_000
    quiet = np.where((first + np.arange(70)) % 7 < 2, -1.0, 0.0)
    step = np.where(np.arange(70) >= 40, 0.5, 0.0)
    days = np.stack([3.0 + quiet + step, np.full(70, 2.0), 3.0 + quiet])
    days[0, 10] = np.nan
    days[2, 14:] = np.nan
    found = without_weekdays(days, first)
    assert np.isnan(found[0, 10])
    known = np.isfinite(found[0])
    assert found[0, known] == pytest.approx((3.0 - 2 / 7 + step)[known])
    assert found[1] == pytest.approx(np.full(70, 2.0))
    assert found[2, :14] == pytest.approx(days[2, :14])
