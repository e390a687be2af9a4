"""Baselines: robust, causal, and blind to what is no news (growth, weekdays, holidays, noise)."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from assets.capacity.baselines import BASES, HOURS, SUNDAY, Floats, _quantile, baseline

DAYS = 70
WEEKDAYS = np.arange(DAYS) % 7
OFFICE = np.where((np.arange(HOURS) >= 8) & (np.arange(HOURS) < 18), 100.0, 20.0)


def office(days: int = DAYS, seed: int = 1) -> Floats:
    """One series of a working week, half as busy on Fridays, with 2 % noise."""
    noise = np.random.default_rng(seed).normal(1.0, 0.02, (1, days, HOURS))
    factor = np.choose(np.arange(days) % 7, [1.0, 1.0, 1.0, 1.0, 0.5, 0.2, 0.2])
    return OFFICE[None, None, :] * factor[None, :, None] * noise


def test_weekdays_are_learnt() -> None:
    """The quiet Friday is usual after three weeks, and is judged by other Fridays."""
    values = office()
    usual = baseline(values, WEEKDAYS)
    friday = 60  # 60 % 7 == 4
    assert np.abs(usual.score(values)[0, 28:]).max() < 5
    assert usual.expected[0, friday, 10] == pytest.approx(50, rel=0.05)
    assert BASES[usual.basis[0, friday, 10]] == "hour_of_week"


def test_only_earlier_days_count() -> None:
    """What happens on a day or later changes nothing in how the day is judged: the history is the same in every run."""
    values = office()
    later = values.copy()
    later[:, 50:] *= 3
    before, after = baseline(values, WEEKDAYS), baseline(later, WEEKDAYS)
    for one, other in ((before.expected, after.expected), (before.scale, after.scale)):
        np.testing.assert_array_equal(one[:, :51], other[:, :51])


def test_days_ahead_are_seen_from_the_last_known_day() -> None:
    """The first of the unknown days is judged as it would be if it were the next one."""
    values = office()
    ahead = values.copy()
    ahead[:, 63:] = np.nan
    np.testing.assert_allclose(
        baseline(ahead, WEEKDAYS, known_days=63).expected[:, 63:65],
        baseline(values, WEEKDAYS, known_days=63).expected[:, 63:65],
        rtol=0.05,
    )
    assert np.isfinite(baseline(ahead, WEEKDAYS, known_days=63).expected[:, 63:]).all()


def test_growth_is_no_surprise() -> None:
    """A disk that fills steadily is where the last weeks say, though it is above all of them."""
    values = np.linspace(100, 400, DAYS * HOURS).reshape(1, DAYS, HOURS)
    usual = baseline(values, WEEKDAYS)
    assert np.abs(usual.score(values)[0, 28:]).max() < 1


def test_a_level_shift_is_news_for_about_four_days() -> None:
    """The level of the last week follows; six-week-old hours are moved with it."""
    values = office()
    values[:, 42:] += 60
    score = baseline(values, WEEKDAYS).score(values)[0]
    assert (score[42:45, 10] > 4).all()
    assert np.abs(score[49:]).max() < 5


def test_a_public_holiday_is_a_sunday() -> None:
    """An empty office on a holiday is usual; the same emptiness on a working day is not."""
    values = office()
    monday = 63
    values[:, monday] = values[:, monday - 1]
    is_holiday = np.zeros(DAYS, dtype=bool)
    assert baseline(values, WEEKDAYS, is_holiday).score(values)[0, monday, 10] < -4
    is_holiday[monday] = True
    assert abs(baseline(values, WEEKDAYS, is_holiday).score(values)[0, monday, 10]) < 4


def test_a_nearly_constant_series_is_judged_against_its_level() -> None:
    """Without a floor every bit that flips would be infinitely unusual."""
    values = np.full((1, DAYS, HOURS), 1000.0)
    values[0, 60, 5], values[0, 61, 5] = 1015.0, 1200.0
    score = baseline(values, WEEKDAYS).score(values)[0]
    assert score[60, 5] == pytest.approx(1.5)
    assert score[61, 5] > 4


def test_heavy_tails_are_usual_where_they_come_every_day() -> None:
    """A series that leaps once a day must leap further to be unusual."""
    values = office(seed=3)
    leaps = np.random.default_rng(2).integers(0, HOURS, DAYS)
    values[0, np.arange(DAYS), leaps] += 80
    score = baseline(values, WEEKDAYS).score(values)[0, 28:]
    assert (score.max(axis=1) > 4).mean() < 0.1


def test_too_little_is_not_judged() -> None:
    """Two days of history, or a week without data, make no baseline."""
    values = office()
    values[0, 20:50] = np.nan
    usual = baseline(values, WEEKDAYS)
    assert np.isnan(usual.expected[0, :2]).all()
    assert np.isnan(usual.score(values)[0, 20:50]).all()
    assert np.isfinite(usual.expected[0, 18]).all()


def test_weekday_numbers() -> None:
    assert SUNDAY == 6


@settings(max_examples=60)
@given(
    arrays(
        np.float64,
        st.tuples(st.integers(1, 4), st.integers(1, 9)),
        elements=st.floats(-1e6, 1e6) | st.just(np.nan),
    ),
    st.floats(0, 1),
)
def test_quantiles_are_those_of_numpy(values: Floats, fraction: float) -> None:
    """Missing values count for nothing; fewer than asked for give none."""
    known = np.isfinite(values).sum(axis=1)
    found = _quantile(values, fraction, 2)
    for row, count, quantile in zip(values, known, found, strict=True):
        if count < 2:
            assert np.isnan(quantile)
        else:
            assert quantile == pytest.approx(np.nanquantile(row, fraction), abs=1e-6)
