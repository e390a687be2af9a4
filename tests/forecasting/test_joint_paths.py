"""Joint paths: what widens the interval is common to a path, what groups share is common to series."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from assets.forecasting.dependence import Dependence
from assets.forecasting.forecast import PanelForecast
from assets.forecasting.paths import Groups, first_steps, service_groups, shared_by_step
from assets.forecasting.saturation import first_passages, saturation, service_saturation
from assets.forecasting.straight_line import line_steps
from tests.forecasting.forecasts import line, made_forecast
from tests.forecasting.test_saturation import SCORES, limits, membership


def one_step(count: int, horizon: int = 1) -> PanelForecast:
    """Standard normal demand around 100, the same at each step."""
    ids = tuple(f"pool/{number}" for number in range(count))
    values = np.tile(100 + SCORES, (count, horizon, 1))
    return made_forecast(ids, values, Dependence(np.full(count, 0.3), np.full(count, 0.0)))


@pytest.mark.parametrize("share", [0.0, 0.5, 0.9])
def test_series_of_a_group_share_that_part_of_their_errors(share: float) -> None:
    """Of two standard normals with correlation r both are above the median with probability 1/4 + asin(r) / 2π."""
    usable = np.full((3, 1), 100.0)
    steps = first_steps(one_step(3), usable, 1, Groups(("s", "s", "t"), share), 40_000)
    over = steps == 1
    np.testing.assert_allclose(over.mean(axis=1), 0.5, atol=0.01)
    assert (over[0] & over[1]).mean() == pytest.approx(0.25 + np.arcsin(share) / (2 * np.pi), abs=0.01)
    assert (over[0] & over[2]).mean() == pytest.approx(0.25, abs=0.01)


def test_pools_that_rise_together_make_a_service_saturate_later() -> None:
    """With independent pools the first of many is always early: too early when they have one cause."""
    pools = one_step(4)
    where = limits(dict.fromkeys(pools.panel.ids, 100 + SCORES[7]))
    service = membership(shop=list(pools.panel.ids))
    chances = []
    for share in (0.0, 0.4, 0.95):
        groups = service_groups(pools.panel.ids, service, share)
        found = first_passages(pools, where, 1, 20_000, groups)
        chances.append(service_saturation(found, service, {})["probability_within_horizon"][0])
    assert chances[0] == pytest.approx(1 - 0.8**4, abs=0.015)
    assert chances[0] > chances[1] + 0.03 > chances[2] + 0.06
    assert chances[2] > 0.2


def test_what_widens_the_interval_is_common_to_the_path() -> None:
    """Noise is the same in a month as tomorrow: an interval four times as wide is wide for not knowing the trend."""
    spread = np.linspace(1, 4, 60)[None, :, None] * SCORES
    made = made_forecast(("a",), 100 + spread, Dependence(np.array([0.2]), np.array([0.3])))
    shared = shared_by_step(made)[0]
    assert shared[0] == pytest.approx(0.2)
    assert (np.diff(shared) >= -1e-12).all()
    assert shared[-1] == pytest.approx(1 - 0.8 / 4**2, abs=0.03)


def test_a_constant_or_narrowing_interval_keeps_the_share() -> None:
    flat = made_forecast(("a", "b"), np.concatenate([line(0.0, 5.0, 30), np.tile(100 + SCORES, (1, 30, 1))]))
    np.testing.assert_allclose(shared_by_step(flat), 0.3)


def test_neighbours_do_not_change_a_series() -> None:
    """A new service in the estate must not move the dates of the others."""
    many, few = one_step(40, 5), one_step(3, 5)
    usable = np.full((40, 5), 101.0)
    groups = Groups(tuple("ab"[number % 2] for number in range(40)), 0.4)
    all_steps = first_steps(many, usable, 7, groups)
    some = first_steps(few, usable[:3], 7, Groups(groups.names[:3], 0.4))
    np.testing.assert_array_equal(all_steps[:3], some)


def test_probabilities_and_decisions_follow_from_the_same_paths() -> None:
    """Demand passes on day 12 for sure; a decision with 20 days of lead was due before the forecast."""
    made = made_forecast(("pool/x", "pool/y"), np.concatenate([line(1.0, 0.0, 40), line(0.5, 0.0, 40)]))
    found = first_passages(made, limits({"pool/x": 12.0, "pool/y": 18.0}), 0)
    rows = saturation(found, {"pool/x": 20, "pool/y": 5}).set_index("unique_id")
    assert rows.loc["pool/x", "probability_within_30_days"] == 1.0
    assert pd.isna(rows.loc["pool/x", "probability_within_60_days"])
    assert rows.loc["pool/x", "p50_date"] - rows.loc["pool/x", "decision_p50_date"] == pd.Timedelta(days=20)
    service = service_saturation(found, membership(s=["pool/x", "pool/y"]), {"pool/x": 20, "pool/y": 5}).iloc[
        0
    ]
    assert service["decision_p50_date"] == rows.loc["pool/x", "decision_p50_date"]
    late = saturation(first_passages(made, limits({"pool/x": 99.0}), 0), {"pool/x": 20}).iloc[0]
    assert late[["decision_p10_date", "decision_p50_date", "decision_p90_date"]].isna().all()


def test_the_straight_line_meets_the_limit_where_it_must() -> None:
    """Only the last 90 days count; gaps are left out; a falling or an unknown line never meets it."""
    rising = np.r_[np.full(100, 500.0), np.arange(90.0)]
    holes = rising.copy()
    holes[150:170] = np.nan
    values = np.stack([rising, holes, 100.0 - rising / 9, np.full(190, np.nan)])
    assert line_steps(values, np.full((4, 30), 99.0)).tolist() == [10, 10, 31, 31]
