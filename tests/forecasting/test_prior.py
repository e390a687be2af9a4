"""The prior: trained on made-up series alone, by a command that gives the same again, and worth asking."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from assets.forecasting import pretrain, prior
from assets.forecasting.behaviour import behaviour_names
from assets.forecasting.corpus import made_up
from assets.forecasting.forecast import forecast
from assets.forecasting.governance import artefact_of_ensembles
from assets.forecasting.learner import combine
from assets.forecasting.mixture import feature_names
from assets.forecasting.quantiles import LEVELS, pinball
from tests.forecasting.series import history


def test_the_corpus_is_the_same_from_the_same_seed_and_has_every_kind_of_series() -> None:
    (first, phase), (again, same) = made_up(5, 3, 4, 200), made_up(5, 3, 4, 200)
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(phase, same)
    assert not np.array_equal(first, made_up(5, 4, 4, 200)[0], equal_nan=True)

    batches = [made_up(5, number, 10, 240)[0] for number in range(20)]
    values = np.concatenate(batches)
    assert not np.isinf(values).any()
    assert np.isfinite(values).any(axis=1).all()
    assert np.isnan(values).any(axis=1).mean() > 0.05  # gaps
    assert (values == 0).any(axis=1).mean() > 0.1  # counts, dropouts, idle
    assert (np.nanmedian(values, axis=1) > 0).mean() > 0.5


def test_the_artefact_is_the_one_of_its_card_and_reads_the_features_of_today() -> None:
    card = prior.card()
    assert hashlib.sha256(prior.ARTEFACT.read_bytes()).hexdigest() == card["artefact_sha256"]
    assert card["features"] == [*feature_names(prior.PERIODS), *behaviour_names(prior.PERIODS)]
    assert [trees.quantile for trees in prior.ensembles()] == card["levels"] == list(LEVELS)


def test_another_artefact_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = tmp_path / "trees.skops"
    other.write_bytes(b"something else")
    monkeypatch.setattr(prior, "ARTEFACT", other)
    prior.ensembles.cache_clear()
    try:
        with pytest.raises(prior.PriorError, match=r"pretrain"):
            prior.ensembles()
    finally:
        prior.ensembles.cache_clear()


@pytest.fixture(scope="module")
def unseen() -> pretrain.Lessons:
    return pretrain.lessons(seed=77, batches=5)


def test_on_series_it_has_not_seen_the_prior_is_better_than_the_mixture(unseen: pretrain.Lessons) -> None:
    """Fails when features change their meaning and nobody trains the prior again."""
    features, behaviour = np.split(unseen.features, [len(feature_names(prior.PERIODS))], axis=1)

    judged = pretrain.judge(prior.prior_answer(features, behaviour), unseen)

    assert judged["loss_beside_mixture"] < 0.95
    assert 0.76 < judged["coverage_80_ratio"] < 0.84


def test_answers_that_lie_too_close_together_are_spread_until_their_share_of_the_truth_lies_below() -> None:
    random = np.random.default_rng(4)
    centre, error = random.normal(size=(2, 20_000)) * [[5], [2]]
    narrow = centre[:, None] + [-1.2816, -0.5244, 0.0, 0.5244, 1.2816]

    factors = pretrain.spread_of(narrow, centre + error)
    spread = prior.spread_out(narrow, factors)

    np.testing.assert_allclose(factors, [2, 2, 1, 2, 2], rtol=0.05)
    np.testing.assert_allclose(((centre + error)[:, None] <= spread).mean(axis=0), LEVELS, atol=0.01)


def test_training_gives_the_same_bytes_again(
    unseen: pretrain.Lessons, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(pretrain.PARAMETERS, "max_iter", 2)
    monkeypatch.setattr(pretrain, "LEVELS", (0.5,))
    few = pretrain.Lessons(*(getattr(unseen, name)[:400] for name in pretrain.Lessons.__dataclass_fields__))
    first, again = (artefact_of_ensembles(pretrain.train(few)) for _ in range(2))
    assert first == again


def test_what_the_prior_has_no_part_in_is_as_without_it_and_a_sure_jump_stays() -> None:
    random = np.random.default_rng(1)
    trees, mixture, told = (np.sort(random.normal(size=(6, len(LEVELS)))) for _ in range(3))
    shift, calm = np.zeros((1, len(LEVELS))), (np.zeros(6), np.zeros(6), np.ones(6))
    without = combine((trees, mixture), None, (0.4, 0.0), shift, calm)
    np.testing.assert_array_equal(combine((trees, mixture), told, (0.4, 0.0), shift, calm), without)
    np.testing.assert_allclose(combine((trees, mixture), told, (0.0, 1.0), shift, calm), told)
    sure = (np.ones(6), np.full(6, 9.0), np.ones(6))
    moved = combine((trees, mixture), told, (0.0, 0.9), shift, sure)
    assert (moved[:, LEVELS.index(0.5)] > 5).all()


def test_a_jump_that_may_stay_is_among_the_quantiles_whatever_the_prior_says() -> None:
    """Two hours at nothing: one in four that it stays so is more than the tenth below q0.1."""
    back = np.tile([-0.2, -0.1, 0.0, 0.1, 0.2], (3, 1))
    jump = (np.array([0.0, 0.25, 0.75]), np.full(3, -30.0), np.full(3, 0.1))

    answer = combine((back, back), back, (0.0, 0.95), np.zeros((1, len(LEVELS))), jump)

    assert answer[0, 0] > -1
    assert answer[1, 0] < -29 < -1 < answer[1, 2]
    assert answer[2, 2] < -29 < -1 < answer[2, 4]


def test_the_corpus_is_quieter_on_weekends_of_its_calendar() -> None:
    """Where one hour differs clearly from the others by the kind of day, it is mostly the weekend that is lower."""
    lower = []
    for number in range(20):
        values, phase = made_up(6, number, 10, 8 * 168)
        weekend = (phase[:, None] + np.arange(8 * 168)) // 24 % 7 >= 5
        ratio = np.nanmean(np.where(weekend, values, np.nan), 1) / np.nanmean(
            np.where(weekend, np.nan, values), 1
        )
        lower += [*ratio]
    assert np.mean(np.array(lower) < 0.8) > 1.5 * np.mean(np.array(lower) > 1.25)


@pytest.mark.parametrize(("first", "lowest", "highest"), [("2026-01-05", 0, 35), ("2026-01-07", 65, 110)])
def test_one_weekend_is_enough_to_expect_the_next(first: str, lowest: float, highest: float) -> None:
    """Twelve days of an office end on a Friday; by a calendar that begins two days later the next day is a Monday."""
    hours = np.arange(12 * 24)
    is_open = (hours % 24 >= 8) & (hours % 24 < 18) & (hours // 24 % 7 < 5)
    random = np.random.default_rng(4)
    stamps = pd.date_range(first, periods=len(hours), freq="h")
    frame = pd.concat(
        pd.DataFrame(
            {"unique_id": f"s{n}", "ds": stamps, "y": 10 + 90 * is_open + random.normal(0, 2, len(hours))}
        )
        for n in range(10)
    )

    made = forecast(frame, 24, "h")

    busy = made.loc[made["ds"].dt.hour.isin(range(9, 17)), "q0.5"].mean()
    assert lowest < busy < highest


def test_three_days_of_hours_are_forecast_by_the_prior_and_say_so() -> None:
    """A day has been seen twice: too little to hold back, enough to be read."""
    time = np.arange(72 + 24)
    random = np.random.default_rng(4)
    values = {f"s{n}": 50 + 20 * np.sin(2 * np.pi * time / 24) + random.normal(0, 2, 96) for n in range(4)}
    made = forecast(history({name: y[:72] for name, y in values.items()}, "h"), 24, "h")

    assert set(made["model"]) == {"prior_trees"}
    assert (
        made["notes"].str.contains("72 values are too few to learn from: trees trained on other series").all()
    )
    truth = np.concatenate([values[name][72:] for name in sorted(values)])
    answer = made[[f"q{level:g}" for level in LEVELS]].to_numpy()
    assert np.abs(answer[:, 2] - truth).mean() < 5
    assert pinball(answer, truth, LEVELS).mean() < 1.5
