"""Forecasts: accurate where there is something to learn, honest where there is not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assets.forecasting.forecast import _widen, forecast
from assets.forecasting.frames import DEFAULT_QUANTILES, ForecastInputError, build_panel, quantile_columns
from assets.forecasting.learner import learn
from assets.forecasting.quantiles import width_of
from assets.forecasting.seasonal_naive import seasonal_naive
from tests.forecasting.series import START, WEEK, history, trended

LEVELS = quantile_columns(DEFAULT_QUANTILES)
HORIZON = 28


def one(made: pd.DataFrame, name: str) -> pd.DataFrame:
    return made[made["unique_id"] == name].reset_index(drop=True)


@pytest.fixture(scope="module")
def panel() -> dict[str, np.ndarray]:
    return trended(60, 120 + HORIZON)


@pytest.fixture(scope="module")
def made(panel: dict[str, np.ndarray]) -> pd.DataFrame:
    return forecast(history({name: y[:120] for name, y in panel.items()}), HORIZON, "D", seed=3)


def test_every_step_of_every_series_follows_its_last_stamp(made: pd.DataFrame) -> None:
    assert list(made.columns) == ["unique_id", "ds", *LEVELS, "model", "notes"]
    assert len(made) == 60 * HORIZON
    stamps = one(made, "s007")["ds"]
    assert list(stamps) == list(pd.date_range(START + pd.Timedelta(days=120), periods=HORIZON))


def test_quantiles_never_cross(made: pd.DataFrame) -> None:
    assert (np.diff(made[LEVELS].to_numpy(), axis=1) >= 0).all()


def test_it_beats_seasonal_naive_on_trended_series(panel: dict[str, np.ndarray], made: pd.DataFrame) -> None:
    truth = np.stack([panel[name][120:] for name in sorted(panel)])
    past = np.stack([panel[name][:120] for name in sorted(panel)])
    median = made["q0.5"].to_numpy().reshape(60, HORIZON)
    naive = seasonal_naive(past, 7, HORIZON, (0.5,))[:, :, 0]

    assert np.abs(median - truth).mean() < 0.75 * np.abs(naive - truth).mean()


def test_the_80_percent_interval_covers_about_80_percent(
    panel: dict[str, np.ndarray], made: pd.DataFrame
) -> None:
    truth = np.stack([panel[name][120:] for name in sorted(panel)]).ravel()

    inside = (truth >= made["q0.1"]) & (truth <= made["q0.9"])

    assert 0.72 <= inside.mean() <= 0.88


def test_the_same_seed_gives_the_same_bytes_whatever_the_order_of_rows(
    panel: dict[str, np.ndarray], made: pd.DataFrame
) -> None:
    shuffled = history({name: y[:120] for name, y in panel.items()}).sample(frac=1, random_state=4)

    again = forecast(shuffled, HORIZON, "D", seed=3)

    pd.testing.assert_frame_equal(again, made, check_exact=True)
    assert again[LEVELS].to_numpy().tobytes() == made[LEVELS].to_numpy().tobytes()


def test_units_do_not_matter(panel: dict[str, np.ndarray], made: pd.DataFrame) -> None:
    # Factors are powers of two, which floats carry without rounding: scale-free means equal to the last bit.
    factor = {name: 2.0 ** (number % 40 - 20) for number, name in enumerate(sorted(panel))}

    scaled = forecast(history({n: y[:120] * factor[n] for n, y in panel.items()}), HORIZON, "D", seed=3)

    expected = made[LEVELS].to_numpy() * made["unique_id"].map(factor).to_numpy()[:, None]
    np.testing.assert_array_equal(scaled[LEVELS].to_numpy(), expected)


def test_other_levels_lie_between_the_learned_ones(panel: dict[str, np.ndarray], made: pd.DataFrame) -> None:
    past = history({name: y[:120] for name, y in panel.items()})

    other = forecast(past, HORIZON, "D", quantiles=(0.05, 0.5, 0.95), seed=3)

    np.testing.assert_array_equal(other["q0.5"], made["q0.5"])
    assert (other["q0.05"] <= made["q0.1"]).all()
    assert (other["q0.95"] >= made["q0.9"]).all()


def test_bounds_hold_and_demand_that_was_never_negative_does_not_become_so() -> None:
    random = np.random.default_rng(5)
    frame = history(
        {
            "falling": np.maximum(60 - 0.6 * np.arange(100) + random.normal(0, 1, 100), 0),
            "ratio": np.clip(0.5 + 0.005 * np.arange(100) + random.normal(0, 0.05, 100), 0, 1),
            "signed": random.normal(0, 5, 100),
        }
    )
    frame["upper"] = np.where(frame["unique_id"] == "ratio", 1.0, np.nan)

    made = forecast(frame, 60, "D")

    assert one(made, "falling")[LEVELS].to_numpy().min() == 0
    assert one(made, "ratio")[LEVELS].to_numpy().max() == 1
    assert one(made, "signed")["q0.1"].max() < 0


def test_fewer_than_three_values_give_no_numbers_but_a_note() -> None:
    made = forecast(history({"two": [1.0, 2.0], "none": [np.nan] * 5}), 3, "D")

    assert made[LEVELS].isna().all(axis=None)
    assert set(one(made, "two")["notes"]) == {"a forecast needs at least 3 values, here are 2"}
    assert one(made, "none")["notes"][0].endswith("a forecast needs at least 3 values, here are 0")


def test_three_values_give_a_wide_recent_level() -> None:
    made = forecast(history({"three": [10.0, 12.0, 11.0]}), 5, "D")

    assert set(made["model"]) == {"recent_level"}
    assert made["q0.5"].tolist() == [11.0] * 5
    assert (made["q0.9"] - made["q0.1"]).is_monotonic_increasing
    assert made["notes"][0] == "3 values are less than two seasons: recent level only"


def test_a_constant_history_goes_on_without_width() -> None:
    made = forecast(history({"flat": [4.2] * 60}), 5, "D")

    assert (made[LEVELS] == 4.2).all(axis=None)
    assert made["notes"][0] == "constant history: the interval has no width"


def test_a_line_without_noise_goes_on_exactly() -> None:
    made = forecast(history({"line": 10 + 0.25 * np.arange(60)}), 90, "D")

    np.testing.assert_allclose(made["q0.1"], 10 + 0.25 * np.arange(60, 150))
    assert (made["q0.1"] == made["q0.9"]).all()
    assert made["model"][0] == "straight_line"


def test_three_weeks_are_too_few_to_learn_from() -> None:
    made = forecast(history({"s": WEEK[np.arange(20) % 7] + np.sin(np.arange(20)) + 20}), 7, "D")

    assert made["model"][0] == "seasonal_naive"
    assert made["notes"][0] == "20 values are too few to learn from: seasonal naive"


def test_gaps_outliers_zeros_and_shifts_are_named() -> None:
    random = np.random.default_rng(6)
    base = 50 + random.normal(0, 1, 100)
    gappy, spiked, shifted = base.copy(), base.copy(), base + np.where(np.arange(100) < 60, 0, 40)
    gappy[20:35] = np.nan
    spiked[[30, 70]] = 500
    sparse = np.where(random.random(100) < 0.7, 0.0, random.uniform(1, 9, 100))

    made = forecast(
        history({"gappy": gappy, "spiked": spiked, "shifted": shifted, "sparse": sparse}), 14, "D"
    )

    assert "15 of 100 steps have no value" in one(made, "gappy")["notes"][0]
    assert "outliers given less weight: 2" in one(made, "spiked")["notes"][0]
    assert "level shifts found, earlier history moved: 1" in one(made, "shifted")["notes"][0]
    assert "intermittent" in one(made, "sparse")["notes"][0]
    assert one(made, "shifted")["q0.5"].between(85, 95).all()
    assert one(made, "spiked")["q0.9"].max() < 60
    assert (one(made, "sparse")["q0.1"] < 0.5).all()


def test_a_series_that_fell_silent_is_not_forecast() -> None:
    end = START + pd.Timedelta(days=99)
    days = history({"alive": trended(1, 100)["s000"], "gone": trended(1, 60)["s000"]})

    made = forecast(days, 7, "D", end=end)

    assert one(made, "gone")[LEVELS].isna().all(axis=None)
    assert one(made, "gone")["notes"][0] == "silent for the last 40 steps: not forecast"
    assert one(made, "alive")[LEVELS].notna().all(axis=None)
    assert set(made["ds"]) == set(pd.date_range(end + pd.Timedelta(days=1), periods=7))


def test_beyond_what_history_can_teach_the_trend_goes_on_and_the_interval_widens() -> None:
    values = {name: y[:60] for name, y in trended(40, 60, noise=1.0).items()}
    values["growing"] = 20 + 1.0 * np.arange(60) + np.random.default_rng(7).normal(0, 1, 60)

    made = one(forecast(history(values), 120, "D"), "growing")

    assert "from step 26 on the history is too short to learn from" in made["notes"][0]
    assert made["q0.5"].iloc[-1] == pytest.approx(20 + 179, rel=0.2)
    width = made["q0.9"] - made["q0.1"]
    assert width.iloc[113] > 1.5 * width.iloc[23]


def test_a_series_that_seasonal_naive_forecasts_better_falls_back_and_says_so() -> None:
    # Values that repeat weekly but jump between weeks have no level or trend to learn; the panel around them does.
    values: dict[str, np.ndarray] = trended(60, 120)
    random = np.random.default_rng(8)
    week = random.permutation([0.0, 0.0, 0.0, 100.0, 0.0, 0.0, 0.0])
    values["pulse"] = np.tile(week, 18)[:120] + random.normal(0, 0.01, 120) + 1

    made = one(forecast(history(values), 14, "D"), "pulse")

    assert made["model"][0] == "seasonal_naive"
    assert "falls back to seasonal naive" in made["notes"][0]


def test_hourly_series_follow_day_and_week() -> None:
    hours = np.arange(24 * 28)
    random = np.random.default_rng(9)
    values = {
        f"h{number}": 50
        + 10 * np.sin(hours / 24 * 2 * np.pi)
        - 15.0 * (hours // 24 % 7 >= 5)
        + random.normal(0, 1, len(hours))
        for number in range(10)
    }

    made = forecast(history({name: y[:-48] for name, y in values.items()}, "h"), 48, "h")

    truth = np.stack([y[-48:] for y in values.values()]).ravel()
    assert np.abs(made["q0.5"] - truth).mean() < 2.0


def test_a_horizon_below_one_is_refused() -> None:
    with pytest.raises(ForecastInputError, match="horizon 0"):
        forecast(history({"a": [1.0, 2.0, 3.0]}), 0, "D")


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(
        st.lists(
            st.one_of(st.none(), st.floats(-1e6, 1e6), st.sampled_from([0.0, 1.0, np.nan, np.inf])),
            max_size=60,
        ),
        min_size=1,
        max_size=4,
    )
)
def test_whatever_the_history_quantiles_are_ordered_and_nothing_raises(
    series: list[list[float | None]],
) -> None:
    frame = pd.concat(
        [
            pd.DataFrame(
                {
                    "unique_id": f"s{i}",
                    "ds": pd.date_range(START, periods=len(y)),
                    "y": pd.Series(y, dtype=float),
                }
            )
            for i, y in enumerate(series)
        ]
    )
    frame["lower"], frame["upper"] = -2e6, 2e6

    made = forecast(frame, 10, "D")[LEVELS].to_numpy()

    complete = ~np.isnan(made).any(axis=1)
    assert np.isnan(made[~complete]).all()
    assert (np.diff(made[complete], axis=1) >= 0).all()
    assert (np.abs(made[complete]) <= 2e6).all()


def degraded() -> tuple[pd.DataFrame, dict[str, str]]:
    """Hourly series, each with one thing wrong, and what its note has to say of it."""
    random = np.random.default_rng(8)
    hours, stamps = 24 * 15, pd.date_range(START, periods=24 * 15, freq="h")
    usual = 50 + 5 * np.sin(2 * np.pi * np.arange(hours) / 24) + random.normal(0, 1, hours)
    whole = pd.DataFrame({"ds": stamps, "y": usual, "lower": np.nan, "upper": np.nan})
    wiggle = pd.to_timedelta(random.integers(0, 50, hours), unit="min")
    late, spikes = np.arange(hours) >= 200, np.isin(np.arange(hours), [50, 120, 290])
    cases = {
        "missing": (whole.assign(y=np.where(spikes, np.nan, usual)), "3 values are missing"),
        "gaps": (whole[~spikes], "3 of 360 steps have no value"),
        "irregular": (whole.assign(ds=stamps + wiggle), "stamps off the grid are floored"),
        "doubled": (pd.concat([whole, whole[:5]]), "5 points share a step"),
        "constant": (whole.assign(y=7.0), "constant history"),
        "short": (whole[:3], "3 values are less than two seasons"),
        "shorter": (whole[:2], "at least 3 values"),
        "intermittent": (whole.assign(y=np.where(random.random(hours) < 0.7, 0.0, usual)), "intermittent"),
        "shifted": (whole.assign(y=usual + 60 * late), "level shifts found"),
        "spiked": (whole.assign(y=usual + 400 * spikes), "outliers given less weight"),
        "jumped": (whole.assign(y=usual + 60 * (np.arange(hours) >= hours - 6)), "far from the level before"),
        "bounded": (whole.assign(y=usual + 0.5 * np.arange(hours), upper=235.0), "held at a bound"),
        "beyond": (whole.assign(upper=55.0), "values lie beyond the bounds"),
        "crossed": (whole.assign(lower=9.0, upper=1.0), "lower bound above the upper one"),
        "endless": (whole.assign(y=np.where(spikes, np.inf, usual)), "3 values are missing or not finite"),
        "timeless": (
            whole.assign(ds=stamps.astype(str).where(~spikes, "soon")),
            "3 points without a readable time",
        ),
    }
    frame = pd.concat(
        [rows.assign(unique_id=name, ds=rows["ds"].astype(str)) for name, (rows, _) in cases.items()]
    )
    return frame, {name: note for name, (_, note) in cases.items()}


def test_each_degradation_is_named_and_only_too_few_values_leave_a_series_without_a_forecast() -> None:
    frame, expected = degraded()

    made = forecast(frame, 48, "h")

    for name, note in expected.items():
        assert note in one(made, name)["notes"].iloc[0], name
    unknown = made[made[LEVELS].isna().any(axis=1)]["unique_id"].unique()
    assert list(unknown) == ["shorter"]
    assert one(made, "beyond")["q0.9"].max() <= 55


def test_what_no_held_back_day_could_judge_is_wider_and_noise_alone_is_not() -> None:
    panel = build_panel(history(trended(20, 120)), "D")
    learned = learn(panel.values, panel.periods, 60, [0.1, 0.5, 0.9], 1)
    assert learned is not None
    assert learned.judged < 28 < learned.reach
    chosen = np.array([0])
    answer = learned.answer(chosen)
    restless = replace(learned, now=replace(learned.now, noise=np.zeros(20)))
    noisy = replace(learned, now=replace(learned.now, noise=np.full(20, np.inf)))

    ratio = width_of(_widen(answer, restless, chosen, 7)) / width_of(answer)

    np.testing.assert_allclose(ratio[0, :28, 0], 1)
    assert (np.diff(ratio[0, 27 : learned.reach, 0]) > 0).all()
    assert width_of(_widen(answer, noisy, chosen, 7))[0, -1, 0] < 1.1 * width_of(answer)[0, -1, 0]
    np.testing.assert_allclose(_widen(answer, restless, chosen, 7)[:, :, 2], answer[:, :, 2])
