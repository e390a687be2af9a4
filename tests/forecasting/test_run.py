"""Forecasts of an estate: exactly the columns that the warehouse reads, for estates of any age."""

from __future__ import annotations

import hashlib
import json
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from assets.forecasting.assets import write_artefact
from assets.forecasting.governance import load_artefact, training_tables
from assets.forecasting.run import ForecastResult, forecast_estate
from assets.home import Home
from assets.warehouse.computed import as_arrow, computed_tables
from tests.forecasting.series import START, trended

DAYS = 80
AS_OF = (START + pd.Timedelta(days=DAYS - 1)).date()
MEMBERSHIP = pd.DataFrame({"service_id": ["shop", "shop"], "series_id": ["pool/s000", "pool/s001"]})


def daily(days: int = DAYS) -> pd.DataFrame:
    parts = []
    for number, (name, values) in enumerate(trended(20, days + 5).items()):
        parts.append(
            pd.DataFrame(
                {
                    "series_id": f"{'pool' if number < 4 else 'ci'}/{name}",
                    "observed_date": pd.date_range(START, periods=days + 5),
                    "demand_value": values,
                    "usable_value": values.max() * 1.05,
                    "unit": "1",
                    "lead_time_days": 21,
                    "lower": 0.0,
                    "upper": np.nan,
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


@pytest.fixture(scope="module")
def result() -> ForecastResult:
    return forecast_estate(daily(), MEMBERSHIP, AS_OF, 30, seed=7)


def test_every_series_has_every_day_and_quantile(result: ForecastResult) -> None:
    counts = result.quantiles.groupby("series_id").size()

    assert (counts == 30 * 9).all()
    assert len(counts) == 20
    assert result.quantiles["value"].notna().all()
    assert result.quantiles["target_date"].min() == AS_OF + pd.Timedelta(days=1)


def test_services_join_resources_and_pools(result: ForecastResult) -> None:
    names = set(result.saturation["series_id"])

    assert {"service/shop", "pool/s000", "ci/s019"} <= names
    assert len(names) == 21
    rows = result.saturation.set_index("series_id")["probability_within_horizon"]
    assert rows["service/shop"] >= max(rows["pool/s000"], rows["pool/s001"])


def test_days_after_the_as_of_day_are_not_read(result: ForecastResult) -> None:
    known = daily()
    known = known[known["observed_date"].dt.date <= AS_OF]

    again = forecast_estate(known, MEMBERSHIP, AS_OF, 30, seed=7)

    pd.testing.assert_series_equal(again.quantiles["value"], result.quantiles["value"], check_exact=True)
    pd.testing.assert_frame_equal(
        again.saturation.drop(columns="notes"), result.saturation.drop(columns="notes")
    )


def test_the_same_input_gives_the_same_frames(result: ForecastResult) -> None:
    again = forecast_estate(daily().sample(frac=1, random_state=1), MEMBERSHIP[::-1], AS_OF, 30, seed=7)

    for table in ("quantiles", "saturation", "scores"):
        pd.testing.assert_frame_equal(getattr(again, table), getattr(result, table), check_exact=True)


def test_a_planned_purchase_raises_what_is_usable(result: ForecastResult) -> None:
    plan = pd.DataFrame({"series_id": ["pool/s000"], "ds": [AS_OF + pd.Timedelta(days=1)], "usable": [1e6]})

    bought = forecast_estate(daily(), MEMBERSHIP, AS_OF, 30, seed=7, planned_usable=plan)

    before = result.saturation.set_index("series_id")["probability_within_horizon"]
    after = bought.saturation.set_index("series_id")["probability_within_horizon"]
    assert after["pool/s000"] == 0 < before["pool/s000"]


def test_a_last_known_limit_goes_on_and_a_missing_one_is_named() -> None:
    frame = daily()
    frame.loc[frame["observed_date"] > "2026-01-20", "usable_value"] = np.nan
    frame.loc[frame["series_id"] == "ci/s010", ["usable_value", "lead_time_days"]] = np.nan

    rows = forecast_estate(frame, MEMBERSHIP, AS_OF, 5, seed=1).saturation.set_index("series_id")

    assert rows.loc["ci/s011", "probability_within_horizon"] >= 0
    assert np.isnan(rows.loc["ci/s010", "probability_within_horizon"])
    assert "no usable capacity is known" in rows.loc["ci/s010", "notes"]
    assert pd.isna(rows.loc["ci/s010", "lead_time_days"])


def test_the_card_names_the_model_that_is_kept(result: ForecastResult, tmp_path: Path) -> None:
    """One row, the hash of the artefact, and a move for every feature; the same training gives the same bytes."""
    assert result.made is not None
    tables, artefact = training_tables(result.made, 1, AS_OF)
    trained_again = forecast_estate(daily(), MEMBERSHIP, AS_OF, 30, seed=7).made
    assert trained_again is not None
    again, same = training_tables(trained_again, 1, AS_OF)
    assert artefact is not None
    assert artefact == same
    (row,) = tables["forecast_models"].to_dict("records")
    card = json.loads(row["model_card"])
    assert row["artefact_sha256"] == hashlib.sha256(artefact).hexdigest() == card["artefact_sha256"]
    assert row["series_count"] == len(result.made.panel.ids)
    assert row["row_count"] == card["training"]["rows"] > 0
    moves = tables["forecast_importances"]
    assert sorted(moves["feature"]) == sorted(card["training"]["features"])
    assert moves["mean_move"].max() > 0
    for name, table in tables.items():
        pd.testing.assert_frame_equal(table, again[name])
        assert as_arrow(name, table).num_rows == len(table)
    home = Home(tmp_path)
    kept = write_artefact(home, artefact)
    assert kept == home.artefact(row["artefact_sha256"]) == write_artefact(home, artefact)
    assert len(load_artefact(kept.read_bytes())["ensembles"]) == len(card["training"]["levels"])


def test_nothing_learned_has_a_card_and_no_artefact() -> None:
    """One day teaches nothing: the card says so."""
    made = forecast_estate(daily(), MEMBERSHIP, START.date(), 30, seed=7).made
    assert made is not None
    tables, artefact = training_tables(made, 1, AS_OF)
    assert artefact is None
    assert tables["forecast_models"]["method"].isna().all()
    assert tables["forecast_importances"].empty
    assert as_arrow("forecast_models", tables["forecast_models"]).num_rows == 1
    assert as_arrow("forecast_importances", tables["forecast_importances"]).num_rows == 0


def test_one_day_of_history_gives_notes_and_no_numbers() -> None:
    first = daily()
    first = first[first["observed_date"] == START]

    made = forecast_estate(first, MEMBERSHIP, date(2026, 1, 1), 30, seed=7)

    assert made.quantiles.empty
    assert made.saturation["p50_date"].isna().all()
    assert made.saturation["notes"].ne("").all()
    assert made.scores["window_count"].eq(0).all()
    assert set(made.scores["model"]) == {"none"}


def test_an_estate_without_series_gives_empty_tables() -> None:
    made = forecast_estate(daily().iloc[:0], MEMBERSHIP.iloc[:0], AS_OF, 30, seed=7)

    for table in ("quantiles", "saturation", "scores"):
        frame = getattr(made, table)
        assert list(frame.columns) == list(computed_tables()[f"forecast_{table}"].columns)
        assert frame.empty


def test_scores_say_when_they_cover_only_the_first_days() -> None:
    made = forecast_estate(daily(), MEMBERSHIP, AS_OF, 60, seed=7)

    assert set(made.scores["notes"]) == {"scored on the first 20 of 60 days"}
    assert set(made.scores["window_count"]) == {3}
