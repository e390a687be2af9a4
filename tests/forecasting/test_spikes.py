"""Single days far above the rest come again, as often and as high as they did."""

from __future__ import annotations

import numpy as np
import pytest

from assets.forecasting.experts import decompose
from assets.forecasting.forecast import forecast_panel
from assets.forecasting.frames import DEFAULT_QUANTILES, build_panel
from assets.forecasting.paths import first_steps
from assets.forecasting.spikes import Spikes, estimate_spikes
from tests.forecasting.forecasts import line, made_forecast
from tests.forecasting.series import history


def test_outliers_above_are_counted_with_their_height_and_those_below_are_not() -> None:
    values = 100 + np.random.default_rng(1).normal(0, 1, 140)
    values[[30, 80]] += [40, 60]
    values[100] -= 50

    parts = decompose(values[None, :], (7,), 7)

    assert parts.outliers[0] == 3
    assert parts.spikes[0] == 2
    assert parts.spike_size[0] == pytest.approx(50, abs=5)


def test_a_series_is_like_the_others_until_it_has_shown_otherwise() -> None:
    number, steps = np.array([0.0, 5.0, 0.0]), np.array([365.0, 365.0, 36_500.0])

    found = estimate_spikes(number, np.array([0.0, 30.0, 0.0]), np.array([200.0, 100.0, 100.0]), steps)

    usual = 5 / 365 / 3
    assert found.chance == pytest.approx([usual / 2, (5 / 365 + usual) / 2, usual / 101])
    assert found.height.tolist() == [0.3, 0.3, 0.3]


def test_what_comes_often_is_no_spike_nor_is_there_any_above_nothing() -> None:
    found = estimate_spikes(
        np.array([10.0, 1.0, 1.0]), np.full(3, 50.0), np.array([100.0, 0.0, 100.0]), np.full(3, 100.0)
    )

    assert found.chance[0] == found.chance[1] == 0
    assert found.chance[2] > 0


def test_a_panel_without_spikes_foretells_none() -> None:
    found = estimate_spikes(np.zeros(2), np.zeros(2), np.full(2, 10.0), np.full(2, 300.0))

    assert found.chance.tolist() == found.height.tolist() == [0.0, 0.0]


def test_the_first_day_over_the_limit_may_be_a_spike() -> None:
    chance, horizon = 0.02, 60
    usable = np.full((2, horizon), 115.0)
    flat = np.repeat(line(0.0, 100.0, horizon), 2, axis=0)
    spiky = Spikes(chance=np.array([chance, chance]), height=np.array([0.2, 0.1]))

    steps = first_steps(made_forecast(("high", "low"), flat, spikes=spiky), usable, seed=1, n_paths=20_000)

    assert (steps[0] <= 30).mean() == pytest.approx(1 - (1 - chance) ** 30, abs=0.01)
    assert (steps[0] <= horizon).mean() == pytest.approx(1 - (1 - chance) ** horizon, abs=0.01)
    assert (steps[1] == horizon + 1).all()


def test_no_spike_exceeds_what_can_be() -> None:
    full = made_forecast(
        ("a",), line(0.0, 0.9, 30), upper=1.0, spikes=Spikes(np.array([0.5]), np.array([0.5]))
    )

    assert (first_steps(full, np.full((1, 30), 1.1), seed=1) == 31).all()


def test_a_forecast_tells_the_spikes_of_its_history() -> None:
    random = np.random.default_rng(4)
    days = np.arange(300)
    calm = {f"calm{n}": 100 + 0.1 * days + random.normal(0, 1, 300) for n in range(3)}
    spiky = 100 + 0.1 * days + random.normal(0, 1, 300)
    spiky[[40, 90, 150, 220, 260]] += 60

    made = forecast_panel(build_panel(history({**calm, "spiky": spiky}), "D"), 30, DEFAULT_QUANTILES, seed=1)

    at = made.panel.ids.index("spiky")
    assert made.spikes.chance[at] == pytest.approx(5 / 300, rel=0.5)
    assert made.spikes.chance[at] > 3 * made.spikes.chance[0]
    assert made.spikes.height[at] == pytest.approx(60 / 130, rel=0.1)
